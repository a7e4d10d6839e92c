//! `housestyle retry CAMPAIGN`: retries the failed and dead-lettered jobs of a campaign.

use super::context::CommandContext;
use super::out::Out;
use super::outcome::CommandOutcome;
use crate::app::AppResult;
use crate::app::retry::RetryRequest;
use crate::plan::CampaignId;

/// Arguments of `retry`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The campaign's id, as `submit` printed it
    campaign: CampaignId,
    #[command(flatten)]
    out: Out,
}

/// Retries a campaign and prints the number of jobs that are made again.
///
/// # Errors
/// As [`App::retry`](crate::app::App::retry), and if the JSON document cannot be serialised.
pub async fn run(args: Args, context: &CommandContext) -> AppResult<CommandOutcome> {
    let report = context.app.retry(RetryRequest { campaign: args.campaign, out: args.out.place }).await?;
    let campaign = &report.campaign;
    context.say(match report.again {
        0 => format!("nothing of {campaign} failed"),
        again => format!(
            "{again} of {campaign} are made again; `housestyle status {campaign} --watch` shows how far they are"
        ),
    });
    context.emit(&report)?;
    Ok(CommandOutcome::Done)
}
