//! `housestyle retry CAMPAIGN`: only what failed, or was given up on, is made again; what is accepted or rejected stays.

use serde::Serialize;

use super::{Context, Out, Outcome};
use crate::base::error::Result;
use crate::broker::{Order, Task};
use crate::campaign::status::{Standing, State, unknown};
use crate::plan::CampaignId;

/// Arguments of `retry`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The campaign's id, as `submit` printed it
    campaign: CampaignId,
    #[command(flatten)]
    out: Out,
}

#[derive(Serialize)]
struct Report {
    campaign: String,
    /// Jobs that are made again.
    again: usize,
}

/// Has it made again.
pub fn run(args: Args, context: &Context) -> Result<Outcome> {
    let store = context.store(&args.out)?;
    let report = context.block_on(async {
        let id = &args.campaign;
        let standing = Standing::of(&*store, id).await?.ok_or_else(|| unknown(id, &*store))?;
        let unfinished = if standing.state == State::Cancelled { standing.remaining } else { 0 };
        let again = standing.failed + standing.dead + unfinished;
        if again > 0 {
            let queue = context.broker(1).await?;
            // They go back to the queue with the rest, not by `dead requeue` once more.
            queue.forget(|letter| letter.campaign.as_deref() == Some(id.as_str())).await?;
            queue.orders().publish(Order::new(Task::Retry { campaign: id.clone() }, None)).await?;
        }
        Ok(Report { campaign: id.to_string(), again })
    })?;
    context.say(match report.again {
        0 => format!("nothing of {} failed", report.campaign),
        again => format!(
            "{again} of {} are made again; `housestyle status {} --watch` shows how far they are",
            report.campaign, report.campaign
        ),
    });
    context.emit(&report)?;
    Ok(Outcome::Done)
}
