//! `housestyle cancel CAMPAIGN`: what is queued is not begun, what is in work stops within a step of the news.
//!
//! Always holds: what is finished stays; the marker in the store is all there is to it, so no broker is needed; submitting
//! the campaign again, or `retry`, lifts it.

use serde::Serialize;

use super::encoders::By;
use super::{Context, Out, Outcome};
use crate::base::error::Result;
use crate::campaign::records;
use crate::campaign::status::{Standing, State, unknown};
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

#[derive(Serialize)]
struct Report {
    /// Whether it was stopped by this; not if it was over before.
    cancelled: bool,
    #[serde(flatten)]
    standing: Standing,
}

/// Cancels.
pub fn run(args: Args, context: &Context) -> Result<Outcome> {
    let (store, by) = (context.store(&args.out)?, args.by.name()?);
    let report = context.block_on(async {
        let id = &args.campaign;
        let standing = Standing::of(&*store, id).await?.ok_or_else(|| unknown(id, &*store))?;
        if standing.state == State::Complete || standing.state == State::Cancelled {
            return Ok(Report { cancelled: false, standing });
        }
        records::cancel(&*store, id, &by).await?;
        let standing = Standing { state: State::Cancelled, ..standing };
        Ok(Report { cancelled: true, standing })
    })?;
    let Standing { campaign, remaining, jobs, .. } = &report.standing;
    context.say(match (report.cancelled, report.standing.state) {
        (true, _) => format!("{campaign} is cancelled; {remaining} of {jobs} are not made"),
        (false, State::Complete) => format!("{campaign} is complete; nothing is left to cancel"),
        (false, _) => format!("{campaign} was cancelled before"),
    });
    context.emit(&report)?;
    Ok(Outcome::Done)
}
