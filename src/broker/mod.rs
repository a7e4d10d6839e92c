//! The queue only schedules; what is finished is the store's to say.
//!
//! In: [`Message`]s, one job each, on three lanes. Out: [`Delivery`]s, each to be settled exactly once, after its result
//! is committed.
//! Always holds, for every implementation (`tests/it/queue_conformance.rs` checks it): a message is delivered until it is
//! acknowledged or dead, so at least once; a delivery that is dropped unsettled comes back; a message that failed
//! [`MAX_DELIVERIES`] times is dead; no lane starves another.

use std::fmt;

use async_trait::async_trait;

use crate::base::error::Result;

pub mod address;
mod lanes;
pub mod memory;
pub mod message;
pub mod rabbit;

pub use memory::Memory;
pub use message::Message;
pub use rabbit::Rabbit;

/// How often a message is tried before it is dead. Counted in the envelope, as brokers differ in what they count.
pub const MAX_DELIVERIES: u32 = 5;

/// Delivers messages; cheap to share behind an `Arc`.
#[async_trait]
pub trait Queue: Send + Sync + fmt::Debug {
    /// Hands over a message; when this returns, the queue answers for it.
    async fn publish(&self, message: Message) -> Result<()>;

    /// The next message; waits for one. `None` once the queue is closed and everything is settled.
    ///
    /// Cancel-safe: a call that is dropped loses no message.
    async fn receive(&self) -> Result<Option<Delivery>>;

    /// Says that nothing more will be published, so that whoever receives may end.
    async fn close(&self) -> Result<()>;

    /// The messages given up on, with the reason, oldest first.
    async fn dead(&self) -> Result<Vec<(Message, String)>>;
}

/// A message in somebody's hands.
#[derive(Debug)]
pub struct Delivery {
    /// What is to be done.
    pub message: Message,
    /// Why it is not to be tried any more, only to be buried; none for almost all.
    pub given_up: Option<String>,
    receipt: Box<dyn Receipt>,
}

/// An implementation's side of a delivery. Dropped unsettled, the message is delivered again.
#[async_trait]
pub trait Receipt: Send + Sync + fmt::Debug {
    /// Done: never deliver it again.
    async fn ack(self: Box<Self>) -> Result<()>;
    /// Failed in a way that may pass: deliver it again, unless that was its last chance.
    async fn retry(self: Box<Self>, reason: &str) -> Result<()>;
    /// Failed for good: keep it apart with its reason.
    async fn dead(self: Box<Self>, reason: &str) -> Result<()>;
    /// Not begun: let somebody else have it, without counting anything against it.
    async fn give_back(self: Box<Self>) -> Result<()> {
        Ok(()) // dropping it does that
    }
}

impl Delivery {
    /// A delivery that `receipt` answers for.
    pub fn new(message: Message, receipt: Box<dyn Receipt>) -> Self {
        Self { message, given_up: None, receipt }
    }

    /// The same delivery, to be buried for this reason if there is one.
    #[must_use]
    pub fn given_up(self, reason: Option<String>) -> Self {
        Self { given_up: reason, ..self }
    }

    /// Nothing was done: let somebody else have it.
    pub async fn give_back(self) -> Result<()> {
        self.receipt.give_back().await
    }

    /// The result is committed: never deliver it again.
    pub async fn ack(self) -> Result<()> {
        self.receipt.ack().await
    }

    /// It failed in a way that may pass: deliver it again, or bury it if it failed too often.
    pub async fn retry(self, reason: &str) -> Result<()> {
        self.receipt.retry(reason).await
    }

    /// It will never work: bury it.
    pub async fn dead(self, reason: &str) -> Result<()> {
        self.receipt.dead(reason).await
    }
}
