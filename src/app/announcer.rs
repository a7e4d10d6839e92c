//! Publishes domain events on the broker's event exchange, and delivers them from there to webhooks.
//!
//! # Invariants
//! An event is published before the message that caused it is acknowledged. If the broker does not accept it in time,
//! it is published later, as acknowledgements must not wait for publishing. An endpoint that is down delays no job.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::task::JoinSet;
use tokio_util::task::TaskTracker;

use crate::base::error::{Error, Kind, Result};
use crate::base::time::Timestamp;
use crate::broker::{Channel, Delivery, Notification, Rabbit};
use crate::events::webhook::Webhooks;
use crate::events::{CloudEvent, DomainEvent, EventSink, MEDIA_TYPE};
use crate::io::shutdown::Shutdown;
use crate::telemetry::TraceParent;

/// Number of events that are sent to webhooks concurrently.
const AT_ONCE: usize = 16;

/// Time limit for publishing an event before it is retried in the background.
const PROMPT: Duration = Duration::from_secs(2);
/// Interval between two retries of an event that was not published in time.
const AGAIN: Duration = Duration::from_secs(5);

/// Publishes domain events on the broker's event exchange.
#[derive(Debug)]
pub struct Announcer {
    queue: Rabbit,
    source: String,
    /// Events that the broker has not accepted yet.
    late: TaskTracker,
}

impl Announcer {
    /// Creates a publisher on the broker of `queue`; `source` is the source that its events name.
    pub fn new(queue: Rabbit, source: String) -> Self {
        Self { queue, source, late: TaskTracker::new() }
    }

    /// Waits until the broker has accepted every event, for at most `patience`.
    pub async fn finish(&self, patience: Duration) {
        self.late.close();
        if tokio::time::timeout(patience, self.late.wait()).await.is_err() {
            tracing::warn!(events = self.late.len(), "the broker accepts nothing; these events were not published");
        }
    }
}

#[async_trait]
impl EventSink for Announcer {
    async fn publish(&self, event: &DomainEvent) -> Result<()> {
        let event =
            CloudEvent::new(&self.source, event, Timestamp::now())?.traced(TraceParent::current().map(String::from));
        let (topic, body) = (event.topic().to_owned(), event.to_bytes()?);
        let prompt = tokio::time::timeout(PROMPT, self.queue.announce(&topic, MEDIA_TYPE, body.clone()));
        if let Ok(Ok(())) = prompt.await {
            return Ok(());
        }
        tracing::debug!(topic, "the broker has not accepted an event; retrying in the background");
        let queue = self.queue.clone();
        self.late.spawn(async move {
            while let Err(error) = queue.announce(&topic, MEDIA_TYPE, body.clone()).await {
                tracing::warn!(topic, error = %error.chain(), "an event is not published yet; retrying");
                tokio::time::sleep(AGAIN).await;
            }
        });
        Ok(())
    }
}

/// Delivers events to the webhook endpoints of the settings until asked to stop; undelivered events stay in the queue
/// for the next process.
pub async fn send(webhooks: Webhooks, notifications: Arc<dyn Channel<Notification>>, shutdown: Shutdown) {
    let mut sending = JoinSet::new();
    loop {
        let received = tokio::select! {
            biased;
            () = shutdown.wait() => return,
            Some(_) = sending.join_next(), if sending.len() >= AT_ONCE => continue,
            received = notifications.receive(), if sending.len() < AT_ONCE => received,
        };
        let delivery = match received {
            Ok(Some(delivery)) => delivery,
            Ok(None) => return,
            Err(error) => {
                tracing::warn!(error = %error.chain(), "cannot receive events for webhooks any more");
                return;
            }
        };
        while sending.try_join_next().is_some() {}
        let webhooks = webhooks.clone();
        sending.spawn(async move {
            if let Err(error) = deliver(&webhooks, delivery).await {
                tracing::warn!(error = %error.chain(), "cannot acknowledge an event; it will be sent again");
            }
        });
    }
}

async fn deliver(webhooks: &Webhooks, delivery: Delivery<Notification>) -> Result<()> {
    let event = match serde_json::from_slice::<CloudEvent>(&delivery.message.body) {
        Ok(event) => event,
        Err(e) => return delivery.dead(&Error::invalid("not a valid CloudEvent").caused_by(e).chain()).await,
    };
    let failures = webhooks.deliver(&event).await;
    let told: Vec<String> = failures.iter().map(Error::chain).collect();
    match failures.iter().any(|error| error.kind() == Kind::Transient) {
        _ if failures.is_empty() => {}
        true => return delivery.retry(&told.join("; ")).await,
        false => return delivery.dead(&told.join("; ")).await,
    }
    delivery.ack().await;
    Ok(())
}
