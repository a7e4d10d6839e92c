//! The broker's queues and how messages move between them. Names are a contract with `deploy/`.
//!
//! In: a channel. Out: everything declared; declaring it again changes nothing.
//! Always holds: queues are durable and replicated (quorum); what the broker itself moves, be it dead or due again, it
//! holds until the next queue has it (at-least-once); a full queue refuses, it never drops.

use std::time::Duration;

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{Channel, ExchangeKind};

use crate::spec::Priority;

/// Routes to the queue that the routing key names.
pub const DIRECT: &str = "housestyle.direct";
/// Where what happens is announced.
pub const EVENTS: &str = "housestyle.events";
/// Orders for planners.
pub const CAMPAIGNS: &str = "housestyle.campaigns";
/// What was given up on.
pub const DEAD: &str = "housestyle.dead";

/// Events for whoever sends webhooks; only where somebody does.
pub const WEBHOOKS: &str = "housestyle.webhooks";
/// After so long without a sender the broker deletes that queue.
const FORGOTTEN: Duration = Duration::from_secs(3 * 86_400);

/// How often the broker delivers a message whose consumers keep dying with it in hand. The broker counts everything that was
/// in their hands or on its way there, innocent for the most part, and every restart; RabbitMQ 4 takes the same number.
pub const DELIVERY_LIMIT: i64 = 20;

/// A lane's queue.
pub fn lane(lane: Priority) -> &'static str {
    match lane {
        Priority::High => "housestyle.jobs.high",
        Priority::Normal => "housestyle.jobs.normal",
        Priority::Low => "housestyle.jobs.low",
    }
}

/// Exchange and queue of messages that are due again after `delay`.
pub fn wait(delay: Duration) -> String {
    format!("housestyle.wait.{}", delay.as_millis())
}

/// Declares everything.
pub async fn declare(channel: &Channel, delays: &[Duration]) -> lapin::Result<()> {
    let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    channel.exchange_declare(DIRECT.into(), ExchangeKind::Direct, durable, FieldTable::default()).await?;
    channel.exchange_declare(EVENTS.into(), ExchangeKind::Topic, durable, FieldTable::default()).await?;
    // Looking at the dead counts as a delivery, which must not kill them twice.
    queue(channel, DEAD, table([("x-delivery-limit", AMQPValue::LongLongInt(1_000_000))])).await?;
    for name in Priority::ALL.map(lane).into_iter().chain([CAMPAIGNS]) {
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

/// Declares the queue of webhooks, which hears everything.
pub async fn declare_webhooks(channel: &Channel) -> lapin::Result<()> {
    let limits = table([
        ("x-delivery-limit", AMQPValue::LongLongInt(DELIVERY_LIMIT)),
        ("x-dead-letter-exchange", text(DIRECT)),
        ("x-dead-letter-routing-key", text(DEAD)),
        ("x-dead-letter-strategy", text("at-least-once")),
        ("x-expires", AMQPValue::LongLongInt(i64::try_from(FORGOTTEN.as_millis()).unwrap_or(i64::MAX))),
    ]);
    queue(channel, WEBHOOKS, limits).await?;
    channel.queue_bind(WEBHOOKS.into(), EVENTS.into(), "#".into(), QueueBindOptions::default(), FieldTable::default()).await
}

/// Declares a queue that is reached by its name.
async fn queue(channel: &Channel, name: &str, mut arguments: FieldTable) -> lapin::Result<()> {
    arguments.insert("x-queue-type".into(), text("quorum"));
    arguments.insert("x-overflow".into(), text("reject-publish"));
    channel.queue_declare(name.into(), QueueDeclareOptions::durable(), arguments).await?;
    channel.queue_bind(name.into(), DIRECT.into(), name.into(), QueueBindOptions::default(), FieldTable::default()).await
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
