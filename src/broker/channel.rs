//! The interface of every channel: publishing, receiving, and settling what was received.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

use super::payload::Payload;
use crate::base::error::Result;
use crate::spec::Priority;

/// The maximum number of attempts at a message. Counted with the message, as brokers differ in what they count.
pub const MAX_DELIVERIES: u32 = 5;

/// Carries messages of one kind from publishers to receivers; cheap to share behind an `Arc`.
#[async_trait]
pub trait Channel<T: Payload>: Send + Sync + fmt::Debug {
    /// Publishes a message; when this returns, the channel is responsible for it.
    ///
    /// # Errors
    ///
    /// If the broker cannot be reached or does not accept the message, or the channel is closed.
    async fn publish(&self, message: T) -> Result<()>;

    /// Publishes many messages, several in parallel where that is faster.
    ///
    /// # Errors
    ///
    /// As [`Channel::publish`]; some messages may have been published by then.
    async fn publish_all(&self, messages: Vec<T>) -> Result<()>;

    /// Publishes a message that is delivered later: after the `nth` (from 1) of [`Channel::delays`] at most, or after
    /// the last of them if there are fewer.
    ///
    /// # Errors
    ///
    /// As [`Channel::publish`].
    async fn publish_later(&self, message: T, nth: u32) -> Result<()>;

    /// Returns the delays after the first, second, … failure; empty if delayed messages are delivered at once.
    fn delays(&self) -> &[Duration];

    /// Waits for the next message; returns `None` once the channel is closed and everything is settled.
    ///
    /// Cancel-safe: a call that is dropped loses no message.
    ///
    /// # Errors
    ///
    /// If the channel is closed and the broker cannot tell whether anything is left.
    async fn receive(&self) -> Result<Option<Delivery<T>>>;

    /// Returns the number of messages of a priority that wait; received and unsettled ones are not counted.
    ///
    /// # Errors
    ///
    /// If the broker cannot be queried.
    async fn depth(&self, priority: Priority) -> Result<u32>;

    /// Closes the channel: nothing more will be published, so receivers end when nothing is left.
    ///
    /// # Errors
    ///
    /// If the broker cannot be told; the present implementations never fail.
    async fn close(&self) -> Result<()>;

    /// Returns the dead letters, each with the reason, oldest first.
    ///
    /// # Errors
    ///
    /// If the broker cannot be queried.
    async fn dead(&self) -> Result<Vec<(T, String)>>;
}

/// Settles one delivery at its channel. If dropped without an acknowledgement, the message is delivered again.
#[async_trait]
pub trait Receipt<T>: Send + Sync + fmt::Debug {
    /// Returns whether the delivery can still be settled; if not, the broker delivers the message again anyway.
    fn is_live(&self) -> bool;

    /// Acknowledges the message, so that it is never delivered again.
    async fn ack(self: Box<Self>);

    /// Publishes `message` again: at once for 0, otherwise after the `nth` delay.
    async fn resend(&self, message: &T, nth: u32) -> Result<()>;

    /// Moves `message` to the dead letters, with the reason why it was given up on.
    async fn dead_letter(&self, message: &T, reason: &str) -> Result<()>;
}

/// A message that was received and is to be settled: acknowledged, retried, postponed, given back or given up on.
#[derive(Debug)]
pub struct Delivery<T> {
    /// The message.
    pub message: T,
    /// The reason why the message is only to be given up on, not tried; `None` for almost all.
    pub given_up: Option<String>,
    receipt: Box<dyn Receipt<T>>,
}

impl<T: Payload> Delivery<T> {
    /// Creates a delivery that is settled with `receipt`.
    pub fn new(message: T, receipt: Box<dyn Receipt<T>>) -> Self {
        Self { message, given_up: None, receipt }
    }

    /// Returns the same delivery, marked to be given up on if there is a reason.
    #[must_use]
    pub(crate) fn given_up(self, reason: Option<String>) -> Self {
        Self { given_up: reason, ..self }
    }

    /// Acknowledges the message: its result is committed, so it is never delivered again.
    pub async fn ack(self) {
        self.receipt.ack().await;
    }

    /// Returns the message to the channel untouched: another receiver gets it, and no failure is counted.
    ///
    /// It is published again instead of rejected, as a broker would count a rejection as the death of its receiver.
    ///
    /// # Errors
    ///
    /// If the broker does not accept it; it is delivered again then.
    pub async fn give_back(self) -> Result<()> {
        self.resend(0).await
    }

    /// Has the message delivered again after the `nth` delay, without counting a failure.
    ///
    /// # Errors
    ///
    /// If the broker does not accept it; it is delivered again then.
    pub async fn postpone(self, nth: u32) -> Result<()> {
        self.resend(nth).await
    }

    /// Counts a failure that may pass and has the message delivered again later, or gives it up after the last attempt.
    ///
    /// # Errors
    ///
    /// If the broker does not accept it; it is delivered again then.
    pub async fn retry(mut self, reason: &str) -> Result<()> {
        let failures = self.message.failures().saturating_add(1);
        self.message.set_failures(failures);
        if failures >= MAX_DELIVERIES {
            return self.dead(&format!("failed {MAX_DELIVERIES} times, last: {reason}")).await;
        }
        self.resend(failures).await
    }

    /// Gives the message up for good: moves it to the dead letters with the reason.
    ///
    /// # Errors
    ///
    /// If the broker does not accept it; it is delivered again then.
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
