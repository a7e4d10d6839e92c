//! Turns SIGINT and SIGTERM into a cloneable [`Shutdown`] token, which work in progress checks to stop within a step.
//!
//! # Invariants
//!
//! A second signal ends the process at once, which is safe because writes to the store are atomic.

use tokio_util::sync::CancellationToken;

/// A cancellation token for a graceful stop, shared by all tasks that must stop.
#[derive(Clone, Debug, Default)]
pub struct Shutdown(CancellationToken);

impl Shutdown {
    /// Requests the stop.
    pub fn request(&self) {
        self.0.cancel();
    }

    /// Returns whether the stop was requested.
    pub(crate) fn requested(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Returns a child token: it is requested with this one, and can be requested without it.
    #[must_use]
    pub fn child(&self) -> Self {
        Self(self.0.child_token())
    }

    /// Waits until the stop is requested.
    pub async fn wait(&self) {
        self.0.cancelled().await;
    }

    /// Requests the stop at the first signal and exits at the second, for as long as the current tokio runtime lives.
    pub fn on_signals(&self) {
        let shutdown = self.clone();
        tokio::spawn(async move {
            signal().await;
            tracing::info!("asked to stop; finishing the step");
            shutdown.request();
            signal().await;
            std::process::exit(130);
        });
    }
}

/// Waits for Ctrl-C or SIGTERM; for ever if no handler can be installed.
async fn signal() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                Ok(()) = tokio::signal::ctrl_c() => return,
                _ = terminate.recv() => return,
            }
        }
    }
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
