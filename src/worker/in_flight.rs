//! A job between its delivery and its settlement: its attempts, and the best of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use image::RgbImage;
use tracing::Span;

use super::gate::{self, Next};
use crate::base::error::{Kind, Result};
use crate::broker::{Delivery, Message, Payload as _};
use crate::campaign::commit::{ChosenImage, JobResult};
use crate::campaign::sidecar::Attempt;
use crate::pipeline::{BatchKey, Request, Scored};
use crate::plan::Job;

/// A job that a worker has received and not settled.
#[derive(Debug)]
pub struct InFlight {
    pub(super) delivery: Delivery<Message>,
    job: Arc<Job>,
    attempts: Vec<Attempt>,
    /// The number and image of the attempt that came closest to passing.
    best: Option<(u32, RgbImage)>,
    timings: BTreeMap<String, f64>,
    /// The job's span in the trace of its message; ends when the job is settled.
    span: Span,
}

impl InFlight {
    /// Starts work on a delivery, in a span of its own.
    pub(super) fn new(delivery: Delivery<Message>) -> Self {
        let job = Arc::new(delivery.message.job.clone());
        let (id, campaign) = (job.id.to_string(), job.campaign.as_str());
        let span = tracing::info_span!(
            "job",
            id,
            campaign,
            lane = delivery.message.priority().as_str(),
            otel.kind = "consumer"
        );
        if let Some(parent) = delivery.message.traceparent {
            parent.adopt(&span);
        }
        Self { delivery, job, attempts: Vec::new(), best: None, timings: BTreeMap::new(), span }
    }

    /// Returns the job's span.
    pub(super) fn span(&self) -> &Span {
        &self.span
    }

    /// Returns the job.
    pub(super) fn job(&self) -> &Job {
        &self.job
    }

    /// Returns the request for the next attempt.
    pub(super) fn request(&self) -> Request {
        Request { attempt: self.attempts.len() as u32 + 1, ..Request::from(&*self.job) }
    }

    /// Returns the key that all requests of its batch share.
    pub(super) fn batch_key(&self) -> BatchKey {
        BatchKey::new(self.job.size, &self.job.sampler)
    }

    /// Records the result of the requested attempt and returns the next step.
    pub(super) fn record(&mut self, result: Result<Scored>) -> Next {
        let (gate, number) = (&self.job.gate, self.attempts.len() as u32 + 1);
        match result {
            Ok(Scored { generated, scores }) => {
                for (stage, seconds) in generated.timings.stages() {
                    *self.timings.entry(stage.to_owned()).or_default() += seconds;
                }
                let attempt = gate::judge(gate, number, scores);
                let best = self.best.as_ref().and_then(|(n, _)| self.attempts.iter().find(|a| a.number == *n));
                let nearness = |a: &Attempt| gate::nearness(gate, a.scores.as_ref());
                if attempt.passed || best.is_none_or(|best| nearness(&attempt) > nearness(best)) {
                    self.best = Some((number, generated.image));
                }
                self.attempts.push(attempt);
            }
            Err(error) => {
                let hopeless = error.kind() == Kind::Invalid; // another attempt has the same input
                self.attempts.push(gate::failed(number, error.chain()));
                if hopeless {
                    return Next::GiveUp;
                }
            }
        }
        gate::next(gate, &self.attempts)
    }

    /// Ends the work: returns the delivery, which is to be settled, and the job's result.
    pub(super) fn into_result(self) -> (Delivery<Message>, JobResult) {
        let Self { delivery, job, attempts, best, timings, span: _ } = self;
        let chosen = best.map(|(attempt, image)| ChosenImage { attempt, image });
        (delivery, JobResult { job, attempts, chosen, timings })
    }
}
