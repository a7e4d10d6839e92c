//! Hands a campaign to the coordinators behind the broker, and returns what they made of it.
//!
//! # Invariants
//! What is wrong with the file itself is found before anything is sent; once the broker has it, it is not lost,
//! whether or not anybody waits for the answer; the same campaign again makes nothing twice.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::failure::{AppResult, Failure};
use super::findings::StatusReport;
use super::planning::load_draft;
use super::progress::Progress;
use super::resources::App;
use crate::base::error::{self, Error};
use crate::broker::{Order, Task};
use crate::campaign::records::{self, Answer};
use crate::plan::CampaignId;
use crate::spec::Problem;
use crate::store::Store;
use crate::telemetry::TraceParent;

/// How long an answer is waited for where the end of the campaign is not.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// Between two looks for the answer.
const PAUSE: Duration = Duration::from_millis(200);

/// What is submitted.
#[derive(Clone, Debug)]
pub struct SubmitRequest {
    /// The campaign file (YAML).
    pub file: PathBuf,
    /// Whether to wait until the campaign is over.
    pub wait: bool,
    /// The store's place; `None`: the one of the settings.
    pub out: Option<String>,
}

/// What became of a submission.
#[derive(Debug, Serialize)]
pub struct SubmitReport {
    /// The submission's id.
    pub submission: String,
    /// The campaign's id; `None` if no coordinator has answered yet.
    pub campaign: Option<CampaignId>,
    /// How many images it has.
    pub jobs: Option<usize>,
    /// Whether the same campaign was submitted before; its id is the first one's.
    pub known: bool,
    /// How far it is; where its end is waited for, at the end.
    pub status: Option<StatusReport>,
}

impl App {
    /// Submits a campaign.
    ///
    /// # Errors
    /// Where the file is wrong, the broker or the store cannot be reached, or the campaign is rejected.
    pub async fn submit(&self, request: SubmitRequest) -> AppResult<SubmitReport> {
        let store = self.store(request.out.as_deref()).await?;
        let campaign = load_draft(&request.file).await?.finish(Vec::new())?;
        let file = request.file.display().to_string();
        let broker = self.broker(1).await?;
        let submission = records::submission()?;
        let task = Task::Submit { submission: submission.clone(), file, yaml: campaign.source };
        // The first span of the trace that plan, jobs and events belong to.
        let span = tracing::info_span!("submit", submission, otel.kind = "producer");
        broker.orders().publish(Order::new(task, TraceParent::of(&span))).await?;
        match self.answer(&*store, &submission, request.wait).await? {
            Some(Answer::Accepted { campaign, jobs, known }) => {
                self.report(&Progress::CampaignAccepted { campaign: &campaign, jobs, known });
                let status = match request.wait {
                    true => Some(self.watch_campaign(&*store, &campaign).await?),
                    false => None,
                };
                Ok(SubmitReport { submission, campaign: Some(campaign), jobs: Some(jobs), known, status })
            }
            Some(Answer::Rejected { problems, error }) => Err(rejected(problems, error)),
            None => Ok(SubmitReport { submission, campaign: None, jobs: None, known: false, status: None }),
        }
    }

    /// Waits for the answer that a coordinator leaves in the store; with `wait`, for as long as it takes.
    async fn answer(&self, store: &dyn Store, submission: &str, wait: bool) -> error::Result<Option<Answer>> {
        let (key, started) = (records::answer_key(submission)?, Instant::now());
        loop {
            if let Some(answer) = records::read(store, &key).await? {
                return Ok(Some(answer));
            }
            if self.shutdown.requested() || (!wait && started.elapsed() > ANSWER_TIMEOUT) {
                return Ok(None);
            }
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                () = self.shutdown.wait() => {}
            }
        }
    }
}

fn rejected(problems: Vec<Problem>, cause: Option<String>) -> Failure {
    if problems.is_empty() {
        let error = Error::invalid("the campaign was rejected");
        return match cause {
            Some(cause) => error.caused_by(cause).into(),
            None => error.into(),
        };
    }
    let failure = Failure::from(problems);
    match cause {
        Some(cause) => failure.caused_by(cause),
        None => failure,
    }
}
