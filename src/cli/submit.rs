//! `housestyle submit SPEC [--wait]`: submits a campaign to the workers behind the broker, and prints their answer.

use std::path::PathBuf;

use super::context::CommandContext;
use super::out::Out;
use super::outcome::CommandOutcome;
use super::status;
use crate::app::AppResult;
use crate::app::submit::SubmitRequest;

/// Arguments of `submit`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The campaign file (YAML)
    spec: PathBuf,
    /// Wait until the campaign has ended, and show its progress
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    out: Out,
}

/// Submits a campaign and prints the answer.
///
/// # Errors
/// As [`App::submit`](crate::app::App::submit), and if the JSON document cannot be serialised.
pub async fn run(args: Args, context: &CommandContext) -> AppResult<CommandOutcome> {
    context.app.shutdown.on_signals();
    let request = SubmitRequest { file: args.spec, wait: args.wait, out: args.out.place };
    let report = context.app.submit(request).await?;
    if report.campaign.is_none() {
        let submission = &report.submission;
        context.say(format!("submitted as {submission}, but no worker has answered yet"));
        context.say("the broker keeps it; check that a worker runs (`housestyle worker`)");
    }
    context.emit(&report)?;
    Ok(match &report.status {
        Some(status) => status::outcome(status, context),
        None if report.campaign.is_none() && context.app.shutdown.requested() => CommandOutcome::Stopped,
        None => CommandOutcome::Done,
    })
}
