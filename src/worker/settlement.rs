//! What a worker does beside its main loop: asking the store, and settling what is not to be made.
//!
//! In: deliveries. Out: [`Arrival`]s. Always holds: among others, a store that is away is waited for until it is back or
//! somebody wants to stop, and costs no job anything.

use std::sync::Arc;
use std::time::Duration;

use crate::base::error::{Error, Kind, Result};
use crate::broker::{Delivery, MAX_DELIVERIES};
use crate::campaign::dead_letter;
use crate::campaign::sidecar::Sidecar;
use crate::events::{AssetDead, DomainEvent, EventSink};
use crate::io::shutdown::Shutdown;
use crate::plan::Job;
use crate::store::Store;
use crate::worker::{Work, WorkerEvent};

/// Between two tries at a store that is away.
const PAUSES: [Duration; 4] =
    [Duration::from_millis(200), Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(15)];

/// Asks the store, as long as [`Settlement::waits`] says.
macro_rules! patiently {
    ($settlement:expr, $ask:expr) => {{
        let mut tries = 0;
        loop {
            match $ask.await {
                Err(error) if $settlement.waits(&error, &mut tries).await => {}
                answer => break answer,
            }
        }
    }};
}
pub(super) use patiently;

/// What is done beside the main loop.
pub struct Settlement {
    pub store: Arc<dyn Store>,
    pub observer: Arc<dyn Fn(WorkerEvent<'_>) + Send + Sync>,
    pub herald: Option<Arc<dyn EventSink>>,
    pub shutdown: Shutdown,
}

impl Settlement {
    /// Whether to ask the store again after this error, waiting a little: among others, for as long as it is away and
    /// nobody wants to stop.
    pub async fn waits(&self, error: &Error, tries: &mut usize) -> bool {
        if !self.is_shared() || !matches!(error.kind(), Kind::Unavailable | Kind::Transient) {
            return false;
        }
        let pause = PAUSES[(*tries).min(PAUSES.len() - 1)];
        *tries += 1;
        tracing::warn!(error = %error.chain(), pause_ms = pause.as_millis(), "the store is away; waiting for it");
        tokio::select! {
            () = tokio::time::sleep(pause) => true,
            () = self.shutdown.wait() => false,
        }
    }

    /// Whether others work on the same campaigns.
    pub fn is_shared(&self) -> bool {
        self.herald.is_some()
    }

    /// Its outcome is in the store: told, then settled, so that somebody tells it again if we do not live to.
    pub async fn finished(&self, delivery: Delivery, sidecar: &Sidecar) -> Result<()> {
        if let Some(herald) = &self.herald {
            let fact = DomainEvent::asset(sidecar, |key| self.store.locate(key))?;
            if let Err(error) = herald.publish(&fact).await {
                tracing::warn!(error = %error.chain(), "nobody could be told of an asset; its job comes again");
                return Ok(());
            }
        }
        delivery.ack().await
    }

    /// It failed in a way that may pass.
    pub async fn again(&self, delivery: Delivery, reason: &str) -> Result<Arrival> {
        if delivery.message.failures + 1 >= MAX_DELIVERIES {
            self.dig(&delivery.message.job, reason).await?;
        }
        self.settled(delivery.retry(reason).await)
    }

    /// It will never work.
    pub async fn bury(&self, delivery: Delivery, reason: &str) -> Result<Arrival> {
        self.dig(&delivery.message.job, reason).await?;
        self.settled(delivery.dead(reason).await)
    }

    /// Nobody wants it any more.
    pub async fn discard(&self, delivery: Delivery) -> Result<Arrival> {
        (self.observer)(WorkerEvent::Dropped(&delivery.message.job));
        delivery.ack().await?;
        Ok(Arrival::Gone)
    }

    /// Among others, a broker that could not be told is no end: the delivery comes again.
    fn settled(&self, told: Result<()>) -> Result<Arrival> {
        match told {
            Err(error) if self.is_shared() => {
                tracing::warn!(error = %error.chain(), "the broker was not told; the job comes again");
                Ok(Arrival::Gone)
            }
            told => told.map(|()| Arrival::Gone),
        }
    }

    async fn dig(&self, job: &Job, reason: &str) -> Result<()> {
        if let Some(herald) = &self.herald {
            patiently!(self, dead_letter::dig(&*self.store, job, reason))?;
            let (campaign, id) = (job.campaign.to_string(), job.id.to_string());
            herald.publish(&DomainEvent::AssetDead(AssetDead { campaign, job: id, reason: reason.into() })).await?;
        }
        (self.observer)(WorkerEvent::Dead { job, reason });
        Ok(())
    }
}

/// What became of a delivery that was looked at.
pub enum Arrival {
    /// To be made.
    Ready(Box<Work>),
    /// Was finished before.
    Skipped,
    /// Settled.
    Gone,
}
