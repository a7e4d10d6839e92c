//! Runs blocking work (files, hashing, loading models) beside the async threads.

use tokio::runtime::Handle;

use crate::base::error::{Error, Result};

/// Runs `work` on a thread for blocking work and returns its result.
///
/// # Errors
/// Whatever `work` returns; an internal error if it panicked or the runtime is shutting down.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(e) => Err(Error::internal("blocking work was cut short").caused_by(e)),
    }
}

/// Waits for async work on a thread that is none of the runtime's own, such as the engine's or one for blocking work.
///
/// Together with the one in `main` this is the only place that blocks on async work.
pub fn wait_for<T>(runtime: &Handle, work: impl Future<Output = T>) -> T {
    runtime.block_on(work)
}
