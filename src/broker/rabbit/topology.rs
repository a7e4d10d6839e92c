//! The broker's exchanges and queues, and how messages move between them. Names are a contract with `deploy/`.
//!
//! Declaring what is there already changes nothing.
//!
//! # Invariants
//! Queues are durable and replicated (quorum). What the broker itself moves, be it dead or due again, it holds until
//! the next queue has it (at-least-once). A full queue refuses, it never drops.

use std::time::Duration;

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{Channel, ExchangeKind};

use crate::spec::Priority;

/// The exchange that routes to the queue which the routing key names.
pub const DIRECT: &str = "housestyle.direct";
/// The exchange where events are announced.
pub const EVENTS: &str = "housestyle.events";
/// The queue of orders to coordinators.
const CAMPAIGNS: &str = "housestyle.campaigns";
/// The queue of dead letters.
pub(crate) const DEAD: &str = "housestyle.dead";
/// The queue of events for webhooks; only where webhooks are sent.
pub(super) const WEBHOOKS: &str = "housestyle.webhooks";
/// The broker deletes the queue of webhooks when nothing was received from it for so long.
const EXPIRES: Duration = Duration::from_secs(3 * 86_400);

/// The header of a dead letter with the reason.
pub(super) const REASON: &str = "housestyle-reason";
/// The header of a dead letter with the name of the route it comes from.
pub(super) const FROM: &str = "housestyle-from";

/// How often the broker delivers a message whose receivers keep dying with it. The broker counts everything that they
/// had received or was on its way to them, innocent for the most part, and every restart; RabbitMQ 4 takes the same
/// number.
pub const DELIVERY_LIMIT: i64 = 20;

/// The queues of one channel.
#[derive(Debug)]
pub(super) struct Route {
    /// What dead letters call it.
    pub(super) name: &'static str,
    /// One queue a priority, or one for all.
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
    /// Returns the queue of a priority; the first where the channel tells no priorities apart.
    pub(super) fn queue(&self, priority: Priority) -> &'static str {
        let queue = self.queues.iter().find(|(of, _)| *of == priority).or(self.queues.first());
        queue.map_or("", |(_, queue)| queue)
    }

    /// Returns the names of its queues.
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
    // Looking at dead letters counts as a delivery; the limit must not delete them for that.
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

/// Declares a queue that is reached by its name.
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
