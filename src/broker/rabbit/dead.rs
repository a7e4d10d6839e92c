//! The dead: what was given up on, with the reason, until somebody decides.
//!
//! In: the dead queue. Out: [`DeadLetter`]s; those that are asked for go back to work. Always holds: looking changes
//! nothing; one that goes back is confirmed by the broker before it is taken from the dead.

use lapin::Acker;
use lapin::options::{BasicAckOptions, BasicGetOptions};
use lapin::types::{AMQPValue, FieldTable};
use serde::Serialize;

use crate::base::digest::Digest;
use crate::base::error::Result;
use crate::base::text;
use crate::broker::rabbit::order::Order;
use crate::broker::rabbit::{Rabbit, topology};
use crate::broker::{Message, Queue as _};

/// The header with the reason.
pub const REASON: &str = "housestyle-reason";
/// The header that says what it was: `jobs` or `campaigns`.
pub const FROM: &str = "housestyle-from";
/// As many are looked at; more dead are a disaster of another kind.
const MOST: usize = 10_000;

/// A message that was given up on.
#[derive(Clone, Debug, Serialize)]
pub struct DeadLetter {
    /// Names it: the first digits of its digest.
    pub id: String,
    /// Why.
    pub reason: String,
    /// What it was: `jobs`, `campaigns` or `webhooks`; `None` for what the broker itself gave up on.
    pub from: Option<String>,
    /// The job it was about, if it can be read.
    pub job: Option<String>,
    /// The campaign it was about, if it can be read.
    pub campaign: Option<String>,
    /// Its bytes as text, safe to show.
    #[serde(skip)]
    pub body: Vec<u8>,
}

impl DeadLetter {
    fn new(body: Vec<u8>, headers: Option<&FieldTable>) -> Self {
        let header = |name: &str| {
            headers.and_then(|h| h.inner().get(name)).and_then(|value| match value {
                AMQPValue::LongString(text) => Some(String::from_utf8_lossy(text.as_bytes()).into_owned()),
                AMQPValue::ShortString(text) => Some(text.to_string()),
                _ => None,
            })
        };
        let by_broker = || {
            let why = header("x-first-death-reason").unwrap_or_else(|| "unknown".into());
            format!("the broker gave it up: {why}")
        };
        let reason = header(REASON).unwrap_or_else(by_broker);
        let mut letter =
            Self { id: Digest::of(&body).hex()[..12].into(), reason, from: header(FROM), job: None, campaign: None, body };
        if let Some(message) = letter.message() {
            letter.job = Some(message.job.stem.clone());
            letter.campaign = Some(message.job.campaign.to_string());
        }
        letter
    }

    /// The job's message, if it is one.
    pub fn message(&self) -> Option<Message> {
        Message::from_bytes(&self.body).ok()
    }

    /// The planner's order, if it is one.
    pub fn order(&self) -> Option<Order> {
        Order::from_bytes(&self.body).ok()
    }

    /// What it says, safe to show, at most `limit` characters of it.
    pub fn shown(&self, limit: usize) -> String {
        text::escape(&String::from_utf8_lossy(&self.body)).chars().take(limit).collect()
    }
}

impl Rabbit {
    /// Everything that was given up on, oldest first.
    pub async fn dead_letters(&self) -> Result<Vec<DeadLetter>> {
        Ok(self.look().await?.0.into_iter().map(|(letter, _)| letter).collect())
    }

    /// Puts those that `wanted` wants back to work, their failures forgotten; gives them back. What cannot be read stays.
    pub async fn requeue(&self, wanted: impl Fn(&DeadLetter) -> bool) -> Result<Vec<DeadLetter>> {
        self.settle_dead(wanted, true).await
    }

    /// Takes those that `wanted` wants from the dead for good; gives them back.
    pub async fn forget(&self, wanted: impl Fn(&DeadLetter) -> bool) -> Result<Vec<DeadLetter>> {
        self.settle_dead(wanted, false).await
    }

    async fn settle_dead(&self, wanted: impl Fn(&DeadLetter) -> bool, again: bool) -> Result<Vec<DeadLetter>> {
        let (letters, channel) = self.look().await?;
        let mut done = Vec::new();
        for (letter, acker) in letters.into_iter().filter(|(letter, _)| wanted(letter)) {
            match (again, letter.message(), letter.order()) {
                (false, ..) => {}
                (true, Some(message), _) => self.publish(message.renewed()).await?,
                (true, None, Some(order)) => self.order(&Order::new(order.task, order.traceparent)).await?,
                (true, None, None) if letter.from.as_deref() == Some("webhooks") => {
                    self.0.send(topology::WEBHOOKS, letter.body.clone(), FieldTable::default()).await?;
                }
                (true, None, None) => continue,
            }
            let taken = acker.ack(BasicAckOptions::default()).await;
            taken.map_err(|e| self.0.publisher.failed("take from the dead of", e))?;
            done.push(letter);
        }
        drop(channel);
        Ok(done)
    }

    /// The dead, held until the channel is dropped.
    async fn look(&self) -> Result<(Vec<(DeadLetter, Acker)>, lapin::Channel)> {
        let channel = self.0.publisher.channel().await?;
        let mut letters = Vec::new();
        while letters.len() < MOST {
            let got = channel.basic_get(topology::DEAD.into(), BasicGetOptions::default()).await;
            let Some(got) = got.map_err(|e| self.0.publisher.failed("look at the dead of", e))? else { break };
            let delivery = got.delivery;
            letters.push((DeadLetter::new(delivery.data, delivery.properties.headers().as_ref()), delivery.acker));
        }
        Ok((letters, channel))
    }
}
