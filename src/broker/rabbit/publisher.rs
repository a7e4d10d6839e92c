//! Publishing to the broker: a message counts as published once the broker has confirmed it.
//!
//! # Invariants
//!
//! A message that no queue accepts is an error, never silently lost. A message whose confirmation was lost is sent
//! again, so it may arrive twice. The connection is separate from the consumers', as a broker short of memory stops
//! reading from publishers.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use backon::{ExponentialBuilder, Retryable as _};
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, Channel, Confirmation, Connection};
use tokio::sync::Mutex;

use super::connection::ConnectionManager;
use crate::base::error::{Error, Kind, Result};

/// The time after which a missing confirmation counts as lost.
const CONFIRM: Duration = Duration::from_secs(20);

/// Publishes over a connection of its own.
#[derive(Debug)]
pub(super) struct Publisher {
    connections: ConnectionManager,
    /// The time for which a broker that is away, or accepts no messages, is waited for.
    patience: Duration,
    open: Mutex<Option<Open>>,
    /// The number of connections opened so far.
    count: AtomicU64,
}

#[derive(Debug)]
struct Open {
    /// The connection, held to keep the channel open.
    connection: Connection,
    channel: Channel,
    /// The number of the connection, so that one failure closes it only once.
    number: u64,
}

/// A message to publish, with its destination.
#[derive(Clone, Debug)]
pub(super) struct Outgoing {
    /// The exchange.
    pub(super) exchange: String,
    /// The routing key.
    pub(super) key: String,
    /// The body.
    pub(super) body: Vec<u8>,
    /// The properties.
    pub(super) properties: BasicProperties,
    /// Whether it is an error if no queue accepts the message.
    pub(super) mandatory: bool,
}

/// The reason why one attempt failed.
#[derive(Debug)]
enum Failed {
    /// The connection failed.
    Connection(Error),
    /// No queue accepts the message.
    Unroutable,
    /// The broker rejected the message.
    Refused,
}

impl Failed {
    fn into_error(self, key: &str) -> Error {
        match self {
            Self::Connection(error) => error,
            Self::Unroutable => Error::unavailable(format!("the broker has no queue for {key}"))
                .hint("something keeps deleting it; look at the broker's log and policies"),
            Self::Refused => Error::new(Kind::Transient, format!("the broker refuses messages for {key}"))
                .hint("the queue is full, or a policy limits it; look at the broker"),
        }
    }
}

impl Publisher {
    /// Creates a publisher over `connections`; connects when first used.
    pub(super) fn new(connections: ConnectionManager, patience: Duration) -> Self {
        Self { connections, patience, open: Mutex::new(None), count: AtomicU64::new(0) }
    }

    /// Publishes a message, with retries until the broker has confirmed it or the patience ends.
    ///
    /// # Errors
    ///
    /// If the broker cannot be reached, has no queue for the message, or rejects it.
    pub(super) async fn publish(&self, outgoing: &Outgoing) -> Result<()> {
        let deadline = Instant::now() + self.patience;
        let pauses = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(100))
            .with_factor(2.0)
            .with_max_delay(Duration::from_secs(5))
            .without_max_times();
        (|| self.attempt_declared(outgoing))
            .retry(pauses)
            .when(|failed| !matches!(failed, Failed::Unroutable) && Instant::now() < deadline)
            .notify(|failed, _| tracing::debug!(?failed, "publishing again"))
            .await
            .map_err(|failed| failed.into_error(&outgoing.key))
    }

    /// Tries once; where a queue was deleted, declares it on a new connection and tries once more.
    async fn attempt_declared(&self, outgoing: &Outgoing) -> Result<(), Failed> {
        match self.attempt(outgoing).await {
            Err(Failed::Unroutable) => {
                *self.open.lock().await = None;
                self.attempt(outgoing).await
            }
            result => result,
        }
    }

    /// Opens a channel for queries on the same connection.
    pub(super) async fn channel(&self) -> Result<Channel> {
        let mut open = self.open.lock().await;
        self.opened(&mut open).await?;
        let Some(Open { connection, .. }) = &*open else {
            return Err(Error::internal("a connection that was just opened is gone"));
        };
        connection.create_channel().await.map_err(|e| self.connections.failed("open a channel at", e))
    }

    async fn attempt(&self, outgoing: &Outgoing) -> Result<(), Failed> {
        let mut open = self.open.lock().await;
        let (channel, number) = self.opened(&mut open).await.map_err(Failed::Connection)?;
        let options = BasicPublishOptions { mandatory: outgoing.mandatory, ..BasicPublishOptions::default() };
        let (exchange, key) = (outgoing.exchange.as_str().into(), outgoing.key.as_str().into());
        let sent = channel.basic_publish(exchange, key, options, &outgoing.body, outgoing.properties.clone()).await;
        drop(open); // others may publish while this one waits for its confirmation
        let confirmed = match sent {
            Ok(confirmation) => tokio::time::timeout(CONFIRM, confirmation).await,
            Err(e) => Ok(Err(e)),
        };
        match confirmed {
            Ok(Ok(Confirmation::Ack(None))) => Ok(()),
            Ok(Ok(Confirmation::Ack(Some(_)))) => Err(Failed::Unroutable),
            Ok(Ok(Confirmation::Nack(_))) => Err(Failed::Refused),
            Ok(Ok(Confirmation::NotRequested)) => {
                Err(Failed::Connection(Error::internal("the broker's channel gives no confirmations")))
            }
            Ok(Err(e)) => {
                self.close(number).await;
                Err(Failed::Connection(self.connections.failed("publish to", e)))
            }
            Err(_) => {
                self.close(number).await;
                let shown = self.connections.shown();
                Err(Failed::Connection(
                    Error::unavailable(format!("the broker {shown} does not confirm messages"))
                        .hint("it may be short of memory or disk (an alarm blocks publishers); look at the broker"),
                ))
            }
        }
    }

    /// Returns the open channel, or opens one.
    async fn opened(&self, open: &mut Option<Open>) -> Result<(Channel, u64)> {
        if let Some(Open { channel, number, .. }) = open
            && channel.status().connected()
        {
            return Ok((channel.clone(), *number));
        }
        *open = None;
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let (connection, channel) = self.connections.connect("publisher").await?;
        let confirms = channel.confirm_select(ConfirmSelectOptions::default()).await;
        confirms.map_err(|e| self.connections.failed("ask for confirmations from", e))?;
        *open = Some(Open { connection, channel: channel.clone(), number });
        Ok((channel, number))
    }

    /// Closes a connection that failed, unless it is closed already.
    async fn close(&self, number: u64) {
        let mut open = self.open.lock().await;
        if open.as_ref().is_some_and(|open| open.number == number) {
            *open = None;
        }
    }
}
