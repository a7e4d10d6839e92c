//! Submits a campaign to the coordinators behind the broker, and returns their answer.
//!
//! # Invariants
//! Problems of the file itself are found before anything is sent. Once the broker has the campaign it is not lost,
//! whether or not the caller waits for the answer. Submitting the same campaign again makes no image twice.

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

/// Time limit for the coordinator's answer if the end of the campaign is not waited for.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// Interval between two checks for the answer.
const PAUSE: Duration = Duration::from_millis(200);

/// The request to submit a campaign.
#[derive(Clone, Debug)]
pub(crate) struct SubmitRequest {
    /// The campaign file (YAML).
    pub file: PathBuf,
    /// Whether to wait until the campaign has ended.
    pub wait: bool,
    /// The store's folder or `s3://BUCKET/PREFIX`; `None`: the setting `out`.
    pub out: Option<String>,
}

/// The result of a submission.
#[derive(Debug, Serialize)]
pub(crate) struct SubmitReport {
    /// The submission's id.
    pub submission: String,
    /// The campaign's id; `None` if no coordinator has answered yet.
    pub campaign: Option<CampaignId>,
    /// Number of images.
    pub jobs: Option<usize>,
    /// Whether the same campaign was submitted before, in which case its id is that of the first submission.
    pub known: bool,
    /// The campaign's status; at its end if that was waited for.
    pub status: Option<StatusReport>,
}

impl App {
    /// Submits a campaign.
    ///
    /// # Errors
    /// Returns an error if the file is invalid, broker or store cannot be reached, or the campaign is rejected.
    pub async fn submit(&self, request: SubmitRequest) -> AppResult<SubmitReport> {
        let store = self.store(request.out.as_deref()).await?;
        let campaign = load_draft(&request.file).await?.finish(Vec::new())?;
        let file = request.file.display().to_string();
        let broker = self.broker(1).await?;
        let submission = records::submission()?;
        let task = Task::Submit { submission: submission.clone(), file, yaml: campaign.source };
        // The root span of the trace that plan, jobs and events belong to.
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

    /// Waits for the answer that a coordinator writes to the store: without a time limit with `wait`, else for
    /// [`ANSWER_TIMEOUT`].
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
