//! The queue in this process: what `housestyle run` uses, and the model the broker is held against.
//!
//! In: messages. Out: deliveries, from the lanes by weight.
//! Always holds: one lock, never held across an await; a message is in exactly one of waiting, in hand, dead, gone.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::sync::Notify;

use crate::base::error::{Error, Result};
use crate::broker::lanes::Lanes;
use crate::broker::{Delivery, MAX_DELIVERIES, Message, Queue, Receipt};

/// A [`Queue`] that lives as long as the process.
#[derive(Clone, Debug, Default)]
pub struct Memory(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// Rung whenever something may have changed for a receiver.
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    waiting: Lanes<Message>,
    in_hand: usize,
    dead: Vec<(Message, String)>,
    closed: bool,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing under the lock can leave the state half-changed, so a poisoned lock is a usable one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn settle(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state();
        state.in_hand -= 1;
        change(&mut state);
        drop(state);
        self.changed.notify_waiters();
    }
}

#[async_trait]
impl Queue for Memory {
    async fn publish(&self, message: Message) -> Result<()> {
        let mut state = self.0.state();
        if state.closed {
            return Err(Error::internal("published to a closed queue"));
        }
        state.waiting.push(message.lane(), message);
        drop(state);
        self.0.changed.notify_waiters();
        Ok(())
    }

    async fn receive(&self) -> Result<Option<Delivery>> {
        loop {
            let changed = self.0.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable(); // before looking, so that no change is missed between looking and waiting
            {
                let mut state = self.0.state();
                if let Some(message) = state.waiting.pop() {
                    state.in_hand += 1;
                    let receipt = InHand { message: Some(message.clone()), queue: Arc::clone(&self.0) };
                    return Ok(Some(Delivery::new(message, Box::new(receipt))));
                }
                if state.closed && state.in_hand == 0 {
                    return Ok(None);
                }
            }
            changed.await;
        }
    }

    async fn close(&self) -> Result<()> {
        self.0.state().closed = true;
        self.0.changed.notify_waiters();
        Ok(())
    }

    async fn dead(&self) -> Result<Vec<(Message, String)>> {
        Ok(self.0.state().dead.clone())
    }
}

/// The receipt of a delivery; holds the message until it is settled.
#[derive(Debug)]
struct InHand {
    message: Option<Message>,
    queue: Arc<Shared>,
}

#[async_trait]
impl Receipt for InHand {
    async fn ack(mut self: Box<Self>) -> Result<()> {
        self.message = None;
        self.queue.settle(|_| {});
        Ok(())
    }

    async fn retry(mut self: Box<Self>, reason: &str) -> Result<()> {
        let Some(mut message) = self.message.take() else { return Ok(()) };
        message.failures += 1;
        self.queue.settle(|state| match message.failures < MAX_DELIVERIES {
            true => state.waiting.push(message.lane(), message),
            false => state.dead.push((message, format!("failed {MAX_DELIVERIES} times, last: {reason}"))),
        });
        Ok(())
    }

    async fn dead(mut self: Box<Self>, reason: &str) -> Result<()> {
        if let Some(message) = self.message.take() {
            self.queue.settle(|state| state.dead.push((message, reason.to_owned())));
        }
        Ok(())
    }
}

impl Drop for InHand {
    fn drop(&mut self) {
        if let Some(message) = self.message.take() {
            self.queue.settle(|state| state.waiting.push(message.lane(), message));
        }
    }
}
