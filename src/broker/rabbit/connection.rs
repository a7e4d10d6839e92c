//! Connections to the broker, and the errors that its replies stand for.
//!
//! A connection declares the topology before it is used.
//!
//! # Invariants
//!
//! An attempt to connect ends within [`CONNECT`]. A peer that disappears silently is noticed by heartbeats. No error
//! holds the password.

use std::time::Duration;

use lapin::options::BasicQosOptions;
use lapin::protocol::{AMQPErrorKind, AMQPHardError, AMQPSoftError};
use lapin::uri::AMQPUri;
use lapin::{Channel, Connection, ConnectionProperties, ErrorKind};

use super::topology;
use crate::base::error::Error;

/// The time limit of one attempt to connect and declare.
const CONNECT: Duration = Duration::from_secs(15);
/// Seconds between heartbeats; after two silent ones the peer counts as gone.
const HEARTBEAT: u16 = 20;

/// Opens connections to one broker and declares the topology on them.
#[derive(Clone, Debug)]
pub(super) struct ConnectionManager {
    uri: AMQPUri,
    shown: String,
    delays: Vec<Duration>,
    webhooks: bool,
}

impl ConnectionManager {
    /// Creates a manager of connections to `uri`, which is called `shown` in errors.
    pub(super) fn new(mut uri: AMQPUri, shown: String, delays: Vec<Duration>) -> Self {
        uri.query.heartbeat.get_or_insert(HEARTBEAT);
        uri.query.connection_timeout.get_or_insert(5_000);
        Self { uri, shown, delays, webhooks: false }
    }

    /// Returns the same manager, which declares the queue of webhooks as well.
    pub(super) fn with_webhooks(self) -> Self {
        Self { webhooks: true, ..self }
    }

    /// Opens a connection and a channel on it, with the topology declared; `purpose` is part of its name at the broker.
    pub(super) async fn connect(&self, purpose: &str) -> Result<(Connection, Channel), Error> {
        let name = format!("housestyle {purpose} {}", std::process::id());
        let connecting = async {
            let properties = ConnectionProperties::default().with_connection_name(name.into());
            let connection = Connection::connect_uri(self.uri.clone(), properties).await?;
            let channel = connection.create_channel().await?;
            match self.topology(&channel).await {
                Err(error) if is_refused(&error) => {
                    // A user who only submits may not declare. Workers have done it, and what is missing shows when it
                    // is used.
                    tracing::debug!(%error, "this user may not declare queues");
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
    pub(super) async fn declare(&self, channel: &Channel) -> Result<(), Error> {
        self.topology(channel).await.map_err(|e| self.failed("declare queues at", e))
    }

    async fn topology(&self, channel: &Channel) -> lapin::Result<()> {
        topology::declare(channel, &self.delays).await?;
        if self.webhooks {
            topology::declare_webhooks(channel).await?;
        }
        Ok(())
    }

    /// Returns the error for a failed operation at the broker, which `verb` names.
    pub(super) fn failed(&self, verb: &str, error: lapin::Error) -> Error {
        let message = format!("cannot {verb} the broker {}", self.shown);
        let protocol = match error.kind() {
            ErrorKind::ProtocolError(said) => Some(said.kind().clone()),
            _ => None,
        };
        let hint = match protocol {
            Some(AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED)) => {
                Some("check user, password, vhost and permissions; `deploy/` has the permissions that are needed")
            }
            Some(AMQPErrorKind::Hard(AMQPHardError::NOTALLOWED)) => Some("check the name of the vhost"),
            Some(AMQPErrorKind::Soft(AMQPSoftError::PRECONDITIONFAILED)) => {
                Some("a queue of this name has other arguments; drain and delete it, or use another vhost")
            }
            Some(_) => None,
            None => Some(LOOK),
        };
        let failed = Error::unavailable(message).caused_by(error);
        match hint {
            Some(hint) => failed.hint(hint),
            None => failed,
        }
    }

    /// Returns the broker's address as errors show it.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }
}

fn is_refused(error: &lapin::Error) -> bool {
    let ErrorKind::ProtocolError(said) = error.kind() else { return false };
    matches!(said.kind(), AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED))
}

const LOOK: &str = "check that the broker runs and that the setting `broker` names it";

/// Limits the messages that each consumer of `channel` receives ahead.
pub(super) async fn limit(channel: &Channel, prefetch: u16) -> lapin::Result<()> {
    channel.basic_qos(prefetch, BasicQosOptions::default()).await
}
