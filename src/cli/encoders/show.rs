//! `housestyle encoders show VERSION|ENCODER`: one version's card, or one encoder's versions and history.

use std::collections::BTreeMap;

use serde::Serialize;

use super::super::table::{shortened, table};
use super::super::{Context, Out, Outcome};
use crate::base::error::{Error, Result};
use crate::base::version::{EncoderName, VersionId};
use crate::registry::ledger::Ledger;
use crate::registry::{Card, Grounds, Promotion, Registry};
use crate::rights::Terms;

/// Arguments of `encoders show`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A version such as style/acme@3, or an encoder such as style/acme; `style/` may be left out
    #[arg(value_name = "VERSION|ENCODER")]
    what: String,
    #[command(flatten)]
    out: Out,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    encoder: EncoderName,
    versions: Vec<VersionId>,
    promoted: Option<VersionId>,
    promotions: Vec<Promotion>,
    /// The card of the version asked for, or of the one in use.
    card: Option<Card>,
    /// Where that version's files lie.
    folder: Option<String>,
    /// What its pictures' rights allow together today.
    terms: Option<Terms>,
    /// Why it must not be used for new work.
    unusable: Option<String>,
}

/// Prints what is known.
pub fn run(args: Args, context: &Context) -> Result<Outcome> {
    let wrong = |reason: String| Error::invalid(format!("{}: {reason}", args.what.escape_debug()));
    let asked: Option<VersionId> = args.what.contains('@').then(|| args.what.parse()).transpose().map_err(wrong)?;
    let encoder = match &asked {
        Some(version) => version.encoder(),
        None => args.what.parse().map_err(wrong)?,
    };
    let store = context.store(&args.out)?;
    let report = context.block_on(async {
        let (registry, ledger) = (Registry::new(store.clone()), Ledger::new(store));
        let versions: Vec<VersionId> =
            registry.numbers(&encoder).await?.into_iter().map(|number| encoder.version(number)).collect();
        if versions.is_empty() {
            return Err(
                Error::invalid(format!("there is no encoder {encoder}")).hint("`housestyle encoders list` shows every version")
            );
        }
        let promotions = registry.promotions(&encoder).await?;
        let promoted = promotions.last().map(|record| record.version.clone());
        let (mut card, mut terms, mut unusable) = (None, None, None);
        if let Some(version) = asked.as_ref().or(promoted.as_ref()) {
            card = Some(registry.card(version).await?);
            terms = Some(Terms::of(&registry.grants_today(version).await?));
            unusable = registry.barred(version, &ledger.revocations().await?, &context.policy()).await?;
        }
        let folder = card.as_ref().map(|card| registry.locate(&card.id)).transpose()?;
        Ok(Report { encoder, versions, promoted, promotions, card, folder, terms, unusable })
    })?;
    context.say_text(describe(&report));
    context.emit(&report)?;
    Ok(Outcome::Done)
}

fn describe(report: &Report) -> String {
    let mut rows: Vec<(&str, String)> = Vec::new();
    if let Some(card) = &report.card {
        describe_card(card, &mut rows);
        rows.extend(report.terms.as_ref().map(|terms| ("rights", terms.to_string())));
        rows.extend(report.folder.clone().map(|folder| ("folder", folder)));
        rows.extend(report.unusable.clone().map(|reason| ("unusable", reason)));
    }
    let versions: Vec<String> = report.versions.iter().map(|version| version.number.to_string()).collect();
    rows.push(("versions", versions.join(", ")));
    rows.push(("promoted", report.promoted.as_ref().map_or_else(|| "none".into(), ToString::to_string)));
    for record in report.promotions.iter().rev() {
        let why = match &record.grounds {
            Grounds::Evidence(evidence) => evidence.join(", "),
            Grounds::Forced(reason) => format!("forced: {reason}"),
            Grounds::Rollback(reason) => format!("rolled back: {reason}"),
        };
        rows.push(("history", format!("{}  {}  by {}: {why}", record.at, record.version, record.by)));
    }
    table(&rows.into_iter().map(|(head, text)| vec![head.to_owned(), text]).collect::<Vec<_>>())
}

fn describe_card(card: &Card, rows: &mut Vec<(&str, String)>) {
    let settings = &card.settings;
    rows.push(("version", card.id.to_string()));
    rows.push(("trained", format!("{} for {}@{}", card.created_at, card.base.name, card.base.digest)));
    rows.extend(card.parent.as_ref().map(|parent| ("parent", parent.to_string())));
    rows.push(("prompt", card.prompt.clone()));
    rows.push((
        "settings",
        format!(
            "{:?} loss, denoising {}, {} steps, rank {}, learning rate {:e}",
            settings.loss, settings.denoising, settings.steps, settings.rank, settings.learning_rate
        ),
    ));
    let scores: Vec<String> = card.scores.iter().map(|(name, score)| format!("{name} {score:.3}")).collect();
    rows.push(("scores", if scores.is_empty() { "none".into() } else { scores.join(", ") }));
    let mut sources: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for lesson in &card.pictures {
        *sources.entry((&lesson.source, lesson.licence.as_str())).or_default() += 1;
    }
    let lines = sources.iter().map(|((source, licence), count)| format!("{count} from {source} ({licence})")).collect();
    rows.extend(shortened(lines, 10).into_iter().map(|line| ("pictures", line)));
    rows.push(("weights", format!("{} bytes, {}", card.bytes, card.weights)));
}
