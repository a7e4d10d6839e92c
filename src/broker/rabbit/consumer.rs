//! Consumes messages from the broker by priority, across failures of connections, AMQP channels and queues.
//!
//! # Invariants
//!
//! At most `prefetch` messages of each queue are held. A message received on a lost connection is not handed out (the
//! broker delivers it again). A deleted queue is declared and consumed again. Taking is cancel-safe.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use futures_util::StreamExt as _;
use futures_util::future::try_join_all;
use lapin::Acker;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicNackOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio_util::task::AbortOnDropHandle;

use super::connection::{self, ConnectionManager};
use super::topology::Route;
use crate::base::error::{Error, Result};
use crate::broker::lanes::Lanes;

/// Receives from queues until dropped.
#[derive(Debug)]
pub(super) struct Consumer {
    inbox: Arc<Inbox>,
    _receiving: AbortOnDropHandle<()>,
}

/// The messages that this process holds of the broker's; several consumers may share one count.
#[derive(Debug, Default)]
pub(super) struct Activity {
    /// The number of messages received and not settled.
    held: AtomicUsize,
    /// Notified when a message arrives, and when one is settled.
    changed: Notify,
}

impl Activity {
    /// Returns whether no message is held.
    pub(super) fn is_idle(&self) -> bool {
        self.held.load(Ordering::Acquire) == 0
    }

    /// Wakes every waiter, to check again.
    pub(super) fn wake(&self) {
        self.changed.notify_waiters();
    }

    /// Waits for the next change; callers enable it before they check the state.
    pub(super) fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }
}

/// Messages that were received and not taken yet.
#[derive(Debug)]
struct Inbox {
    waiting: Mutex<Lanes<Incoming>>,
    activity: Arc<Activity>,
    connected: AtomicBool,
}

/// A received message.
#[derive(Debug)]
pub(super) struct Incoming {
    /// The message's body.
    pub(super) body: Vec<u8>,
    /// The number of receivers that died or lost their connection before they had settled the message.
    pub(super) deaths: i64,
    /// The message's headers.
    pub(super) headers: BTreeMap<ShortString, AMQPValue>,
    /// The guard that settles the message.
    pub(super) guard: AckGuard,
}

/// Holds an unsettled message; dropped without an acknowledgement, the message goes back to the broker.
#[derive(Debug)]
pub(super) struct AckGuard {
    acker: Option<Acker>,
    activity: Arc<Activity>,
}

impl Inbox {
    fn waiting(&self) -> MutexGuard<'_, Lanes<Incoming>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn receive(&self, delivery: Delivery) -> Incoming {
        self.activity.held.fetch_add(1, Ordering::AcqRel);
        let guard = AckGuard { acker: Some(delivery.acker), activity: Arc::clone(&self.activity) };
        let headers = delivery.properties.headers().as_ref().map(|h| h.inner().clone()).unwrap_or_default();
        let deaths = headers.get("x-delivery-count").and_then(AMQPValue::as_long_long_int).unwrap_or(0);
        Incoming { body: delivery.data, deaths, headers, guard }
    }
}

impl Consumer {
    /// Starts to receive from the queues of `route`; needs a Tokio runtime.
    pub(super) fn start(
        connections: ConnectionManager,
        route: &'static Route,
        prefetch: u16,
        activity: Arc<Activity>,
    ) -> Self {
        let inbox = Arc::new(Inbox { waiting: Mutex::default(), activity, connected: AtomicBool::new(false) });
        let receiving = tokio::spawn(receive(connections, route, prefetch, Arc::clone(&inbox)));
        Self { inbox, _receiving: AbortOnDropHandle::new(receiving) }
    }

    /// Returns whether the broker is connected.
    pub(super) fn connected(&self) -> bool {
        self.inbox.connected.load(Ordering::Relaxed)
    }

    /// Takes the next message, if one has arrived.
    pub(super) fn take(&self) -> Option<Incoming> {
        self.inbox.waiting().pop()
    }
}

impl AckGuard {
    /// Acknowledges the message. A lost connection is no error: the message is delivered again, to a receiver that
    /// finds its result in the store.
    pub(super) async fn ack(mut self) {
        if let Some(acker) = self.acker.take()
            && let Err(error) = acker.ack(BasicAckOptions::default()).await
        {
            tracing::debug!(%error, "an acknowledgement did not reach the broker");
        }
    }

    /// Returns whether the broker still waits for the settlement; if not, it delivers the message again.
    pub(super) fn is_live(&self) -> bool {
        self.acker.as_ref().is_some_and(Acker::usable)
    }
}

impl Drop for AckGuard {
    fn drop(&mut self) {
        if let Some(acker) = self.acker.take()
            && acker.usable()
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(async move {
                acker.nack(BasicNackOptions { requeue: true, ..BasicNackOptions::default() }).await
            });
        }
        self.activity.held.fetch_sub(1, Ordering::AcqRel);
        self.activity.wake();
    }
}

/// Receives over one connection after the other, for ever.
async fn receive(connections: ConnectionManager, route: &Route, prefetch: u16, inbox: Arc<Inbox>) {
    let backoff = ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(200))
        .with_factor(2.0)
        .with_max_delay(Duration::from_secs(10))
        .without_max_times();
    let mut pauses = backoff.build();
    loop {
        let ended = receive_over_one(&connections, route, prefetch, &inbox).await;
        if inbox.connected.swap(false, Ordering::Relaxed) {
            pauses = backoff.build(); // it worked for a while
        }
        // The broker takes back what was on the connection and delivers it again.
        let lost = inbox.waiting().clear();
        drop(lost);
        let why = ended.err().map_or_else(|| "closed".to_owned(), |error| error.chain());
        let pause = pauses.next().unwrap_or_default();
        tracing::warn!(why, pause_ms = pause.as_millis(), "the broker's connection is gone; connecting again");
        tokio::time::sleep(pause).await;
    }
}

/// Receives over one connection until it ends, and returns the reason.
async fn receive_over_one(connections: &ConnectionManager, route: &Route, prefetch: u16, inbox: &Inbox) -> Result<()> {
    let (connection, control) = connections.connect("consumer").await?;
    // A channel is closed when declaring on it fails, so consuming has its own.
    let channel = connection.create_channel().await.map_err(|e| connections.failed("open a channel at", e))?;
    connection::limit(&channel, prefetch).await.map_err(|e| connections.failed("limit what comes from", e))?;
    inbox.connected.store(true, Ordering::Relaxed);
    try_join_all(route.queues.iter().map(|(priority, queue)| {
        let (control, channel) = (&control, &channel);
        async move {
            loop {
                let (options, arguments) = (BasicConsumeOptions::default(), FieldTable::default());
                let consumer = channel.basic_consume((*queue).into(), "".into(), options, arguments).await;
                let mut consumer = consumer.map_err(|e| connections.failed("consume from", e))?;
                while let Some(delivery) = consumer.next().await {
                    let delivery = delivery.map_err(|e| connections.failed("consume from", e))?;
                    inbox.waiting().push(*priority, inbox.receive(delivery));
                    inbox.activity.wake();
                }
                if !channel.status().connected() {
                    return Err::<(), Error>(Error::unavailable("the broker closed the channel"));
                }
                tracing::warn!(queue, "the broker ended a consumer; the queue is declared again");
                connections.declare(control).await?;
            }
        }
    }))
    .await
    .map(drop)
}
