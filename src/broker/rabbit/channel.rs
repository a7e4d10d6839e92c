//! The channel of a RabbitMQ broker: one implementation for jobs, orders and notifications.

use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use lapin::types::{AMQPValue, FieldTable};
use tokio::sync::OnceCell;
use tokio::task::JoinSet;

use super::client::{BrokerClient, LOOK_AGAIN};
use super::consumer::{AckGuard, Activity, Consumer, Incoming};
use super::dead_letters;
use super::topology::{self, Route};
use crate::base::error::{Error, Result};
use crate::broker::channel::{Channel, Delivery, MAX_DELIVERIES, Receipt};
use crate::broker::payload::Payload;
use crate::spec::Priority;

/// The number of messages that wait for their confirmation at once when many are published.
const UNCONFIRMED: usize = 256;
/// The header that counts failures, for messages whose body has no field for them.
const FAILURES: &str = "housestyle-failures";

/// A [`Channel`] at a RabbitMQ broker.
#[derive(Debug)]
pub(super) struct RabbitChannel<T> {
    sender: Sender<T>,
    prefetch: u16,
    activity: Arc<Activity>,
    consumer: OnceCell<Consumer>,
    closed: AtomicBool,
}

/// Sends messages of one kind to their queues.
#[derive(Debug)]
struct Sender<T> {
    client: Arc<BrokerClient>,
    route: &'static Route,
    kind: PhantomData<fn(T)>,
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self { client: Arc::clone(&self.client), route: self.route, kind: PhantomData }
    }
}

impl<T: Payload> Sender<T> {
    /// Sends a message: at once for 0, otherwise after the `nth` delay.
    async fn send(&self, message: &T, nth: u32) -> Result<()> {
        let mut headers = FieldTable::default();
        if T::FAILURES_IN_HEADER && message.failures() > 0 {
            headers.insert(FAILURES.into(), AMQPValue::LongLongInt(message.failures().into()));
        }
        self.client.send_later(self.route.queue(message.priority()), message.to_bytes()?, nth, headers).await
    }
}

impl<T: Payload> RabbitChannel<T> {
    /// Creates the channel; at most `prefetch` messages of each of its queues are received ahead.
    pub(super) fn new(
        route: &'static Route,
        prefetch: u16,
        client: Arc<BrokerClient>,
        activity: Arc<Activity>,
    ) -> Self {
        let sender = Sender { client, route, kind: PhantomData };
        Self { sender, prefetch, activity, consumer: OnceCell::new(), closed: AtomicBool::new(false) }
    }

    /// Returns whether the receiving connection is up; true for a channel that has not received yet.
    pub(super) fn connected(&self) -> bool {
        self.consumer.get().is_none_or(Consumer::connected)
    }

    async fn consumer(&self) -> &Consumer {
        let start = || async {
            let Sender { client, route, .. } = &self.sender;
            Consumer::start(client.connections().clone(), route, self.prefetch, Arc::clone(&self.activity))
        };
        self.consumer.get_or_init(start).await
    }

    /// Parses an incoming message. One that cannot be parsed goes to the dead letters, so that the queue goes on.
    fn open(&self, incoming: Incoming) -> Option<Delivery<T>> {
        let Incoming { body, deaths, headers, guard } = incoming;
        match T::from_bytes(&body) {
            Ok(mut message) => {
                if T::FAILURES_IN_HEADER {
                    let failures = headers.get(FAILURES).and_then(AMQPValue::as_long_long_int).unwrap_or(0);
                    message.set_failures(u32::try_from(failures).unwrap_or(MAX_DELIVERIES));
                }
                let given_up = (deaths >= topology::DELIVERY_LIMIT)
                    .then(|| format!("{deaths} receivers died or lost their connection before they had settled it"));
                let receipt = RabbitReceipt { guard, sender: self.sender.clone() };
                Some(Delivery::new(message, Box::new(receipt)).given_up(given_up))
            }
            Err(error) => {
                let Sender { client, route, .. } = self.sender.clone();
                tokio::spawn(async move {
                    tracing::warn!(error = %error.chain(), "a message that cannot be read goes to the dead letters");
                    match client.send_dead(route.name, body, &error.chain()).await {
                        Ok(()) => guard.ack().await,
                        Err(error) => {
                            tracing::warn!(error = %error.chain(), "its dead letter was not published; it comes again")
                        }
                    }
                });
                None
            }
        }
    }
}

#[async_trait]
impl<T: Payload> Channel<T> for RabbitChannel<T> {
    async fn publish(&self, message: T) -> Result<()> {
        self.publish_later(message, 0).await
    }

    async fn publish_all(&self, messages: Vec<T>) -> Result<()> {
        let mut sending = JoinSet::new();
        let mut messages = messages.into_iter();
        loop {
            while sending.len() < UNCONFIRMED
                && let Some(message) = messages.next()
            {
                let sender = self.sender.clone();
                sending.spawn(async move { sender.send(&message, 0).await });
            }
            match sending.join_next().await {
                Some(sent) => sent.map_err(|e| Error::internal("publishing was cut short").caused_by(e))??,
                None => return Ok(()),
            }
        }
    }

    async fn publish_later(&self, message: T, nth: u32) -> Result<()> {
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::internal("published to a closed queue"));
        }
        self.sender.send(&message, nth).await
    }

    fn delays(&self) -> &[Duration] {
        self.sender.client.delays()
    }

    async fn receive(&self) -> Result<Option<Delivery<T>>> {
        let consumer = self.consumer().await;
        loop {
            let changed = self.activity.changed();
            tokio::pin!(changed);
            changed.as_mut().enable(); // before looking, so that no change is missed between looking and waiting
            while let Some(incoming) = consumer.take() {
                if let Some(delivery) = self.open(incoming) {
                    return Ok(Some(delivery));
                }
            }
            if !self.closed.load(Ordering::Acquire) {
                changed.await;
            } else if self.sender.client.is_drained(|| self.activity.is_idle()).await? {
                return Ok(None);
            } else {
                let _ = tokio::time::timeout(LOOK_AGAIN, changed).await;
            }
        }
    }

    async fn depth(&self, priority: Priority) -> Result<u32> {
        self.sender.client.depth(self.sender.route.queue(priority)).await
    }

    async fn close(&self) -> Result<()> {
        self.closed.store(true, Ordering::Release);
        self.activity.wake(); // a receiver that waits may find the channel closed and drained
        Ok(())
    }

    async fn dead(&self) -> Result<Vec<(T, String)>> {
        let letters = dead_letters::list(&self.sender.client).await?;
        let here = |from: &Option<String>| from.as_deref().is_none_or(|from| from == self.sender.route.name);
        let readable = letters.into_iter().filter(|letter| here(&letter.from));
        Ok(readable.filter_map(|letter| Some((T::from_bytes(&letter.body).ok()?, letter.reason))).collect())
    }
}

/// Settles a delivery at the broker.
#[derive(Debug)]
struct RabbitReceipt<T> {
    guard: AckGuard,
    sender: Sender<T>,
}

#[async_trait]
impl<T: Payload> Receipt<T> for RabbitReceipt<T> {
    fn is_live(&self) -> bool {
        self.guard.is_live()
    }

    async fn ack(self: Box<Self>) {
        self.guard.ack().await;
    }

    async fn resend(&self, message: &T, nth: u32) -> Result<()> {
        self.sender.send(message, nth).await
    }

    async fn dead_letter(&self, message: &T, reason: &str) -> Result<()> {
        self.sender.client.send_dead(self.sender.route.name, message.to_bytes()?, reason).await
    }
}
