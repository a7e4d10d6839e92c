//! `housestyle status CAMPAIGN [--watch]`: how far a campaign is, how fast, how long still, and how much waits before it.
//!
//! Always holds: what is counted is what the store holds; the broker is asked only for the place in the queue, and that it is
//! away is no reason not to answer.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::plan::duration;
use super::{Context, Out, Outcome};
use crate::base::error::Result;
use crate::campaign::layout::Layout;
use crate::campaign::status::{Standing, State, unknown};
use crate::plan::CampaignId;
use crate::store::Store;

/// Arguments of `status`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The campaign's id, as `submit` printed it
    campaign: CampaignId,
    /// Stay, and say how far it is whenever that changes, until it is over
    #[arg(long)]
    watch: bool,
    #[command(flatten)]
    out: Out,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    #[serde(flatten)]
    standing: Standing,
    /// Where everything lies.
    folder: String,
    /// Images a second: since it is watched, else since it was queued.
    rate: Option<f64>,
    /// Seconds until it is complete, at this rate.
    seconds_left: Option<f64>,
    /// Jobs of others that wait on the same lane before a campaign that is not begun; `None` where the broker is not known.
    ahead: Option<usize>,
}

/// Says how far it is.
pub fn run(args: Args, context: &Context) -> Result<Outcome> {
    let store = context.store(&args.out)?;
    context.block_on(async {
        context.shutdown.on_signals();
        let report = match args.watch {
            true => watch(&*store, &args.campaign, context).await?,
            false => look(&*store, &args.campaign, None, context).await?,
        };
        if !args.watch {
            context.say(line(&report));
        }
        context.say(format!("folder  {}", report.folder));
        context.emit(&report)?;
        Ok(outcome(&report, context))
    })
}

/// What it means for the exit code: over, and all accepted; over, but not all; or still at it, which is fine.
pub(super) fn outcome(report: &Report, context: &Context) -> Outcome {
    match report.standing.state {
        State::Complete if report.standing.accepted == report.standing.jobs => Outcome::Done,
        State::Complete | State::Incomplete => Outcome::SomeFailed,
        _ if context.shutdown.requested() => Outcome::Stopped,
        State::Queued | State::Running | State::Cancelled => Outcome::Done,
    }
}

/// Between two looks at a campaign: less often where looking takes longer.
const PAUSE: Duration = Duration::from_millis(500);

/// Says how far it is until it is over, or somebody wants to stop.
pub(super) async fn watch(store: &dyn Store, campaign: &CampaignId, context: &Context) -> Result<Report> {
    let (started, mut first, mut told) = (Instant::now(), None, None);
    loop {
        let looked = Instant::now();
        let since = first.map(|made| (made, started.elapsed()));
        let report = look(store, campaign, since, context).await?;
        let standing = &report.standing;
        first.get_or_insert(standing.finished());
        let seen = (standing.state, standing.finished(), standing.dead);
        if told != Some(seen) {
            context.say(line(&report));
            told = Some(seen);
        }
        // The manifest comes last: who waits for the end wants it, too.
        let whole = standing.state != State::Complete || is_whole(store, campaign).await?;
        if standing.is_over() && whole || context.shutdown.requested() {
            return Ok(report);
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE.max(looked.elapsed() * 4)) => {}
            () = context.shutdown.wait() => {}
        }
    }
}

async fn is_whole(store: &dyn Store, campaign: &CampaignId) -> Result<bool> {
    Ok(store.size(&Layout::new(campaign.as_str())?.manifest()?).await?.is_some())
}

async fn look(store: &dyn Store, campaign: &CampaignId, since: Option<(usize, Duration)>, context: &Context) -> Result<Report> {
    let standing = Standing::of(store, campaign).await?.ok_or_else(|| unknown(campaign, store))?;
    let (made, seconds) = match since {
        Some((before, time)) => (standing.finished().saturating_sub(before), time.as_secs_f64()),
        None => (standing.finished(), standing.age.unwrap_or(0) as f64),
    };
    let rate = (made > 0 && seconds > 0.0 && !standing.is_over()).then(|| made as f64 / seconds);
    let ahead = match standing.state {
        State::Queued if context.config.broker.is_some() => ahead(&standing, context).await,
        _ => None,
    };
    Ok(Report {
        folder: store.locate(Layout::new(campaign.as_str())?.folder()),
        rate,
        seconds_left: rate.map(|rate| standing.remaining as f64 / rate),
        ahead,
        standing,
    })
}

/// Jobs of others that wait on its lane.
async fn ahead(standing: &Standing, context: &Context) -> Option<usize> {
    let depth = async { context.broker(1).await?.jobs().depth(standing.priority).await };
    match depth.await {
        Ok(depth) => Some((depth as usize).saturating_sub(standing.remaining)),
        Err(error) => {
            tracing::warn!(error = %error.chain(), "the place in the queue is not known");
            None
        }
    }
}

/// A report in one line.
fn line(report: &Report) -> String {
    let Report { standing: s, rate, seconds_left, ahead, .. } = report;
    let state = match s.state {
        State::Queued => "queued",
        State::Running => "running",
        State::Complete => "complete",
        State::Incomplete => "over, but incomplete",
        State::Cancelled => "cancelled",
    };
    let mut line = format!(
        "{}  {state}  {}/{} finished, {} accepted, {} rejected",
        s.campaign,
        s.finished(),
        s.jobs,
        s.accepted,
        s.rejected
    );
    for (count, what) in [(s.failed, "failed"), (s.dead, "given up on")] {
        if count > 0 {
            line += &format!(", {count} {what}");
        }
    }
    if let (Some(rate), Some(left)) = (rate, seconds_left) {
        line += &format!(", {rate:.1} images/s, about {} left", duration(*left));
    }
    if let Some(ahead) = ahead {
        line += &format!(", {ahead} jobs of others before it");
    }
    line
}
