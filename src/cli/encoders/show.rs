//! `housestyle encoders show VERSION|ENCODER`: prints one version's card, or one encoder's versions and history.

use std::collections::BTreeMap;

use crate::app::AppResult;
use crate::app::encoders::show::{EncoderDetails, ShowEncoderRequest};
use crate::cli::context::CommandContext;
use crate::cli::out::Out;
use crate::cli::outcome::CommandOutcome;
use crate::cli::table::{Table, shortened};
use crate::registry::{Card, PromotionReason};

/// Arguments of `encoders show`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A version such as style/acme@3, or an encoder such as style/acme; `style/` may be left out
    #[arg(value_name = "VERSION|ENCODER")]
    what: String,
    #[command(flatten)]
    out: Out,
}

/// Prints the details of an encoder or version.
///
/// # Errors
/// As [`App::show_encoder`](crate::app::App::show_encoder), and if the JSON document cannot be serialised.
pub async fn run(args: Args, context: &CommandContext) -> AppResult<CommandOutcome> {
    let details = context.app.show_encoder(ShowEncoderRequest { name: args.what, out: args.out.place }).await?;
    context.say_text(describe(&details).to_string());
    context.emit(&details)?;
    Ok(CommandOutcome::Done)
}

fn describe(report: &EncoderDetails) -> Table {
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
            PromotionReason::Evidence(evidence) => evidence.join(", "),
            PromotionReason::Forced(reason) => format!("forced: {reason}"),
            PromotionReason::Rollback(reason) => format!("rolled back: {reason}"),
        };
        rows.push(("history", format!("{}  {}  by {}: {why}", record.at, record.version, record.by)));
    }
    let mut table = Table::plain();
    for (head, text) in rows {
        table.pair(head, text);
    }
    table
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
