//! From what a worker tells to what the metrics count.
//!
//! In: [`Event`]s. Out: counts in [`Metrics`].
//! Always holds: an asset is counted once, when it is finished, with all its attempts.

use super::Event;
use crate::campaign::sidecar::{Outcome, Sidecar};
use crate::telemetry::Metrics;

/// Takes in an event.
pub fn hear(metrics: &Metrics, event: &Event<'_>) {
    match event {
        Event::Step { .. } | Event::Dropped(_) => {}
        Event::Taken { lane, waited } => {
            if let Some(waited) = waited {
                metrics.waited(lane.as_str(), *waited);
            }
        }
        Event::Batch { images, room } => metrics.batch(*images, *room),
        Event::Trouble(error) => metrics.error(error.kind()),
        Event::Dead { .. } => metrics.asset("dead"),
        Event::Skipped(_) => metrics.asset("skipped"),
        Event::Finished(sidecar) => finished(metrics, sidecar),
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
