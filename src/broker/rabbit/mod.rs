//! The queue at a broker: RabbitMQ, for many workers on many machines.
//!
//! In: jobs for the lanes, orders for planners. Out: deliveries, each settled once its result is in the store.
//! Always holds: what [`Queue::publish`] returned for is on the broker's disks; what failed waits in a queue of its own and
//! blocks nobody; a failure is counted in the envelope, a consumer's death by the broker, and both have a limit; a message
//! that nobody can read is buried, never delivered again and again.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use lapin::BasicProperties;
use lapin::options::QueueDeclareOptions;
use lapin::types::{AMQPValue, FieldTable};
use tokio::task::JoinSet;

use crate::base::error::{Error, Result};
use crate::base::text;
use crate::broker::address::BrokerAddress;
use crate::broker::{Delivery, MAX_DELIVERIES, Message, Queue, Receipt};
use crate::spec::Priority;

mod consumer;
pub mod dead;
mod link;
pub mod order;
mod publisher;
pub mod subscription;
pub mod topology;

use consumer::{Consumer, Hold, Raw};
use link::Link;
use publisher::{Letter, Publisher};

/// Publishing many, so many wait for their confirmation at once.
const IN_FLIGHT: usize = 256;
/// A reason is a sentence, not a file.
const MAX_REASON: usize = 2_000;
/// How often the queues must be found empty, so that nothing is on its way between two of them.
const EMPTY: usize = 3;
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// How a broker is used.
#[derive(Clone, Debug)]
pub struct RabbitSettings {
    /// Messages of each lane in hand at most. More keep the engine busy; all of them must be done within the broker's
    /// acknowledgement timeout (half an hour).
    pub prefetch: u16,
    /// How long after its first, second, … failure a message is delivered again, at most; the last stands for all further.
    pub delays: Vec<Duration>,
    /// How long a broker that is away, or takes no messages, is waited for.
    pub patience: Duration,
}

impl Default for RabbitSettings {
    fn default() -> Self {
        let delays = [1, 5, 30, 120].map(Duration::from_secs).into();
        Self { prefetch: 64, delays, patience: Duration::from_secs(60) }
    }
}

/// A [`Queue`] at a broker; cheap to clone.
#[derive(Clone, Debug)]
pub struct Rabbit(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    link: Link,
    settings: RabbitSettings,
    publisher: Arc<Publisher>,
    jobs: tokio::sync::OnceCell<Consumer>,
    orders: tokio::sync::OnceCell<Consumer>,
    closed: AtomicBool,
}

impl Rabbit {
    /// The queue at `broker`, there and declared; nothing is consumed before the first [`Queue::receive`].
    pub async fn connect(broker: &BrokerAddress, plaintext: bool, settings: RabbitSettings) -> Result<Self> {
        let link = Link::new(broker.uri(plaintext)?, broker.to_string(), settings.delays.clone());
        let publisher = Arc::new(Publisher::new(link.clone(), settings.patience));
        publisher.channel().await?; // says what is wrong with the address now, not with the first message
        let (jobs, orders, closed) = (Default::default(), Default::default(), AtomicBool::new(false));
        Ok(Self(Arc::new(Shared { link, settings, publisher, jobs, orders, closed })))
    }

    /// Publishes many, which is far faster than one after the other.
    pub async fn publish_all(&self, messages: Vec<Message>) -> Result<()> {
        let mut sending = JoinSet::new();
        let mut messages = messages.into_iter();
        loop {
            while sending.len() < IN_FLIGHT
                && let Some(message) = messages.next()
            {
                let shared = Arc::clone(&self.0);
                sending.spawn(async move { shared.send_job(&message).await });
            }
            match sending.join_next().await {
                Some(sent) => sent.map_err(|e| Error::internal("publishing was cut short").caused_by(e))??,
                None => return Ok(()),
            }
        }
    }

    /// Messages that wait in a queue, those in somebody's hands not counted.
    pub async fn depth(&self, queue: &str) -> Result<u32> {
        self.0.depth(&self.0.publisher.channel().await?, queue).await
    }

