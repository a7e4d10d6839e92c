//! Readiness of a worker: whether everything it needs was verified and it was not asked to stop.
//!
//! # Invariants
//!
//! A check that has not run has not passed. A draining worker never becomes ready again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

/// The checks of a worker by name, and whether it is draining; clones share them.
#[derive(Clone, Debug)]
pub struct Readiness(Arc<Mutex<ReadinessState>>);

#[derive(Clone, Debug)]
struct ReadinessState {
    checks: BTreeMap<&'static str, CheckState>,
    draining: bool,
}

/// The state of one check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase", tag = "state", content = "reason")]
pub enum CheckState {
    /// The check has not run yet.
    Pending,
    /// The check passed.
    Passed,
    /// The check failed; holds the reason.
    Failed(String),
}

/// A snapshot of all checks, as `/readyz` returns it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReadinessReport {
    /// Whether the worker takes work.
    pub ready: bool,
    /// Whether the worker was asked to stop.
    pub draining: bool,
    /// The state of each check, by name.
    pub checks: BTreeMap<&'static str, CheckState>,
}

impl Readiness {
    /// Creates a readiness that depends on the checks of these names, none of which has run yet.
    pub fn new(checks: &[&'static str]) -> Self {
        let checks = checks.iter().map(|name| (*name, CheckState::Pending)).collect();
        Self(Arc::new(Mutex::new(ReadinessState { checks, draining: false })))
    }

    /// Records that a check passed.
    pub fn pass(&self, name: &'static str) {
        self.set(name, CheckState::Passed);
    }

    /// Records that a check failed; it may pass again later.
    pub fn fail(&self, name: &'static str, reason: impl Into<String>) {
        self.set(name, CheckState::Failed(reason.into()));
    }

    /// Marks the worker as draining: it takes no more work, for good.
    pub fn drain(&self) {
        self.state().draining = true;
    }

    /// Returns whether the worker takes work: every check passed and it is not draining.
    pub fn ready(&self) -> bool {
        self.report().ready
    }

    /// Returns a snapshot of every check.
    pub fn report(&self) -> ReadinessReport {
        let ReadinessState { checks, draining } = self.state().clone();
        let ready = !draining && checks.values().all(|check| *check == CheckState::Passed);
        ReadinessReport { ready, draining, checks }
    }

    fn set(&self, name: &'static str, check: CheckState) {
        self.state().checks.insert(name, check);
    }

    fn state(&self) -> MutexGuard<'_, ReadinessState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_ready_between_the_last_check_and_the_request_to_stop() {
        let readiness = Readiness::new(&["broker", "bundle"]);
        readiness.pass("broker");
        assert!(!readiness.ready(), "the bundle was not looked at yet");
        readiness.pass("bundle");
        assert!(readiness.ready());
        readiness.fail("broker", "connection refused");
        assert_eq!(readiness.report().checks["broker"], CheckState::Failed("connection refused".into()));
        assert!(!readiness.ready());
        readiness.pass("broker");
        assert!(readiness.ready());
        readiness.drain();
        assert!(!readiness.ready());
        readiness.pass("broker");
        assert!(!readiness.ready());
    }
}
