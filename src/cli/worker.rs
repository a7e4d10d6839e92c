//! `housestyle worker [--drain]`: takes campaigns and jobs from the broker until asked to stop; ends with exit code
//! 0.

use super::context::CommandContext;
use super::out::Out;
use super::outcome::CommandOutcome;
use crate::app::AppResult;
use crate::app::work::WorkRequest;

/// Arguments of `worker`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The bundle to draw with; without it, the only one in the folders of --bundles
    #[arg(long, value_name = "NAME")]
    bundle: Option<String>,
    /// End once the queue is empty
    #[arg(long)]
    drain: bool,
    #[command(flatten)]
    out: Out,
}

/// Runs a worker until it is asked to stop.
///
/// # Errors
/// As [`App::work`](crate::app::App::work), and if the JSON document cannot be serialised.
pub async fn run(args: Args, context: &CommandContext) -> AppResult<CommandOutcome> {
    context.app.shutdown.on_signals();
    let request = WorkRequest { bundle: args.bundle, drain: args.drain, out: args.out.place };
    let report = context.app.work(request).await?;
    context.say(format!("{} made, {} found finished", report.made, report.found));
    context.emit(&report)?;
    Ok(CommandOutcome::Done)
}
