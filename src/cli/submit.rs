//! `housestyle submit SPEC [--wait]`: hands a campaign to the workers behind the broker, and says what became of it.

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
    /// Stay until the campaign is over, and say how far it is
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    out: Out,
}

/// Submits.
pub async fn run(args: Args, context: &CommandContext) -> AppResult<CommandOutcome> {
    context.app.shutdown.on_signals();
    let request = SubmitRequest { file: args.spec, wait: args.wait, out: args.out.place };
    let report = context.app.submit(request).await?;
    if report.campaign.is_none() {
        let submission = &report.submission;
        context.say(format!("handed over as submission {submission}, but no worker has answered yet"));
        context.say("the broker keeps it; check that a worker runs (`housestyle worker`)");
    }
    context.emit(&report)?;
    Ok(match &report.status {
        Some(status) => status::outcome(status, context),
        None if report.campaign.is_none() && context.app.shutdown.requested() => CommandOutcome::Stopped,
        None => CommandOutcome::Done,
    })
}
