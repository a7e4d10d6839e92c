//! Settles deliveries in parallel with the worker's main loop, and queries the store meanwhile.
//!
//! # Invariants
//!
//! In a cluster, a store that is away is waited for until it is back or the worker is to stop, and no failure is
//! counted against a job for it.

use std::sync::Arc;
use std::time::Duration;

use super::event::WorkerEvent;
use super::in_flight::InFlight;
use super::mode::Mode;
use crate::base::error::{Error, Kind, Result};
use crate::broker::{Delivery, MAX_DELIVERIES, Message};
use crate::campaign::dead_letter;
use crate::campaign::sidecar::Sidecar;
use crate::events::{AssetDead, DomainEvent};
use crate::io::shutdown::Shutdown;
use crate::plan::Job;
use crate::store::Store;

/// The pauses between retries at a store that is away; the last applies to all further ones.
const PAUSES: [Duration; 4] =
    [Duration::from_millis(200), Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(15)];

/// The handles that are needed to settle a delivery; cheap to clone.
#[derive(Clone)]
pub(super) struct Settlement {
    pub(super) store: Arc<dyn Store>,
    pub(super) observer: Arc<dyn Fn(WorkerEvent<'_>) + Send + Sync>,
    pub(super) mode: Mode,
    pub(super) shutdown: Shutdown,
}

impl Settlement {
    /// Queries the store; in a cluster, retries while the store is away and the worker is not to stop.
    ///
    /// # Errors
    ///
    /// The last error of the store.
    pub(super) async fn retry_while_unavailable<T, F>(&self, ask: impl Fn() -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let mut pauses = PAUSES.into_iter();
        let mut pause = Duration::ZERO;
        loop {
            let error = match ask().await {
                Err(error) if self.mode.is_cluster() && may_pass(&error) => error,
                answer => return answer,
            };
            pause = pauses.next().unwrap_or(pause);
            tracing::warn!(error = %error.chain(), pause_ms = pause.as_millis(), "the store is away; waiting for it");
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.shutdown.wait() => return Err(error),
            }
        }
    }

    /// Settles a delivery whose outcome is in the store: publishes the outcome first, then acknowledges, so that
    /// another worker publishes it if this one dies in between.
    pub(super) async fn finished(&self, delivery: Delivery<Message>, sidecar: &Sidecar) -> Result<()> {
        if let Some(events) = self.mode.events() {
            let event = DomainEvent::asset(sidecar, |key| self.store.locate(key));
            if let Err(error) = events.publish(&event).await {
                tracing::warn!(error = %error.chain(), "an asset's event was not published; the job is redelivered");
                return Ok(());
            }
        }
        delivery.ack().await;
        Ok(())
    }

    /// Settles a delivery that failed in a way that may pass: it is tried again later.
    pub(super) async fn retry(&self, delivery: Delivery<Message>, reason: &str) -> Result<Arrival> {
        if delivery.message.failures + 1 >= MAX_DELIVERIES {
            self.record_dead(&delivery.message.job, reason).await?;
        }
        self.settled(delivery.retry(reason).await)
    }

    /// Settles a delivery that can never succeed: it is given up on.
    pub(super) async fn dead(&self, delivery: Delivery<Message>, reason: &str) -> Result<Arrival> {
        self.record_dead(&delivery.message.job, reason).await?;
        self.settled(delivery.dead(reason).await)
    }

    /// Settles a delivery of a cancelled campaign: no image is made for it.
    pub(super) async fn discard(&self, delivery: Delivery<Message>) -> Arrival {
        (self.observer)(WorkerEvent::Dropped(&delivery.message.job));
        delivery.ack().await;
        Arrival::Settled
    }

    /// Returns the arrival of a settled delivery. In a cluster, a broker that could not settle it is no error: it comes
    /// again.
    fn settled(&self, result: Result<()>) -> Result<Arrival> {
        match result {
            Err(error) if self.mode.is_cluster() => {
                tracing::warn!(error = %error.chain(), "a job could not be settled; it is delivered again");
                Ok(Arrival::Settled)
            }
            result => result.map(|()| Arrival::Settled),
        }
    }

    async fn record_dead(&self, job: &Job, reason: &str) -> Result<()> {
        if let Some(events) = self.mode.events() {
            self.retry_while_unavailable(|| dead_letter::record(&*self.store, job, reason)).await?;
            let (campaign, id) = (job.campaign.clone(), job.id.clone());
            events.publish(&DomainEvent::AssetDead(AssetDead { campaign, job: id, reason: reason.into() })).await?;
        }
        (self.observer)(WorkerEvent::Dead { job, reason });
        Ok(())
    }
}

/// Returns whether the store may answer when it is queried again.
fn may_pass(error: &Error) -> bool {
    matches!(error.kind(), Kind::Unavailable | Kind::Transient)
}

/// The result of checking a delivery.
pub(super) enum Arrival {
    /// The job is to be made.
    Ready(Box<InFlight>),
    /// The job was finished before.
    Skipped,
    /// The delivery was settled without an outcome.
    Settled,
}
