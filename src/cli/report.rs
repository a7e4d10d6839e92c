//! `housestyle report CAMPAIGN [--baseline NAME] [--costs FILE]`: writes the report for a decision as one HTML page,
//! JSON, CSV and Markdown.

use std::path::PathBuf;

use super::context::CommandContext;
use super::eval::EvaluationArgs;
use super::lang::PageLanguage;
use super::outcome::CommandOutcome;
use crate::app::AppResult;
use crate::app::report::ReportRequest;

/// Arguments of `report`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    evaluation: EvaluationArgs,
    /// A cost model (YAML); without it the report has no costs
    #[arg(long, value_name = "FILE")]
    costs: Option<PathBuf>,
    /// The report's language
    #[arg(long, value_enum, default_value_t)]
    lang: PageLanguage,
    /// Folder to write the report to
    #[arg(long, default_value = "report", value_name = "DIR")]
    to: PathBuf,
}

/// Writes the report and prints its verdict.
///
/// # Errors
/// As [`App::write_report`](crate::app::App::write_report), and if the JSON document cannot be serialised.
pub async fn run(args: Args, context: &CommandContext) -> AppResult<CommandOutcome> {
    let Args { evaluation, costs, lang, to } = args;
    let request = ReportRequest { evaluation: evaluation.into(), costs, lang: lang.into(), to };
    let written = context.app.write_report(request).await?;
    context.say(&written.sentence);
    context.say(format!("report: {}", written.report));
    context.emit(&written)?;
    Ok(if written.passed { CommandOutcome::Done } else { CommandOutcome::SomeFailed })
}
