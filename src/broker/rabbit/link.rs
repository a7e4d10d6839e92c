//! A connection to the broker, and what its errors mean.
//!
//! In: the broker's address. Out: connections that declare the topology before anybody uses them.
//! Always holds: an attempt to connect ends within [`CONNECT`]; a peer that went away in silence is noticed by heartbeats;
//! no password in errors.

use std::time::Duration;

use lapin::options::BasicQosOptions;
use lapin::protocol::{AMQPErrorKind, AMQPHardError, AMQPSoftError};
use lapin::uri::AMQPUri;
use lapin::{Channel, Connection, ConnectionProperties, ErrorKind};

use crate::base::error::{Error, Kind};
use crate::broker::rabbit::topology;

/// One attempt to connect and declare, at most.
const CONNECT: Duration = Duration::from_secs(15);
/// Two silent ones, and the peer counts as gone.
const HEARTBEAT: u16 = 20;

/// Where the broker is and what is expected there.
#[derive(Clone, Debug)]
pub struct Link {
    uri: AMQPUri,
    shown: String,
    delays: Vec<Duration>,
    webhooks: bool,
}

impl Link {
    /// A link to `uri`, called `shown` in errors.
    pub fn new(mut uri: AMQPUri, shown: String, delays: Vec<Duration>) -> Self {
        uri.query.heartbeat.get_or_insert(HEARTBEAT);
        uri.query.connection_timeout.get_or_insert(5_000);
        Self { uri, shown, delays, webhooks: false }
    }

    /// The same link where the queue of webhooks is declared as well.
    pub fn with_webhooks(self) -> Self {
        Self { webhooks: true, ..self }
    }

    /// A new connection, and a channel on it, with the topology declared; `purpose` is its name at the broker.
    pub async fn connect(&self, purpose: &str) -> Result<(Connection, Channel), Error> {
        let name = format!("housestyle {purpose} {}", std::process::id());
        let connecting = async {
            let properties = ConnectionProperties::default().with_connection_name(name.into());
            let connection = Connection::connect_uri(self.uri.clone(), properties).await?;
            let channel = connection.create_channel().await?;
            match self.topology(&channel).await {
                Err(error) if is_refused(&error) => {
                    // Who only submits may not declare. Workers have, and what is missing shows when it is used.
                    tracing::debug!(%error, "queues are not ours to declare");
                    let another = connection.create_channel().await?; // a refusal closes its channel
                    Ok((connection, another))
                }
                declared => declared.map(|()| (connection, channel)),
            }
        };
        match tokio::time::timeout(CONNECT, connecting).await {
            Ok(connected) => connected.map_err(|e| self.failed("connect to", e)),
            Err(_) => Err(Error::unavailable(format!("the broker {} did not answer in time", self.shown)).hint(LOOK)),
        }
    }

    /// Declares the topology once more.
    pub async fn declare(&self, channel: &Channel) -> Result<(), Error> {
        self.topology(channel).await.map_err(|e| self.failed("declare queues at", e))
    }

    async fn topology(&self, channel: &Channel) -> lapin::Result<()> {
        topology::declare(channel, &self.delays).await?;
        if self.webhooks {
            topology::declare_webhooks(channel).await?;
        }
        Ok(())
    }

    /// What `verb` on the broker failed with.
    pub fn failed(&self, verb: &str, error: lapin::Error) -> Error {
        let message = format!("cannot {verb} the broker {}", self.shown);
        let protocol = match error.kind() {
            ErrorKind::ProtocolError(said) => Some(said.kind().clone()),
            _ => None,
        };
        let found = match protocol {
            Some(AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED)) => {
                Error::unavailable(message).hint("look at user, password, vhost and permissions; `deploy/` has what is needed")
            }
            Some(AMQPErrorKind::Hard(AMQPHardError::NOTALLOWED)) => {
                Error::unavailable(message).hint("look at the vhost's name")
            }
            Some(AMQPErrorKind::Soft(AMQPSoftError::PRECONDITIONFAILED)) => Error::unavailable(message).hint(
                "a queue of this name was declared otherwise, by another version; drain and delete it, or use another vhost",
            ),
            Some(_) => Error::new(Kind::Unavailable, message),
            None => Error::unavailable(message).hint(LOOK),
        };
        found.caused_by(error)
    }

    /// The broker, as errors call it.
    pub fn shown(&self) -> &str {
        &self.shown
    }
}

fn is_refused(error: &lapin::Error) -> bool {
    let ErrorKind::ProtocolError(said) = error.kind() else { return false };
    matches!(said.kind(), AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED))
}

const LOOK: &str = "see that the broker runs and that the setting broker names it";

/// Lets at most `prefetch` messages of each consumer of `channel` be in hand.
pub async fn limit(channel: &Channel, prefetch: u16) -> lapin::Result<()> {
    channel.basic_qos(prefetch, BasicQosOptions::default()).await
}
