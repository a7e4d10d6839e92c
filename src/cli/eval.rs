//! `housestyle eval CAMPAIGN [--baseline NAME] [--suite FILE]`: evaluates a campaign's images, alone or against a
//! baseline. A suite with a threshold that is not met makes the exit code 3.

use std::path::PathBuf;

use super::context::CommandContext;
use super::out::Out;
use super::outcome::CommandOutcome;
use super::table::Table;
use crate::app::AppResult;
use crate::app::evaluate::EvaluateRequest;
use crate::base::names::Name;
use crate::eval::Evaluation;
use crate::eval::evaluation::{Compared, Comparison, ComparisonVerdict, MeanEstimate, Measure, SuiteCheck};

/// The arguments of an evaluation, which `report` and `review` take too.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct EvaluationArgs {
    /// The campaign: its file (YAML), its id, or its name if no other campaign has it
    pub(super) campaign: String,
    /// An imported baseline to compare with
    #[arg(long, value_name = "NAME")]
    pub(super) baseline: Option<Name>,
    /// A suite (YAML) that pins settings and thresholds; exit code 3 if a threshold is not met
    #[arg(long, value_name = "FILE")]
    suite: Option<PathBuf>,
    /// A style set (YAML) whose pictures are the references of styles; may be given several times
    #[arg(long, value_name = "STYLESET")]
    references: Vec<PathBuf>,
    #[command(flatten)]
    pub(super) out: Out,
}

impl From<EvaluationArgs> for EvaluateRequest {
    fn from(args: EvaluationArgs) -> Self {
        let EvaluationArgs { campaign, baseline, suite, references, out } = args;
        Self { campaign, baseline, suite, references, out: out.place }
    }
}

/// Arguments of `eval`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    evaluation: EvaluationArgs,
}

/// Evaluates a campaign and prints the result.
///
/// # Errors
/// As [`App::evaluate`](crate::app::App::evaluate), and if the JSON document cannot be serialised.
pub async fn run(args: Args, context: &CommandContext) -> AppResult<CommandOutcome> {
    let evaluation = context.app.evaluate(args.evaluation.into()).await?;
    context.say_text(describe(&evaluation));
    context.emit(&evaluation)?;
    Ok(match &evaluation.suite {
        Some(suite) if !suite.passed => CommandOutcome::SomeFailed,
        _ => CommandOutcome::Done,
    })
}

fn describe(evaluation: &Evaluation) -> String {
    let mut parts = vec![format!(
        "campaign  {}: {} of {} accepted",
        evaluation.campaign, evaluation.in_house.accepted, evaluation.in_house.asked
    )];
    if let Some(theirs) = &evaluation.outsourced {
        parts.push(format!("baseline  {}: {} images for {} briefs", theirs.name, theirs.accepted, theirs.briefs));
    }
    match &evaluation.comparison {
        Comparison::Alone => {}
        Comparison::Comparable { briefs, .. } => parts.push(format!("compared  on {briefs} briefs that both answered")),
        Comparison::NotComparable { reasons } => parts.push(format!("not comparable: {}", reasons.join("; "))),
    }
    let head = ["measure", "house", "first attempts", "vendor", "house - vendor", "p (corrected)", "verdict"];
    let mut table = Table::new(head);
    evaluation.measures.iter().for_each(|measure| table.push(row(measure)));
    parts.push(String::new());
    parts.push(table.to_string());
    parts.push(String::new());
    for d in &evaluation.distributions {
        let value = match (d.value, d.low, d.high, &d.refused) {
            (Some(value), Some(low), Some(high), _) => format!("{value:.3} ({low:.3} to {high:.3})"),
            (Some(value), ..) => format!("{value:.3}"),
            (None, .., reason) => format!("refused: {}", reason.as_deref().unwrap_or("not measured")),
        };
        parts.push(pair(&format!("{} from {} to {}", d.metric, d.from, d.to), value));
    }
    for warning in &evaluation.warnings {
        parts.push(pair("note", warning.message.clone()));
    }
    if let Some(suite) = &evaluation.suite {
        parts.push(format!("\nsuite {}: {}", suite.name, if suite.passed { "passed" } else { "failed" }));
        let number = |value: Option<f64>| value.map_or_else(|| "-".into(), |v| format!("{v:.3}"));
        let check = |check: &SuiteCheck| {
            let verdict = if check.passed { "ok" } else { "fails" };
            vec![verdict.into(), check.what.clone(), number(check.found), number(check.least), number(check.most)]
        };
        let mut table = Table::new(["", "what", "found", "least", "most"]);
        suite.checks.iter().for_each(|checked| table.push(check(checked)));
        parts.push(table.to_string());
    }
    parts.join("\n")
}

fn row(row: &Compared) -> Vec<String> {
    let number = |value: f64| match row.measure {
        measure if measure.is_share() => format!("{:.0} %", 100.0 * value),
        Measure::ImageText => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    };
    let ends = |low: Option<f64>, high: Option<f64>| match (low, high) {
        (Some(low), Some(high)) => format!(" ({} to {})", number(low), number(high)),
        _ => String::new(),
    };
    let estimate = |e: &Option<MeanEstimate>| e.map_or_else(|| "-".into(), |e| number(e.mean) + &ends(e.low, e.high));
    let mut cells = vec![
        row.measure.to_string(),
        estimate(&row.in_house),
        estimate(&row.first_attempts),
        estimate(&row.outsourced),
    ];
    if let Some(d) = &row.difference {
        let so = match d.verdict {
            ComparisonVerdict::InHouse => "in-house is better",
            ComparisonVerdict::Outsourced => "the vendor is better",
            ComparisonVerdict::NotEnoughEvidence => "not enough evidence",
        };
        cells.extend([number(d.mean) + &ends(Some(d.low), Some(d.high)), format!("{:.4}", d.p_corrected), so.into()]);
    }
    cells
}

/// Returns a line with a name and its value.
fn pair(name: &str, value: String) -> String {
    let mut table = Table::plain();
    table.pair(name, value);
    table.to_string()
}
