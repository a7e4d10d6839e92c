//! The broker client: sends bytes to a queue (at once or later), to the dead letters or to the exchange of events.

use std::time::Duration;

use lapin::BasicProperties;
use lapin::options::QueueDeclareOptions;
use lapin::types::{AMQPValue, FieldTable};
use lapin::uri::AMQPUri;

use super::connection::ConnectionManager;
use super::publisher::{Outgoing, Publisher};
use super::topology;
use crate::base::error::{Error, Result};
use crate::base::text;

/// The maximum length of a reason in characters; a longer one is cut.
const MAX_REASON: usize = 2_000;
/// The number of consecutive checks that must find all queues empty, as a message may be on its way between two of
/// them.
const EMPTY: usize = 3;
/// The pause between two checks of the queues.
pub(super) const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Settings for the use of a broker.
#[derive(Clone, Debug)]
pub struct RabbitSettings {
    /// The maximum number of jobs of each priority that are received ahead. More keep the engine busy; all of them must
    /// be done within the broker's acknowledgement timeout (half an hour).
    pub prefetch: u16,
    /// The maximum delays before a message is delivered again after its first, second, … failure; the last applies to
    /// all further ones.
    pub delays: Vec<Duration>,
    /// The time for which a broker that is away, or accepts no messages, is waited for.
    pub patience: Duration,
}

impl Default for RabbitSettings {
    fn default() -> Self {
        let delays = [1, 5, 30, 120].map(Duration::from_secs).into();
        Self { prefetch: 64, delays, patience: Duration::from_secs(60) }
    }
}

/// Sends to a broker and queries its queues.
#[derive(Debug)]
pub(super) struct BrokerClient {
    connections: ConnectionManager,
    settings: RabbitSettings,
    publisher: Publisher,
}

impl BrokerClient {
    /// Creates a client for the broker at `uri`, called `shown` in errors; connects when first used.
    pub(super) fn new(uri: AMQPUri, shown: String, settings: RabbitSettings) -> Self {
        let connections = ConnectionManager::new(uri, shown, settings.delays.clone());
        let publisher = Publisher::new(connections.clone(), settings.patience);
        Self { connections, settings, publisher }
    }

    /// Returns a client whose connections declare the queue of webhooks as well.
    pub(super) fn with_webhooks(&self) -> Self {
        let connections = self.connections.clone().with_webhooks();
        let publisher = Publisher::new(connections.clone(), self.settings.patience);
        Self { connections, settings: self.settings.clone(), publisher }
    }

    pub(super) fn connections(&self) -> &ConnectionManager {
        &self.connections
    }

    pub(super) fn delays(&self) -> &[Duration] {
        &self.settings.delays
    }

    /// Opens an AMQP channel for queries.
    pub(super) async fn channel(&self) -> Result<lapin::Channel> {
        self.publisher.channel().await
    }

    /// Returns the error for a failed operation, which `verb` names.
    pub(super) fn failed(&self, verb: &str, error: lapin::Error) -> Error {
        self.connections.failed(verb, error)
    }

    /// Sends a body to a queue.
    pub(super) async fn send(&self, queue: &str, body: Vec<u8>, headers: FieldTable) -> Result<()> {
        let (exchange, key) = (topology::DIRECT.into(), queue.into());
        self.publisher
            .publish(&Outgoing { exchange, key, body, properties: persistent(headers), mandatory: true })
            .await
    }

    /// Sends a body to a queue where it arrives later: between half and all of the `nth` delay (from 1; the last
    /// applies to all further ones). Sends it at once for 0, or without delays.
    pub(super) async fn send_later(&self, queue: &str, body: Vec<u8>, nth: u32, headers: FieldTable) -> Result<()> {
        let delays = self.delays();
        let last = delays.len().saturating_sub(1);
        let nth = nth.checked_sub(1).map(|nth| usize::try_from(nth).unwrap_or(usize::MAX).min(last));
        let Some(delay) = nth.and_then(|nth| delays.get(nth)) else { return self.send(queue, body, headers).await };
        let half = u64::try_from(delay.as_millis() / 2).unwrap_or(u64::MAX);
        let random = getrandom::u64().map_err(|e| Error::internal("the system has no randomness").caused_by(e))?;
        let wait = half + random % half.max(1);
        let properties = persistent(headers).with_expiration(wait.to_string().into());
        let (exchange, key) = (topology::wait(*delay), queue.into());
        self.publisher.publish(&Outgoing { exchange, key, body, properties, mandatory: true }).await
    }

    /// Sends a body to the dead letters, with the channel it comes from and the reason.
    pub(super) async fn send_dead(&self, from: &str, body: Vec<u8>, reason: &str) -> Result<()> {
        let mut headers = FieldTable::default();
        let reason: String = text::escape(reason).chars().take(MAX_REASON).collect();
        headers.insert(topology::REASON.into(), AMQPValue::LongString(reason.into()));
        headers.insert(topology::FROM.into(), AMQPValue::LongString(from.into()));
        self.send(topology::DEAD, body, headers).await
    }

    /// Publishes a body on the exchange of events.
    pub(super) async fn announce(&self, topic: &str, content_type: &str, body: Vec<u8>) -> Result<()> {
        let properties = persistent(FieldTable::default()).with_content_type(content_type.into());
        let (exchange, key) = (topology::EVENTS.into(), topic.into());
        self.publisher.publish(&Outgoing { exchange, key, body, properties, mandatory: false }).await
    }

    /// Returns the number of messages that wait in a queue; received and unsettled ones are not counted.
    pub(super) async fn depth(&self, queue: &str) -> Result<u32> {
        self.depth_over(&self.channel().await?, queue).await
    }

    async fn depth_over(&self, channel: &lapin::Channel, queue: &str) -> Result<u32> {
        let look = QueueDeclareOptions { passive: true, durable: true, ..QueueDeclareOptions::default() };
        let declared = channel.queue_declare(queue.into(), look, FieldTable::default()).await;
        Ok(declared.map_err(|e| self.failed("look at a queue of", e))?.message_count())
    }

    /// Returns whether no job and no order waits or is due later, while `idle` reports that this process holds none
    /// either.
    pub(super) async fn is_drained(&self, idle: impl Fn() -> bool) -> Result<bool> {
        if !idle() {
            return Ok(false);
        }
        let mut queues: Vec<String> =
            topology::JOBS.names().chain(topology::ORDERS.names()).map(String::from).collect();
        queues.extend(self.delays().iter().map(|delay| topology::wait(*delay)));
        let channel = self.channel().await?;
        for again in 0..EMPTY {
            if again > 0 {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
            for queue in &queues {
                if !idle() || self.depth_over(&channel, queue).await? > 0 {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }
}

fn persistent(headers: FieldTable) -> BasicProperties {
    BasicProperties::default().with_delivery_mode(2).with_content_type("application/json".into()).with_headers(headers)
}
