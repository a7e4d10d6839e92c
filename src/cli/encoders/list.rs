//! `housestyle encoders list`: every version in one table.

use serde::Serialize;

use super::super::table::table;
use super::super::{Context, Out, Outcome};
use crate::base::digest::Digest;
use crate::base::error::Result;
use crate::base::time::{Date, Timestamp};
use crate::base::version::VersionId;
use crate::registry::promote::{CATEGORY, STYLE};
use crate::registry::retrain::due;
use crate::registry::{Card, Survey};

/// Arguments of `encoders list`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    out: Out,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    versions: Vec<Row>,
    /// Cards and sidecars that could not be read, with the reason.
    unreadable: Vec<String>,
}

#[derive(Serialize)]
struct Row {
    version: VersionId,
    trained: Date,
    /// `promoted`, `candidate`, `revoked`, or `refused` where rights ended or the house no longer allows their licence.
    state: &'static str,
    bundle: String,
    base: Digest,
    pictures: usize,
    style: Option<f64>,
    category: Option<f64>,
    /// Why it must not be used for new work.
    unusable: Option<String>,
    /// Why the version in use should be trained again.
    due: Vec<String>,
}

/// Prints the table.
pub fn run(args: Args, context: &Context) -> Result<Outcome> {
    let store = context.store(&args.out)?;
    let survey = context.block_on(Survey::of(&store))?;
    let today = Timestamp::now().date();
    let versions: Vec<Row> = survey.cards.values().map(|card| row(&survey, card, today, context)).collect();
    if versions.is_empty() {
        context.say("no encoder has been trained here; `housestyle train STYLESET` trains one");
    } else {
        context.say_text(describe(&versions));
    }
    for reason in &survey.unreadable {
        context.say(format!("cannot be read: {reason}"));
    }
    context.emit(&Report { versions, unreadable: survey.unreadable })?;
    Ok(Outcome::Done)
}

fn row(survey: &Survey, card: &Card, today: Date, context: &Context) -> Row {
    let promoted = survey.promoted.get(&card.id.encoder()) == Some(&card.id);
    let revoked = survey.revoked(&card.id).map(|(lesson, revocation)| format!("{} is {}", lesson.file, revocation.because()));
    let refused = survey.refused(&card.id, &context.policy());
    let due = match promoted {
        true => due(&context.config.update_policy, &survey.wear(card, today)),
        false => Vec::new(),
    };
    Row {
        version: card.id.clone(),
        trained: card.created_at.date(),
        state: match (&revoked, &refused) {
            (Some(_), _) => "revoked",
            (None, Some(_)) => "refused",
            (None, None) if promoted => "promoted",
            (None, None) => "candidate",
        },
        bundle: card.base.name.clone(),
        base: card.base.digest,
        pictures: card.pictures.len(),
        style: card.scores.get(STYLE).copied(),
        category: card.scores.get(CATEGORY).copied(),
        unusable: revoked.or(refused),
        due,
    }
}

fn describe(versions: &[Row]) -> String {
    let score = |score: Option<f64>| score.map_or_else(|| "-".into(), |score| format!("{score:.3}"));
    let heads = ["version", "trained", "bundle", "pictures", "style", "category", "state", ""].map(String::from).to_vec();
    let rows = versions.iter().map(|row| {
        let note = match (&row.unusable, row.due.is_empty()) {
            (Some(reason), _) => reason.clone(),
            (None, false) => format!("due: {}", row.due.join(", ")),
            (None, true) => String::new(),
        };
        let (version, trained, pictures) = (row.version.to_string(), row.trained.to_string(), row.pictures.to_string());
        vec![version, trained, row.bundle.clone(), pictures, score(row.style), score(row.category), row.state.into(), note]
    });
    table(&std::iter::once(heads).chain(rows).collect::<Vec<_>>())
}
