//! Publishing: handed over only once the broker has confirmed it.
//!
//! In: bytes for a queue. Out: they are the broker's, or an error. Always holds: a message that no queue takes is an error,
//! never lost in silence; one whose confirmation was lost is sent again, so it may come twice; the connection is apart from
//! the consumers', as a broker short of memory stops reading from publishers.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, Channel, Confirmation, Connection};
use tokio::sync::Mutex;

use crate::base::error::{Error, Kind, Result};
use crate::broker::rabbit::link::Link;

/// A confirmation that is not here by then is lost.
const CONFIRM: Duration = Duration::from_secs(20);

/// Publishes; cheap to share behind an `Arc`.
#[derive(Debug)]
pub struct Publisher {
    link: Link,
    /// How long a broker that is away or takes nothing is waited for.
    patience: Duration,
    open: Mutex<Option<Open>>,
    /// Connections so far.
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

/// A message and where it goes.
#[derive(Clone, Debug)]
pub struct Letter {
    /// The exchange.
    pub exchange: String,
    /// The routing key.
    pub key: String,
    /// The body.
    pub body: Vec<u8>,
    /// The properties.
    pub properties: BasicProperties,
    /// Whether it is an error that no queue takes it.
    pub mandatory: bool,
}

/// Why one try failed.
enum Failed {
    /// The connection is no good.
    Link(Error),
    /// No queue takes it.
    Unroutable,
    /// The broker refused it.
    Refused,
}

impl Publisher {
    /// Publishes over `link`; connects when first used.
    pub fn new(link: Link, patience: Duration) -> Self {
        Self { link, patience, open: Mutex::new(None), count: AtomicU64::new(0) }
    }

    /// Hands `letter` over; tries until the broker has it or patience ends.
    pub async fn publish(&self, letter: &Letter) -> Result<()> {
        let deadline = Instant::now() + self.patience;
        let mut pause = Duration::from_millis(100);
        let mut redeclared = false;
        loop {
            let error = match self.attempt(letter).await {
                Ok(()) => return Ok(()),
                Err(Failed::Unroutable) if !redeclared => {
                    // Somebody deleted the queue: a new connection declares it again.
                    redeclared = true;
                    *self.open.lock().await = None;
                    continue;
                }
                Err(Failed::Unroutable) => {
                    return Err(Error::unavailable(format!("the broker has no queue for {}", letter.key))
                        .hint("something keeps deleting it; look at the broker's log and policies"));
                }
                Err(Failed::Refused) => Error::new(Kind::Transient, format!("the broker refuses messages for {}", letter.key))
                    .hint("the queue is full, or a policy limits it; look at the broker"),
                Err(Failed::Link(error)) => error,
            };
            if Instant::now() + pause > deadline {
                return Err(error);
            }
            tracing::debug!(error = %error.chain(), "publishing again");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(5));
        }
    }

    /// A channel for other questions, on the same connection.
    pub async fn channel(&self) -> Result<Channel> {
        let mut open = self.open.lock().await;
        self.opened(&mut open).await?;
        let Some(Open { connection, .. }) = &*open else {
            return Err(Error::internal("a connection that was just opened is gone"));
        };
        connection.create_channel().await.map_err(|e| self.link.failed("open a channel at", e))
    }

    /// What a question to the broker failed with.
    pub fn failed(&self, verb: &str, error: lapin::Error) -> Error {
        self.link.failed(verb, error)
    }

    async fn attempt(&self, letter: &Letter) -> Result<(), Failed> {
        let mut open = self.open.lock().await;
        let (channel, number) = self.opened(&mut open).await.map_err(Failed::Link)?;
        let options = BasicPublishOptions { mandatory: letter.mandatory, ..BasicPublishOptions::default() };
        let (exchange, key) = (letter.exchange.as_str().into(), letter.key.as_str().into());
        let sent = channel.basic_publish(exchange, key, options, &letter.body, letter.properties.clone()).await;
        drop(open); // others may publish while this one waits for its confirmation
        let confirmed = match sent {
            Ok(confirmation) => tokio::time::timeout(CONFIRM, confirmation).await,
            Err(e) => Ok(Err(e)),
        };
        match confirmed {
            Ok(Ok(Confirmation::Ack(None))) => Ok(()),
            Ok(Ok(Confirmation::Ack(Some(_)))) => Err(Failed::Unroutable),
            Ok(Ok(Confirmation::Nack(_))) => Err(Failed::Refused),
            Ok(Ok(Confirmation::NotRequested)) => Err(Failed::Link(Error::internal("the channel gives no confirmations"))),
            Ok(Err(e)) => {
                self.close(number).await;
                Err(Failed::Link(self.link.failed("publish to", e)))
            }
            Err(_) => {
                self.close(number).await;
                let shown = self.link.shown();
                Err(Failed::Link(
                    Error::unavailable(format!("the broker {shown} confirms nothing"))
                        .hint("it may be short of memory or disk (an alarm blocks publishers); look at the broker"),
                ))
            }
        }
    }

    /// The channel that is open, or a new one.
    async fn opened(&self, open: &mut Option<Open>) -> Result<(Channel, u64)> {
        if let Some(Open { channel, number, .. }) = open
            && channel.status().connected()
        {
            return Ok((channel.clone(), *number));
        }
        *open = None;
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let (connection, channel) = self.link.connect("publisher").await?;
        let confirms = channel.confirm_select(ConfirmSelectOptions::default()).await;
        confirms.map_err(|e| self.link.failed("ask for confirmations from", e))?;
        *open = Some(Open { connection, channel: channel.clone(), number });
        Ok((channel, number))
    }

    /// Lets go of a connection that failed, unless that has been done.
    async fn close(&self, number: u64) {
        let mut open = self.open.lock().await;
        if open.as_ref().is_some_and(|open| open.number == number) {
            *open = None;
        }
    }
}
