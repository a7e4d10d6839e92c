//! Waiting for a condition, in place of sleeping for a time.
//!
//! These functions look again and again until there is something to return. Only a test that would otherwise hang meets
//! [`PATIENCE`]; how fast a machine is decides nothing.

use std::time::{Duration, Instant};

/// How long a condition is waited for before the test fails: far above what anything here takes.
pub const PATIENCE: Duration = Duration::from_secs(240);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(5);

/// Looks until there is something, and returns it; fails the test if that never comes.
pub fn wait_for<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    within_patience(look).unwrap_or_else(|| panic!("waited in vain for {what}"))
}

/// Looks until there is something, and returns it; `None` if that never comes.
pub fn within_patience<T>(mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match look() {
            None if Instant::now() < deadline => std::thread::sleep(PAUSE),
            found => return found,
        }
    }
}

/// Looks until there is something, and returns it, without blocking the runtime.
pub async fn wait_until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        tokio::time::sleep(PAUSE).await;
    }
}
