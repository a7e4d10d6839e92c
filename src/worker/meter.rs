//! Records a worker's events in the metrics. An asset is counted once, when it is finished, with all its attempts.

use super::event::WorkerEvent;
use crate::campaign::sidecar::{Outcome, Sidecar};
use crate::telemetry::Metrics;

/// Records an event in the metrics.
pub fn count(metrics: &Metrics, event: &WorkerEvent<'_>) {
    match event {
        WorkerEvent::Step { .. } | WorkerEvent::Dropped(_) => {}
        WorkerEvent::Taken { lane, waited } => {
            if let Some(waited) = waited {
                metrics.waited(lane.as_str(), *waited);
            }
        }
        WorkerEvent::Batch { images, room } => metrics.batch(*images, *room),
        WorkerEvent::Trouble(error) => metrics.error(error.kind()),
        WorkerEvent::Dead { .. } => metrics.asset("dead"),
        WorkerEvent::Skipped(_) => metrics.asset("skipped"),
        WorkerEvent::Finished(sidecar) => finished(metrics, sidecar),
    }
}

fn finished(metrics: &Metrics, sidecar: &Sidecar) {
    metrics.asset(match sidecar.outcome {
        Outcome::Accepted => "accepted",
        Outcome::Rejected => "rejected",
        Outcome::Failed => "failed",
    });
    for (stage, seconds) in &sidecar.timings {
        metrics.stage(stage, *seconds);
    }
    for attempt in &sidecar.attempts {
        metrics.attempt(match attempt.scores {
            _ if attempt.passed => "passed",
            None if sidecar.chosen.is_none() => "failed",
            _ => "refused",
        });
    }
    if let Some(scores) = sidecar.first_scores() {
        for (axis, score) in [("style", scores.style), ("category", scores.category)] {
            if let Some(score) = score {
                metrics.score(axis, f64::from(score));
            }
        }
    }
}
