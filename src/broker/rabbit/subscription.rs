//! Events on their way to webhooks: a queue of their own, so that an endpoint that is away delays nobody and loses nothing.
//!
//! In: what was announced. Out: [`Announced`] documents, to be settled once they are delivered. Always holds: only houses that
//! send webhooks have the queue; one that nobody reads for days is deleted by the broker.

use std::sync::Arc;

use lapin::types::{AMQPValue, FieldTable};

use crate::base::error::Result;
use crate::broker::MAX_DELIVERIES;
use crate::broker::rabbit::consumer::{Consumer, Hold};
use crate::broker::rabbit::{Rabbit, Shared, topology};
use crate::spec::Priority;

/// Events in hand at most.
const PREFETCH: u16 = 16;
/// The header that counts how often delivering failed.
const FAILURES: &str = "housestyle-failures";

/// What was announced, and nothing missed from then on.
#[derive(Debug)]
pub struct Subscription {
    consumer: Consumer,
    shared: Arc<Shared>,
}

/// An event in hand: dropped unsettled, it comes again.
#[derive(Debug)]
pub struct Announced {
    /// The document.
    pub body: Vec<u8>,
    failures: u32,
    hold: Hold,
    shared: Arc<Shared>,
}

impl Rabbit {
    /// Keeps what is announced from now on for whoever sends webhooks; senders of one house share it.
    pub async fn subscribe(&self) -> Result<Subscription> {
        let channel = self.0.publisher.channel().await?;
        let declared = topology::declare_webhooks(&channel).await;
        declared.map_err(|e| self.0.publisher.failed("declare the queue of webhooks at", e))?;
        let consumer =
            Consumer::start(self.0.link.clone().with_webhooks(), vec![(Priority::Normal, topology::WEBHOOKS)], PREFETCH);
        Ok(Subscription { consumer, shared: Arc::clone(&self.0) })
    }
}

impl Subscription {
    /// The next event; waits for one. Cancel-safe.
    pub async fn next(&self) -> Announced {
        loop {
            let changed = self.consumer.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if let Some(raw) = self.consumer.take() {
                let failures = raw.headers.get(FAILURES).and_then(AMQPValue::as_long_long_int).unwrap_or(0);
                let failures = u32::try_from(failures).unwrap_or(MAX_DELIVERIES);
                return Announced { body: raw.body, failures, hold: raw.hold, shared: Arc::clone(&self.shared) };
            }
            changed.await;
        }
    }
}

impl Announced {
    /// Delivered, or nobody wants it.
    pub async fn ack(self) {
        self.hold.ack().await;
    }

    /// Somebody did not get it: it comes again later, or after enough failures lies with the dead.
    pub async fn retry(self, reason: &str) -> Result<()> {
        let failures = self.failures.saturating_add(1);
        if failures >= MAX_DELIVERIES {
            return self.dead(reason).await;
        }
        if self.hold.is_live() {
            let mut headers = FieldTable::default();
            headers.insert(FAILURES.into(), AMQPValue::LongLongInt(failures.into()));
            self.shared.send_later(topology::WEBHOOKS, self.body, failures, headers).await?;
            self.hold.ack().await;
        }
        Ok(())
    }

    /// It will never be delivered.
    pub async fn dead(self, reason: &str) -> Result<()> {
        if self.hold.is_live() {
            self.shared.bury("webhooks", self.body, reason).await?;
            self.hold.ack().await;
        }
        Ok(())
    }
}
