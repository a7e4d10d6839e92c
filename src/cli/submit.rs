//! `housestyle submit SPEC [--wait]`: hands a campaign to the planners behind the broker, and says what they made of it.
//!
//! Always holds: what is wrong with the file itself is told before anything is sent; once the broker has it, it is not lost,
//! whether or not anybody waits for the answer; the same campaign again makes nothing twice.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::{Context, Out, Outcome, status};
use crate::base::error::{Error, Result};
use crate::broker::{Order, Task};
use crate::campaign::records::{self, Answer};
use crate::plan::CampaignId;
use crate::spec::CampaignDraft;
use crate::store::Store;
use crate::telemetry::TraceParent;

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

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    submission: String,
    /// `None` if no planner has answered yet.
    campaign: Option<CampaignId>,
    jobs: Option<usize>,
    /// Whether the same campaign was submitted before; its id is the first one's.
    known: bool,
    /// How far it is; with `--wait`, at the end.
    status: Option<status::Report>,
}

/// Without `--wait`, an answer is waited for so long.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks for the answer.
const LOOK: Duration = Duration::from_millis(200);

/// Submits.
pub fn run(args: Args, context: &Context) -> Result<Outcome> {
    let store = context.store(&args.out)?;
    let campaign = CampaignDraft::load(&args.spec).finish(Vec::new()).map_err(|problems| context.problems(&problems))?;
    let file = args.spec.display().to_string();
    context.block_on(async {
        context.shutdown.on_signals();
        let queue = context.broker(1).await?;
        let submission = records::submission();
        let task = Task::Submit { submission: submission.clone(), file, yaml: campaign.source };
        // The first span of the trace that plan, jobs and events belong to.
        let span = tracing::info_span!("submit", submission, otel.kind = "producer");
        queue.orders().publish(Order::new(task, TraceParent::of(&span))).await?;
        match answer(&*store, &submission, args.wait, context).await? {
            Some(Answer::Accepted { campaign, jobs, known }) => {
                let before = if known { "; it was submitted before" } else { "" };
                context.say(format!("campaign  {campaign}  ({jobs} images{before})"));
                let status = match args.wait {
                    true => Some(status::watch(&*store, &campaign, context).await?),
                    false => None,
                };
                let outcome = status.as_ref().map_or(Outcome::Done, |status| status::outcome(status, context));
                context.emit(&Report { submission, campaign: Some(campaign), jobs: Some(jobs), known, status })?;
                Ok(outcome)
            }
            Some(Answer::Rejected { problems, error }) => {
                let rejected = match problems.is_empty() {
                    true => Error::invalid("the campaign was rejected"),
                    false => context.problems(&problems),
                };
                Err(match error {
                    Some(error) => rejected.caused_by(error),
                    None => rejected,
                })
            }
            None => {
                context.say(format!("handed over as submission {submission}, but no planner has answered yet"));
                context.say("it is safe with the broker; see that a worker runs (`housestyle worker`)");
                context.emit(&Report { submission, campaign: None, jobs: None, known: false, status: None })?;
                Ok(if context.shutdown.requested() { Outcome::Stopped } else { Outcome::Done })
            }
        }
    })
}

/// Waits for what a planner leaves in the store; with `wait`, for as long as it takes.
async fn answer(store: &dyn Store, submission: &str, wait: bool, context: &Context) -> Result<Option<Answer>> {
    let (key, started) = (records::answer_key(submission)?, Instant::now());
    loop {
        if let Some(answer) = records::read(store, &key).await? {
            return Ok(Some(answer));
        }
        if context.shutdown.requested() || (!wait && started.elapsed() > PATIENCE) {
            return Ok(None);
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = context.shutdown.wait() => {}
        }
    }
}
