//! Consuming: messages come in, lane by lane, whatever happens to connections, channels and queues.
//!
//! In: queues, each on a lane. Out: raw messages by the lanes' weights, at most `prefetch` of each queue in hand.
//! Always holds: what was received on a connection that is gone is not handed out (the broker delivers it again); a queue
//! that was deleted is declared again and consumed again; taking a message is cancel-safe.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::try_join_all;
use lapin::Acker;
use lapin::message::Delivery;
use lapin::options::{BasicConsumeOptions, BasicNackOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::base::error::{Error, Result};
use crate::broker::lanes::Lanes;
use crate::broker::rabbit::link::{self, Link};
use crate::spec::Priority;

/// Between two attempts to connect, at most.
const MAX_PAUSE: Duration = Duration::from_secs(10);

/// Takes from queues until dropped.
#[derive(Debug)]
pub struct Consumer {
    inbox: Arc<Inbox>,
    stop: CancellationToken,
}

/// What has come and is not taken yet.
#[derive(Debug, Default)]
struct Inbox {
    waiting: Mutex<Lanes<Delivery>>,
    /// Rung when something came, and when something was settled.
    changed: Notify,
    /// Messages handed out and not settled.
    in_hand: AtomicUsize,
    connected: AtomicBool,
}

/// A message that came.
#[derive(Debug)]
pub struct Raw {
    /// Its body.
    pub body: Vec<u8>,
    /// How often it was in somebody's hands who then died.
    pub crashes: i64,
    /// Its headers.
    pub headers: BTreeMap<ShortString, AMQPValue>,
    /// To be settled with.
    pub hold: Hold,
}

/// A message in hand: dropped unsettled, it goes back to the broker.
#[derive(Debug)]
pub struct Hold {
    acker: Option<Acker>,
    inbox: Arc<Inbox>,
}

impl Inbox {
    fn waiting(&self) -> MutexGuard<'_, Lanes<Delivery>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Consumer {
    /// Starts consuming `queues`; needs a tokio runtime.
    pub fn start(link: Link, queues: Vec<(Priority, &'static str)>, prefetch: u16) -> Self {
        let (inbox, stop) = (Arc::new(Inbox::default()), CancellationToken::new());
        let (shared, stopped) = (Arc::clone(&inbox), stop.clone());
        tokio::spawn(async move {
            let mut pause = Duration::from_millis(200);
            while !stopped.is_cancelled() {
                let session = session(&link, &queues, prefetch, &shared);
                let ended = tokio::select! {
                    ended = session => ended,
                    () = stopped.cancelled() => return,
                };
                if shared.connected.swap(false, Ordering::Relaxed) {
                    pause = Duration::from_millis(200); // it worked for a while
                }
                // The broker takes back what was on the connection and delivers it again.
                drop(shared.waiting().clear());
                let why = ended.err().map_or_else(|| "closed".to_owned(), |error| error.chain());
                tracing::warn!(why, pause_ms = pause.as_millis(), "the broker's connection is gone; connecting again");
                tokio::select! {
                    () = tokio::time::sleep(pause) => pause = (pause * 2).min(MAX_PAUSE),
                    () = stopped.cancelled() => return,
                }
            }
        });
        Self { inbox, stop }
    }

    /// Whether the broker is there.
    pub fn connected(&self) -> bool {
        self.inbox.connected.load(Ordering::Relaxed)
    }

    /// Messages handed out and not settled.
    pub fn in_hand(&self) -> usize {
        self.inbox.in_hand.load(Ordering::Acquire)
    }

    /// Whether nothing waits to be taken.
    pub fn is_empty(&self) -> bool {
        self.inbox.waiting().is_empty()
    }

    /// The next message, if one has come.
    pub fn take(&self) -> Option<Raw> {
        let delivery = self.inbox.waiting().pop()?;
        self.inbox.in_hand.fetch_add(1, Ordering::AcqRel);
        let headers = delivery.properties.headers().as_ref().map(|h| h.inner().clone()).unwrap_or_default();
        let crashes = headers.get("x-delivery-count").and_then(AMQPValue::as_long_long_int).unwrap_or(0);
        let hold = Hold { acker: Some(delivery.acker), inbox: Arc::clone(&self.inbox) };
        Some(Raw { body: delivery.data, crashes, headers, hold })
    }

    /// Has everybody who waits look again.
    pub fn wake(&self) {
        self.inbox.changed.notify_waiters();
    }

    /// Rung whenever something came or was settled; callers enable it before they look.
    pub fn notified(&self) -> tokio::sync::futures::Notified<'_> {
        self.inbox.changed.notified()
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Hold {
    /// Settled: never delivered again. That its connection is gone is no error: the message comes again, to somebody who
    /// finds its result in the store.
    pub async fn ack(mut self) {
        if let Some(acker) = self.acker.take()
            && let Err(error) = acker.ack(lapin::options::BasicAckOptions::default()).await
        {
            tracing::debug!(%error, "an acknowledgement did not reach the broker");
        }
    }

    /// Whether the broker still waits for it to be settled; if not, it delivers the message again.
    pub fn is_live(&self) -> bool {
        self.acker.as_ref().is_some_and(Acker::usable)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if let Some(acker) = self.acker.take()
            && acker.usable()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(async move { acker.nack(BasicNackOptions { requeue: true, ..BasicNackOptions::default() }).await });
        }
        self.inbox.in_hand.fetch_sub(1, Ordering::AcqRel);
        self.inbox.changed.notify_waiters();
    }
}

/// One connection's life: returns when it ends, and why.
async fn session(link: &Link, queues: &[(Priority, &'static str)], prefetch: u16, inbox: &Inbox) -> Result<()> {
    let (connection, control) = link.connect("consumer").await?;
    // Declaring fails a channel when it fails, so that consuming has its own.
    let channel = connection.create_channel().await.map_err(|e| link.failed("open a channel at", e))?;
    link::limit(&channel, prefetch).await.map_err(|e| link.failed("limit what comes from", e))?;
    inbox.connected.store(true, Ordering::Relaxed);
    try_join_all(queues.iter().map(|(lane, queue)| {
        let (control, channel) = (&control, &channel);
        async move {
            loop {
                let (options, arguments) = (BasicConsumeOptions::default(), FieldTable::default());
                let consumer = channel.basic_consume((*queue).into(), "".into(), options, arguments).await;
                let mut consumer = consumer.map_err(|e| link.failed("consume from", e))?;
                while let Some(delivery) = consumer.next().await {
                    let delivery = delivery.map_err(|e| link.failed("consume from", e))?;
                    inbox.waiting().push(*lane, delivery);
                    inbox.changed.notify_waiters();
                }
                if !channel.status().connected() {
                    return Err::<(), Error>(Error::unavailable("the broker closed the channel"));
                }
                tracing::warn!(queue, "the broker ended a consumer; the queue is declared again");
                link.declare(control).await?;
            }
        }
    }))
    .await
    .map(drop)
}
