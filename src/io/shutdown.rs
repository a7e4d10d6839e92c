//! From signal to token: whoever works looks at the token and stops within a step.
//!
//! Takes SIGINT and SIGTERM (or a test that calls [`Shutdown::request`]). Returns a cloneable [`Shutdown`].
//!
//! # Invariants
//!
//! A second signal ends the process at once, which is safe, as the store never holds anything half-written.

use tokio_util::sync::CancellationToken;

/// A request to stop, shared by all that must hear it.
#[derive(Clone, Debug, Default)]
pub struct Shutdown(CancellationToken);

impl Shutdown {
    /// Asks everybody to stop.
    pub fn request(&self) {
        self.0.cancel();
    }

    /// Whether somebody asked.
    pub(crate) fn requested(&self) -> bool {
        self.0.is_cancelled()
    }

    /// A request that follows this one, and can also be made by itself.
    #[must_use]
    pub fn child(&self) -> Self {
        Self(self.0.child_token())
    }

    /// Returns once somebody asks.
    pub async fn wait(&self) {
        self.0.cancelled().await;
    }

    /// Turns signals into requests, as long as the tokio runtime this is called in lives.
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

/// Waits for Ctrl-C or SIGTERM; where a handler cannot be installed, for ever.
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
