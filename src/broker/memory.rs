//! The channel within this process: `housestyle run` uses it, and the broker is tested against it.
//!
//! # Invariants
//!
//! One lock guards the state and is never held across an await. A message is in exactly one place: waiting, unsettled,
//! dead or gone. A message published for later is delivered at once, so that nothing here takes time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Notify;

use super::channel::{Channel, Delivery, Receipt};
use super::lanes::Lanes;
use super::payload::Payload;
use crate::base::error::{Error, Result};
use crate::spec::Priority;

/// A [`Channel`] that lives as long as the process.
#[derive(Clone, Debug)]
pub struct MemoryChannel<T>(Arc<MemoryShared<T>>);

#[derive(Debug)]
struct MemoryShared<T> {
    state: Mutex<MemoryState<T>>,
    /// Notified whenever something may have changed for a receiver.
    changed: Notify,
    delays: Vec<Duration>,
}

#[derive(Debug)]
struct MemoryState<T> {
    waiting: Lanes<T>,
    unsettled: usize,
    dead: Vec<(T, String)>,
    closed: bool,
}

impl<T> Default for MemoryChannel<T> {
    fn default() -> Self {
        Self::with_delays(Vec::new())
    }
}

impl<T> MemoryChannel<T> {
    /// Creates a channel that reports these delays and waits for none of them, so that code that uses the length of a
    /// delay can be tested without waiting.
    pub fn with_delays(delays: Vec<Duration>) -> Self {
        let state = MemoryState { waiting: Lanes::default(), unsettled: 0, dead: Vec::new(), closed: false };
        Self(Arc::new(MemoryShared { state: Mutex::new(state), changed: Notify::new(), delays }))
    }
}

impl<T> MemoryShared<T> {
    fn state(&self) -> MutexGuard<'_, MemoryState<T>> {
        // No code under the lock can leave the state half-changed, so a poisoned lock is usable.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut MemoryState<T>)) {
        change(&mut self.state());
        self.changed.notify_waiters();
    }
}

#[async_trait]
impl<T: Payload> Channel<T> for MemoryChannel<T> {
    async fn publish(&self, message: T) -> Result<()> {
        self.publish_all(vec![message]).await
    }

    async fn publish_all(&self, messages: Vec<T>) -> Result<()> {
        if self.0.state().closed {
            return Err(Error::internal("published to a closed queue"));
        }
        self.0.change(|state| messages.into_iter().for_each(|message| state.waiting.push(message.priority(), message)));
        Ok(())
    }

    async fn publish_later(&self, message: T, _nth: u32) -> Result<()> {
        self.publish(message).await
    }

    fn delays(&self) -> &[Duration] {
        &self.0.delays
    }

    async fn receive(&self) -> Result<Option<Delivery<T>>> {
        loop {
            let changed = self.0.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable(); // before looking, so that no change is missed between looking and waiting
            {
                let mut state = self.0.state();
                if let Some(message) = state.waiting.pop() {
                    state.unsettled += 1;
                    let receipt = MemoryReceipt { message: Some(message.clone()), channel: Arc::clone(&self.0) };
                    return Ok(Some(Delivery::new(message, Box::new(receipt))));
                }
                if state.closed && state.unsettled == 0 {
                    return Ok(None);
                }
            }
            changed.await;
        }
    }

    async fn depth(&self, priority: Priority) -> Result<u32> {
        Ok(u32::try_from(self.0.state().waiting.len(priority)).unwrap_or(u32::MAX))
    }

    async fn close(&self) -> Result<()> {
        self.0.change(|state| state.closed = true);
        Ok(())
    }

    async fn dead(&self) -> Result<Vec<(T, String)>> {
        Ok(self.0.state().dead.clone())
    }
}

/// Settles a delivery; holds the message until then, so that dropping it puts the message back.
#[derive(Debug)]
struct MemoryReceipt<T: Payload> {
    message: Option<T>,
    channel: Arc<MemoryShared<T>>,
}

#[async_trait]
impl<T: Payload> Receipt<T> for MemoryReceipt<T> {
    fn is_live(&self) -> bool {
        true
    }

    async fn ack(mut self: Box<Self>) {
        self.message = None; // what is dropped now is not put back
    }

    async fn resend(&self, message: &T, _nth: u32) -> Result<()> {
        self.channel.change(|state| state.waiting.push(message.priority(), message.clone()));
        Ok(())
    }

    async fn dead_letter(&self, message: &T, reason: &str) -> Result<()> {
        self.channel.change(|state| state.dead.push((message.clone(), reason.to_owned())));
        Ok(())
    }
}

impl<T: Payload> Drop for MemoryReceipt<T> {
    fn drop(&mut self) {
        let message = self.message.take();
        self.channel.change(|state| {
            state.unsettled -= 1;
            if let Some(message) = message {
                state.waiting.push(message.priority(), message);
            }
        });
    }
}
