//! `housestyle cancel CAMPAIGN`: cancels a campaign; finished assets stay.

use super::actor::By;
use super::context::CommandContext;
use super::out::Out;
use super::outcome::CommandOutcome;
use crate::app::AppResult;
use crate::app::cancel::CancelRequest;
use crate::campaign::status::{CampaignState, CampaignStatus};
use crate::plan::CampaignId;

/// Arguments of `cancel`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The campaign's id, as `submit` printed it
    campaign: CampaignId,
    #[command(flatten)]
    out: Out,
    #[command(flatten)]
    by: By,
}

/// Cancels a campaign and prints the number of jobs that are not made.
///
/// # Errors
/// As [`App::cancel`](crate::app::App::cancel), if the name of the person is invalid, and if the JSON document cannot
/// be serialised.
pub async fn run(args: Args, context: &CommandContext) -> AppResult<CommandOutcome> {
    let request = CancelRequest { campaign: args.campaign, by: args.by.actor()?, out: args.out.place };
    let report = context.app.cancel(request).await?;
    let CampaignStatus { campaign, remaining, jobs, .. } = &report.standing;
    context.say(match (report.cancelled, report.standing.state) {
        (true, _) => format!("{campaign} is cancelled; {remaining} of {jobs} are not made"),
        (false, CampaignState::Complete) => format!("{campaign} is complete; nothing is left to cancel"),
        (false, _) => format!("{campaign} was cancelled before"),
    });
    context.emit(&report)?;
    Ok(CommandOutcome::Done)
}
