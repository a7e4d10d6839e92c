//! Whether a worker is ready: everything it needs was verified, and nobody asked it to stop.
//!
//! In: the names of the checks, then what each came to. Out: yes or no, with the reasons.
//! Always holds: a check that nobody has made yet is not passed; once draining, never ready again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

/// Checks by name, shared by those who make them and those who ask.
#[derive(Clone, Debug)]
pub struct Readiness(Arc<Mutex<ReadinessState>>);

#[derive(Clone, Debug)]
struct ReadinessState {
    checks: BTreeMap<&'static str, CheckState>,
    draining: bool,
}

/// What a check came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase", tag = "state", content = "reason")]
pub enum CheckState {
    /// Not made yet.
    Pending,
    /// Fine.
    Passed,
    /// Not fine, and why.
    Failed(String),
}

/// The whole standing, as `/readyz` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReadinessReport {
    /// Whether work is taken.
    pub ready: bool,
    /// Whether it was asked to stop.
    pub draining: bool,
    /// Each check.
    pub checks: BTreeMap<&'static str, CheckState>,
}

impl Readiness {
    /// Waits for these checks.
    pub fn new(checks: &[&'static str]) -> Self {
        let checks = checks.iter().map(|name| (*name, CheckState::Pending)).collect();
        Self(Arc::new(Mutex::new(ReadinessState { checks, draining: false })))
    }

    /// The check is fine.
    pub fn pass(&self, name: &'static str) {
        self.set(name, CheckState::Passed);
    }

    /// The check is not fine; it may pass again later.
    pub fn fail(&self, name: &'static str, reason: impl Into<String>) {
        self.set(name, CheckState::Failed(reason.into()));
    }

    /// No more work is taken, for good.
    pub fn drain(&self) {
        self.standing().draining = true;
    }

    /// Whether work is taken.
    pub fn ready(&self) -> bool {
        self.report().ready
    }

    /// The whole standing.
    pub fn report(&self) -> ReadinessReport {
        let ReadinessState { checks, draining } = self.standing().clone();
        let ready = !draining && checks.values().all(|check| *check == CheckState::Passed);
        ReadinessReport { ready, draining, checks }
    }

    fn set(&self, name: &'static str, check: CheckState) {
        self.standing().checks.insert(name, check);
    }

    fn standing(&self) -> std::sync::MutexGuard<'_, ReadinessState> {
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
