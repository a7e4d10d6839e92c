//! `housestyle status CAMPAIGN [--watch]`: prints a campaign's progress, rate, time left, and jobs queued ahead of
//! it.

use super::context::CommandContext;
use super::out::Out;
use super::outcome::CommandOutcome;
use super::words::duration;
use crate::app::AppResult;
use crate::app::findings::StatusReport;
use crate::app::status::StatusRequest;
use crate::campaign::status::CampaignState;
use crate::plan::CampaignId;

/// Arguments of `status`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The campaign's id, as `submit` printed it
    campaign: CampaignId,
    /// Print every change of the status until the campaign has ended
    #[arg(long)]
    watch: bool,
    #[command(flatten)]
    out: Out,
}

/// Prints a campaign's status.
///
/// # Errors
/// As [`App::status`](crate::app::App::status), and if the JSON document cannot be serialised.
pub async fn run(args: Args, context: &CommandContext) -> AppResult<CommandOutcome> {
    context.app.shutdown.on_signals();
    let request = StatusRequest { campaign: args.campaign, out: args.out.place };
    let report = if args.watch {
        context.app.watch(request).await?
    } else {
        let report = context.app.status(request).await?;
        context.say(line(&report));
        report
    };
    context.say(format!("folder  {}", report.folder));
    context.emit(&report)?;
    Ok(outcome(&report, context))
}

/// Returns the outcome for the exit code: some failed if the campaign has ended without every asset accepted; stopped
/// if it goes on and watching was interrupted; else done.
pub(super) fn outcome(report: &StatusReport, context: &CommandContext) -> CommandOutcome {
    match report.standing.state {
        CampaignState::Complete if report.standing.accepted == report.standing.jobs => CommandOutcome::Done,
        CampaignState::Complete | CampaignState::Incomplete => CommandOutcome::SomeFailed,
        _ if context.app.shutdown.requested() => CommandOutcome::Stopped,
        CampaignState::Queued | CampaignState::Running | CampaignState::Cancelled => CommandOutcome::Done,
    }
}

/// Formats a status as one line.
pub(super) fn line(report: &StatusReport) -> String {
    let StatusReport { standing: s, rate, seconds_left, ahead, .. } = report;
    let state = match s.state {
        CampaignState::Queued => "queued",
        CampaignState::Running => "running",
        CampaignState::Complete => "complete",
        CampaignState::Incomplete => "ended incomplete",
        CampaignState::Cancelled => "cancelled",
    };
    let mut line = format!(
        "{}  {state}  {}/{} finished, {} accepted, {} rejected",
        s.campaign,
        s.finished(),
        s.jobs,
        s.accepted,
        s.rejected
    );
    for (count, what) in [(s.failed, "failed"), (s.dead, "dead-lettered")] {
        if count > 0 {
            line += &format!(", {count} {what}");
        }
    }
    if let (Some(rate), Some(left)) = (rate, seconds_left) {
        line += &format!(", {rate:.1} images/s, about {} left", duration(*left));
    }
    if let Some(ahead) = ahead {
        line += &format!(", {ahead} jobs of other campaigns ahead of it");
    }
    line
}