    /// Whether the consumers that were started have their connections.
    pub fn connected(&self) -> bool {
        [&self.0.jobs, &self.0.orders].iter().all(|consumer| consumer.get().is_none_or(Consumer::connected))
    }

    /// Announces `body` on the events' exchange; whoever listens there gets it, and that nobody does is no error.
    pub async fn announce(&self, topic: &str, content_type: &str, body: Vec<u8>) -> Result<()> {
        let properties = persistent(FieldTable::default()).with_content_type(content_type.into());
        let (exchange, key) = (topology::EVENTS.into(), topic.into());
        self.0.publisher.publish(&Letter { exchange, key, body, properties, mandatory: false }).await
    }

    async fn jobs(&self) -> &Consumer {
        let start = || async {
            let lanes = Priority::ALL.map(|lane| (lane, topology::lane(lane))).into();
            Consumer::start(self.0.link.clone(), lanes, self.0.settings.prefetch.max(1))
        };
        self.0.jobs.get_or_init(start).await
    }

    /// Nothing waits, is due later or is in our hands.
    async fn is_drained(&self, consumer: &Consumer) -> Result<bool> {
        let mut queues: Vec<String> = Priority::ALL.map(|lane| topology::lane(lane).to_owned()).into();
        queues.push(topology::CAMPAIGNS.into());
        queues.extend(self.0.settings.delays.iter().map(|delay| topology::wait(*delay)));
        let in_hand = || consumer.in_hand() + self.0.orders.get().map_or(0, Consumer::in_hand);
        if in_hand() > 0 || !consumer.is_empty() {
            return Ok(false);
        }
        let channel = self.0.publisher.channel().await?;
        for again in 0..EMPTY {
            if again > 0 {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
            for queue in &queues {
                if in_hand() > 0 || !consumer.is_empty() || self.0.depth(&channel, queue).await? > 0 {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }
}

impl Shared {
    /// Sends a body to a queue.
    async fn send(&self, queue: &str, body: Vec<u8>, headers: FieldTable) -> Result<()> {
        let (exchange, key) = (topology::DIRECT.into(), queue.into());
        self.publisher.publish(&Letter { exchange, key, body, properties: persistent(headers), mandatory: true }).await
    }

    async fn send_job(&self, message: &Message) -> Result<()> {
        self.send(topology::lane(message.lane()), message.to_bytes()?, FieldTable::default()).await
    }

    /// Messages that wait in a queue.
    async fn depth(&self, channel: &lapin::Channel, queue: &str) -> Result<u32> {
        let look = QueueDeclareOptions { passive: true, durable: true, ..QueueDeclareOptions::default() };
        let declared = channel.queue_declare(queue.into(), look, FieldTable::default()).await;
        Ok(declared.map_err(|e| self.publisher.failed("look at a queue of", e))?.message_count())
    }

    /// Sends a body to a queue where it arrives later: between half and all of the delay that comes after `failures`.
    async fn send_later(&self, queue: &str, body: Vec<u8>, failures: u32, headers: FieldTable) -> Result<()> {
        let delays = &self.settings.delays;
        let nth = usize::try_from(failures.saturating_sub(1)).unwrap_or(usize::MAX).min(delays.len().saturating_sub(1));
        let Some(delay) = delays.get(nth) else { return self.send(queue, body, headers).await };
        let half = u64::try_from(delay.as_millis() / 2).unwrap_or(u64::MAX);
        let wait = half + RandomState::new().hash_one(failures) % half.max(1);
        let properties = persistent(headers).with_expiration(wait.to_string().into());
        let (exchange, key) = (topology::wait(*delay), queue.into());
        self.publisher.publish(&Letter { exchange, key, body, properties, mandatory: true }).await
    }

    /// Sends a body to where the dead lie, with the reason.
    async fn bury(&self, from: &str, body: Vec<u8>, reason: &str) -> Result<()> {
        let mut headers = FieldTable::default();
        let reason: String = text::escape(reason).chars().take(MAX_REASON).collect();
        headers.insert(dead::REASON.into(), AMQPValue::LongString(reason.into()));
        headers.insert(dead::FROM.into(), AMQPValue::LongString(from.into()));
        self.send(topology::DEAD, body, headers).await
    }
}

fn persistent(headers: FieldTable) -> BasicProperties {
    BasicProperties::default().with_delivery_mode(2).with_content_type("application/json".into()).with_headers(headers)
}

#[async_trait]
impl Queue for Rabbit {
    async fn publish(&self, message: Message) -> Result<()> {
        if self.0.closed.load(Ordering::Acquire) {
            return Err(Error::internal("published to a closed queue"));
        }
        self.0.send_job(&message).await
    }

    async fn receive(&self) -> Result<Option<Delivery>> {
        let consumer = self.jobs().await;
        loop {
            let changed = consumer.notified();
            tokio::pin!(changed);
            changed.as_mut().enable(); // before looking, so that no change is missed between looking and waiting
            while let Some(raw) = consumer.take() {
                if let Some(delivery) = open(raw, &self.0) {
                    return Ok(Some(delivery));
                }
            }
            if !self.0.closed.load(Ordering::Acquire) {
                changed.await;
            } else if self.is_drained(consumer).await? {
                return Ok(None);
            } else {
                let _ = tokio::time::timeout(LOOK_AGAIN, changed).await;
            }
        }
    }

    async fn close(&self) -> Result<()> {
        self.0.closed.store(true, Ordering::Release);
        // Whoever waits for a message may wait for the last time.
        if let Some(consumer) = self.0.jobs.get() {
            consumer.wake();
        }
        Ok(())
    }

    async fn dead(&self) -> Result<Vec<(Message, String)>> {
        let letters = self.dead_letters().await?;
        let readable = letters.into_iter().filter_map(|letter| Some((letter.message()?, letter.reason)));
        Ok(readable.collect())
    }
}

/// Opens a message. What cannot be opened is buried beside, so that the lane goes on.
fn open(raw: Raw, shared: &Arc<Shared>) -> Option<Delivery> {
    let Raw { body, crashes, hold, .. } = raw;
    match Message::from_bytes(&body) {
        Ok(message) => {
            let given_up = (crashes >= topology::DELIVERY_LIMIT)
                .then(|| format!("{crashes} workers died while it was in their hands, or could not be reached any more"));
            let receipt = InHand { message: message.clone(), hold, shared: Arc::clone(shared) };
            Some(Delivery::new(message, Box::new(receipt)).given_up(given_up))
        }
        Err(error) => {
            let shared = Arc::clone(shared);
            tokio::spawn(async move {
                tracing::warn!(error = %error.chain(), "a message nobody can read is buried");
                match shared.bury("jobs", body, &error.chain()).await {
                    Ok(()) => hold.ack().await,
                    Err(error) => tracing::warn!(error = %error.chain(), "it could not be buried and comes again"),
                }
            });
            None
        }
    }
}

/// The receipt of a delivery.
#[derive(Debug)]
struct InHand {
    message: Message,
    hold: Hold,
    shared: Arc<Shared>,
}

#[async_trait]
impl Receipt for InHand {
    async fn ack(self: Box<Self>) -> Result<()> {
        self.hold.ack().await;
        Ok(())
    }

    async fn retry(mut self: Box<Self>, reason: &str) -> Result<()> {
        self.message.failures += 1;
        if self.message.failures >= MAX_DELIVERIES {
            return self.dead(&format!("failed {MAX_DELIVERIES} times, last: {reason}")).await;
        }
        if !self.hold.is_live() {
            return Ok(()); // the broker delivers it again anyway
        }
        let queue = topology::lane(self.message.lane());
        let (failures, body) = (self.message.failures, self.message.to_bytes()?);
        self.shared.send_later(queue, body, failures, FieldTable::default()).await?;
        self.hold.ack().await;
        Ok(())
    }

    async fn dead(self: Box<Self>, reason: &str) -> Result<()> {
        if self.hold.is_live() {
            self.shared.bury("jobs", self.message.to_bytes()?, reason).await?;
            self.hold.ack().await;
        }
        Ok(())
    }

    async fn give_back(self: Box<Self>) -> Result<()> {
        if self.hold.is_live() {
            // Sent anew instead of refused: the broker would count that as a death of the message's consumer.
            self.shared.send_job(&self.message).await?;
            self.hold.ack().await;
        }
        Ok(())
    }
}
