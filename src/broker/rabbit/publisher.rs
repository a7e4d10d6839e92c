//! Publishing to the broker: a message counts as published once the broker has confirmed it.
//!
//! # Invariants
//! A message that no queue takes is an error, never lost in silence. One whose confirmation was lost is sent again,
//! so it may come twice. The connection is not the consumers', as a broker short of memory stops reading from
//! publishers.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use backon::{ExponentialBuilder, Retryable as _};
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, Channel, Confirmation, Connection};
use tokio::sync::Mutex;

use super::connection::ConnectionManager;
use crate::base::error::{Error, Kind, Result};

/// A confirmation that has not come by then counts as lost.
const CONFIRM: Duration = Duration::from_secs(20);

/// Publishes over one connection of its own.
#[derive(Debug)]
pub(super) struct Publisher {
    connections: ConnectionManager,
    /// How long a broker that is away, or takes no messages, is waited for.
    patience: Duration,
    open: Mutex<Option<Open>>,
    /// How many connections were opened so far.
    count: AtomicU64,
}

#[derive(Debug)]
struct Open {
    /// Keeps the channel open.
    connection: Connection,
    channel: Channel,
    /// Which connection it is, so that one failure closes one connection only once.
    number: u64,
}

/// A message to publish and where it goes.
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
    /// Whether it is an error that no queue takes it.
    pub(super) mandatory: bool,
}

/// Why one attempt failed.
#[derive(Debug)]
enum Failed {
    /// The connection failed.
    Connection(Error),
    /// No queue takes it.
    Unroutable,
    /// The broker refused it.
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

    /// Publishes until the broker has confirmed it or patience ends.
    ///
    /// # Errors
    /// Where the broker cannot be reached, has no queue for it, or refuses it.
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

    /// Opens a channel for other questions on the same connection.
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
                    Error::unavailable(format!("the broker {shown} confirms nothing"))
                        .hint("it may be short of memory or disk (an alarm blocks publishers); look at the broker"),
                ))
            }
        }
    }

    /// Returns the channel that is open, or opens one.
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

    /// Closes a connection that failed, unless that has been done.
    async fn close(&self, number: u64) {
        let mut open = self.open.lock().await;
        if open.as_ref().is_some_and(|open| open.number == number) {
            *open = None;
        }
    }
}
