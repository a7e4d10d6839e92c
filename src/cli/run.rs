//! `housestyle run SPEC [--out DIR|s3://BUCKET/PREFIX]`: makes the assets of a campaign; a second run resumes it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::context::CommandContext;
use super::out::Out;
use super::outcome::CommandOutcome;
use crate::app::AppResult;
use crate::app::run::{RunReport, RunRequest};

/// Arguments of `run`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The campaign file (YAML)
    spec: PathBuf,
    #[command(flatten)]
    out: Out,
}

/// Runs a campaign and prints its summary.
///
/// # Errors
/// As [`App::run`](crate::app::App::run), and if the JSON document cannot be serialised.
pub async fn run(args: Args, context: &CommandContext) -> AppResult<CommandOutcome> {
    context.app.shutdown.on_signals();
    let report = context.app.run(RunRequest { file: args.spec, out: args.out.place }).await?;
    describe(&report, context);
    context.emit(&report)?;
    Ok(match &report {
        RunReport { stopped: true, .. } => CommandOutcome::Stopped,
        RunReport { complete: true, summary, jobs, .. } if summary.total.accepted == *jobs => CommandOutcome::Done,
        _ => CommandOutcome::SomeFailed,
    })
}

fn describe(report: &RunReport, context: &CommandContext) {
    if report.summary.total.made > 0 {
        let scored = report.evaluator.as_ref().filter(|_| report.summary.first_attempts.scored > 0);
        let accuracy = scored.map_or_else(String::new, |held_out| format!("{}\n", accuracy(held_out)));
        context.say_text(format!("\n{}\n{accuracy}\n", report.summary));
    }
    for dead in &report.dead {
        context.say(format!("abandoned: job {}: {}", dead.job, dead.reason));
    }
    context.say(format!("folder         {}", report.folder));
    if let Some(sheet) = &report.contact_sheet {
        context.say(format!("contact sheet  {sheet}"));
    }
    let (jobs, made) = (report.jobs, report.summary.total.made);
    context.say(match report {
        RunReport { stopped: true, .. } => {
            format!("stopped with {made} of {jobs} finished; run the same command again to resume")
        }
        RunReport { complete: false, .. } => {
            format!("{made} of {jobs} finished; run the same command again to retry the rest")
        }
        _ => format!("all {jobs} finished, {} by this run in {:.1} s", report.made_now, report.seconds),
    });
}

/// Describes the evaluator's accuracy on held-out drawings, which says how far its scores can be trusted.
fn accuracy(held_out: &BTreeMap<String, f64>) -> String {
    let percent = |key: &str| held_out.get(key).map(|share| format!("{:.0} %", 100.0 * share));
    let known =
        [("style", "style", ""), ("category_top1", "category", " (top 1)"), ("category_top5", "category", " (top 5)")];
    let parts: Vec<String> =
        known.iter().filter_map(|(key, what, which)| Some(format!("{what} {}{which}", percent(key)?))).collect();
    if parts.is_empty() {
        return "the evaluator itself: the bundle does not say how often it is right".into();
    }
    let many = held_out.get("drawings").map_or_else(String::new, |drawings| format!("{drawings:.0} "));
    format!("the evaluator itself, on {many}held-out drawings: {}", parts.join(", "))
}
