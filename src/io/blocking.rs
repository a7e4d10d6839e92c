//! Runs blocking work (files, hashing, loading models) on threads apart from the async ones.

use tokio::runtime::Handle;

use crate::base::error::{Error, Result};

/// Runs `work` on a thread for blocking work and returns its result.
///
/// # Errors
///
/// Fails as `work` does, or with an internal error if it panicked or the runtime is shutting down.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(e) => Err(Error::internal("blocking work ended unexpectedly").caused_by(e)),
    }
}

/// Waits for async work on a thread that is not one of the runtime's async threads, such as the engine's.
///
/// Together with the one in `main` this is the only place that blocks on async work.
pub fn wait_for<T>(runtime: &Handle, work: impl Future<Output = T>) -> T {
    runtime.block_on(work)
}
