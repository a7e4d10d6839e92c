//! Readiness: whether everything that a worker needs was verified, and it was not asked to stop.
//!
//! # Invariants
//! A check that was not made yet has not passed. Once draining, a worker is never ready again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

/// Checks by name; its clones share them.
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
    /// It was not made yet.
    Pending,
    /// It passed.
    Passed,
    /// It failed, for this reason.
    Failed(String),
}

/// Every check, as `/readyz` shows them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReadinessReport {
    /// Whether work is taken.
    pub ready: bool,
    /// Whether the worker was asked to stop.
    pub draining: bool,
    /// The state of each check.
    pub checks: BTreeMap<&'static str, CheckState>,
}

impl Readiness {
    /// Creates a readiness that depends on these checks.
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

    /// Records that no more work is taken, for good.
    pub fn drain(&self) {
        self.state().draining = true;
    }

    /// Returns whether work is taken.
    pub fn ready(&self) -> bool {
        self.report().ready
    }

    /// Returns every check.
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
