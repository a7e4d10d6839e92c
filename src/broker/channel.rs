//! The interface of every channel: publishing, receiving, and settling what was received.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

use super::payload::Payload;
use crate::base::error::Result;
use crate::spec::Priority;

/// How often a message is tried before it is dead. Counted with the message, as brokers differ in what they count.
pub const MAX_DELIVERIES: u32 = 5;

/// Carries messages of one kind from those who publish to those who receive; cheap to share behind an `Arc`.
#[async_trait]
pub trait Channel<T: Payload>: Send + Sync + fmt::Debug {
    /// Publishes a message; when this returns, the channel is responsible for it.
    ///
    /// # Errors
    /// Where the broker cannot be reached or does not take it, and where the channel is closed.
    async fn publish(&self, message: T) -> Result<()>;

    /// Publishes many messages, several at once where that is faster.
    ///
    /// # Errors
    /// As [`Channel::publish`]; some messages may have been published then.
    async fn publish_all(&self, messages: Vec<T>) -> Result<()>;

    /// Publishes a message that is delivered later: after the `nth` (from 1) of [`Channel::delays`] at most, or after
    /// the last of them if there are fewer.
    ///
    /// # Errors
    /// As [`Channel::publish`].
    async fn publish_later(&self, message: T, nth: u32) -> Result<()>;

    /// Returns the delays after a first, second, … failure; none if what is to come later comes at once.
    fn delays(&self) -> &[Duration];

    /// Waits for the next message; returns `None` once the channel is closed and everything is settled.
    ///
    /// Cancel-safe: a call that is dropped loses no message.
    ///
    /// # Errors
    /// Where the channel is closed and the broker cannot say whether anything is left.
    async fn receive(&self) -> Result<Option<Delivery<T>>>;

    /// Returns how many messages of a priority wait, those received and not settled not counted.
    ///
    /// # Errors
    /// Where the broker cannot be asked.
    async fn depth(&self, priority: Priority) -> Result<u32>;

    /// Says that nothing more will be published, so that receivers end when nothing is left.
    ///
    /// # Errors
    /// Never, in the implementations there are.
    async fn close(&self) -> Result<()>;

    /// Returns the messages given up on, with the reason, oldest first.
    ///
    /// # Errors
    /// Where the broker cannot be asked.
    async fn dead(&self) -> Result<Vec<(T, String)>>;
}

/// An implementation's side of a delivery. Dropped without an acknowledgement, the message is delivered again.
#[async_trait]
pub trait Receipt<T>: Send + Sync + fmt::Debug {
    /// Returns whether the delivery is still ours to settle; if not, the broker delivers the message again anyway.
    fn is_live(&self) -> bool;

    /// Acknowledges: the message is never delivered again.
    async fn ack(self: Box<Self>);

    /// Publishes `message` again: at once for 0, else after the `nth` delay.
    async fn resend(&self, message: &T, nth: u32) -> Result<()>;

    /// Keeps `message` apart, with the reason why it was given up on.
    async fn dead_letter(&self, message: &T, reason: &str) -> Result<()>;
}

/// A message that was received and is to be settled: acknowledged, retried, postponed, given back or given up on.
#[derive(Debug)]
pub struct Delivery<T> {
    /// The message.
    pub message: T,
    /// Why it is not to be tried any more, only to be given up on; `None` for almost all.
    pub given_up: Option<String>,
    receipt: Box<dyn Receipt<T>>,
}

impl<T: Payload> Delivery<T> {
    /// Creates a delivery that is settled with `receipt`.
    pub fn new(message: T, receipt: Box<dyn Receipt<T>>) -> Self {
        Self { message, given_up: None, receipt }
    }

    /// Returns the same delivery, to be given up on for this reason if there is one.
    #[must_use]
    pub(crate) fn given_up(self, reason: Option<String>) -> Self {
        Self { given_up: reason, ..self }
    }

    /// Acknowledges: its result is committed, so it is never delivered again.
    pub async fn ack(self) {
        self.receipt.ack().await;
    }

    /// Gives it back untouched: another receiver gets it, and nothing is counted against it.
    ///
    /// It is sent anew instead of refused, as a broker would count a refusal as the death of its receiver.
    ///
    /// # Errors
    /// Where the broker does not take it; it is delivered again then.
    pub async fn give_back(self) -> Result<()> {
        self.resend(0).await
    }

    /// Has it delivered again after the `nth` delay, without counting a failure.
    ///
    /// # Errors
    /// Where the broker does not take it; it is delivered again then.
    pub async fn postpone(self, nth: u32) -> Result<()> {
        self.resend(nth).await
    }

    /// Counts a failure that may pass and has it delivered again later, or gives it up if that was its last chance.
    ///
    /// # Errors
    /// Where the broker does not take it; it is delivered again then.
    pub async fn retry(mut self, reason: &str) -> Result<()> {
        let failures = self.message.failures().saturating_add(1);
        self.message.set_failures(failures);
        if failures >= MAX_DELIVERIES {
            return self.dead(&format!("failed {MAX_DELIVERIES} times, last: {reason}")).await;
        }
        self.resend(failures).await
    }

    /// Gives it up for good: it is kept apart with the reason.
    ///
    /// # Errors
    /// Where the broker does not take it; it is delivered again then.
    pub async fn dead(self, reason: &str) -> Result<()> {
        if self.receipt.is_live() {
            self.receipt.dead_letter(&self.message, reason).await?;
            self.receipt.ack().await;
        }
        Ok(())
    }

    async fn resend(self, nth: u32) -> Result<()> {
        if self.receipt.is_live() {
            self.receipt.resend(&self.message, nth).await?;
            self.receipt.ack().await;
        }
        Ok(())
    }
}
