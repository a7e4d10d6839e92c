//! Where domain events are published.

use async_trait::async_trait;

use super::domain_event::DomainEvent;
use crate::base::error::Result;

/// Publishes domain events.
#[async_trait]
pub trait EventSink: Send + Sync {
    /// Publishes an event; returns once it is safe with the broker. What the event is about is settled only after
    /// that, so that a publisher that dies is followed by one that publishes it again: at least once, with one id.
    ///
    /// Where the broker takes nothing for long, it returns all the same and the event follows later; it is lost only
    /// if the process dies before.
    ///
    /// # Errors
    /// Where the event cannot be written; what it is about is not settled then.
    async fn publish(&self, event: &DomainEvent) -> Result<()>;
}
