//! The broker's exchanges and queues, and how messages move between them. Names are a contract with `deploy/`.
//!
//! Declaring what exists already changes nothing.
//!
//! # Invariants
//!
//! Queues are durable and replicated (quorum). A message that the broker itself moves, as dead or as due again, is held
//! until the next queue has it (at-least-once). A full queue rejects messages and never drops them.

use std::time::Duration;

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{Channel, ExchangeKind};

use crate::spec::Priority;

/// The exchange that routes a message to the queue that its routing key names.
pub const DIRECT: &str = "housestyle.direct";
/// The exchange on which events are published.
pub const EVENTS: &str = "housestyle.events";
/// The queue of orders to coordinators.
const CAMPAIGNS: &str = "housestyle.campaigns";
/// The queue of dead letters.
pub(crate) const DEAD: &str = "housestyle.dead";
/// The queue of events for webhooks; declared only where webhooks are sent.
pub(super) const WEBHOOKS: &str = "housestyle.webhooks";
/// The time without receivers after which the broker deletes the queue of webhooks.
const EXPIRES: Duration = Duration::from_secs(3 * 86_400);

/// The header of a dead letter with the reason.
pub(super) const REASON: &str = "housestyle-reason";
/// The header of a dead letter with the name of the route it comes from.
pub(super) const FROM: &str = "housestyle-from";

/// The broker's delivery limit, for a message whose receivers keep dying. The broker counts every message that a dead
/// receiver held or that was on its way to it, most of them not at fault, and every restart; RabbitMQ 4 has the same
/// default.
pub const DELIVERY_LIMIT: i64 = 20;

/// The queues of one channel.
#[derive(Debug)]
pub(super) struct Route {
    /// The channel's name in dead letters.
    pub(super) name: &'static str,
    /// The names of the queues: one per priority, or one for all.
    pub(super) queues: &'static [(Priority, &'static str)],
}

/// The route of jobs.
pub(super) const JOBS: Route = Route {
    name: "jobs",
    queues: &[
        (Priority::High, "housestyle.jobs.high"),
        (Priority::Normal, "housestyle.jobs.normal"),
        (Priority::Low, "housestyle.jobs.low"),
    ],
};
/// The route of orders.
pub(super) const ORDERS: Route = Route { name: "campaigns", queues: &[(Priority::Normal, CAMPAIGNS)] };
/// The route of notifications.
pub(super) const NOTIFICATIONS: Route = Route { name: "webhooks", queues: &[(Priority::Normal, WEBHOOKS)] };

impl Route {
    /// Returns the queue of a priority; the first one where the channel has no priorities.
    pub(super) fn queue(&self, priority: Priority) -> &'static str {
        let queue = self.queues.iter().find(|(of, _)| *of == priority).or(self.queues.first());
        queue.map_or("", |(_, queue)| queue)
    }

    /// Returns the names of the queues.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.queues.iter().map(|(_, queue)| *queue)
    }
}

/// Returns the name of the exchange and queue of messages that are due again after `delay`.
pub(super) fn wait(delay: Duration) -> String {
    format!("housestyle.wait.{}", delay.as_millis())
}

/// Declares every exchange and queue but the one of webhooks.
pub(super) async fn declare(channel: &Channel, delays: &[Duration]) -> lapin::Result<()> {
    let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    channel.exchange_declare(DIRECT.into(), ExchangeKind::Direct, durable, FieldTable::default()).await?;
    channel.exchange_declare(EVENTS.into(), ExchangeKind::Topic, durable, FieldTable::default()).await?;
    // Reading dead letters counts as a delivery; the limit must not delete them for that.
    queue(channel, DEAD, table([("x-delivery-limit", AMQPValue::LongLongInt(1_000_000))])).await?;
    for name in JOBS.names().chain(ORDERS.names()) {
        let limits = table([
            ("x-delivery-limit", AMQPValue::LongLongInt(DELIVERY_LIMIT)),
            ("x-dead-letter-exchange", text(DIRECT)),
            ("x-dead-letter-routing-key", text(DEAD)),
            ("x-dead-letter-strategy", text("at-least-once")),
        ]);
        queue(channel, name, limits).await?;
    }
    for delay in delays {
        let name = wait(*delay);
        channel.exchange_declare(name.as_str().into(), ExchangeKind::Fanout, durable, FieldTable::default()).await?;
        // The routing key it was published with names the queue it goes on to.
        let limits = table([
            ("x-message-ttl", AMQPValue::LongLongInt(i64::try_from(delay.as_millis()).unwrap_or(i64::MAX))),
            ("x-dead-letter-exchange", text(DIRECT)),
            ("x-dead-letter-strategy", text("at-least-once")),
        ]);
        queue(channel, &name, limits).await?;
        let bind = QueueBindOptions::default();
        channel.queue_bind(name.as_str().into(), name.as_str().into(), "".into(), bind, FieldTable::default()).await?;
    }
    Ok(())
}

/// Declares the queue of webhooks, which gets every event.
pub(super) async fn declare_webhooks(channel: &Channel) -> lapin::Result<()> {
    let limits = table([
        ("x-delivery-limit", AMQPValue::LongLongInt(DELIVERY_LIMIT)),
        ("x-dead-letter-exchange", text(DIRECT)),
        ("x-dead-letter-routing-key", text(DEAD)),
        ("x-dead-letter-strategy", text("at-least-once")),
        ("x-expires", AMQPValue::LongLongInt(i64::try_from(EXPIRES.as_millis()).unwrap_or(i64::MAX))),
    ]);
    queue(channel, WEBHOOKS, limits).await?;
    channel
        .queue_bind(WEBHOOKS.into(), EVENTS.into(), "#".into(), QueueBindOptions::default(), FieldTable::default())
        .await
}

/// Declares a queue and binds it under its own name.
async fn queue(channel: &Channel, name: &str, mut arguments: FieldTable) -> lapin::Result<()> {
    arguments.insert("x-queue-type".into(), text("quorum"));
    arguments.insert("x-overflow".into(), text("reject-publish"));
    channel.queue_declare(name.into(), QueueDeclareOptions::durable(), arguments).await?;
    channel
        .queue_bind(name.into(), DIRECT.into(), name.into(), QueueBindOptions::default(), FieldTable::default())
        .await
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}

fn table<const N: usize>(entries: [(&str, AMQPValue); N]) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in entries {
        table.insert(ShortString::from(name), value);
    }
    table
}
