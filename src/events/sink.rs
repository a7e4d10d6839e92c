//! The sink of domain events: the trait through which they are published.

use async_trait::async_trait;

use super::domain_event::DomainEvent;
use crate::base::error::Result;

/// Publishes domain events.
#[async_trait]
pub trait EventSink: Send + Sync {
    /// Publishes an event; returns once the broker has stored it. The subject of the event is settled only after that:
    /// if the publisher dies before, another one publishes the event again with the same id (at least once).
    ///
    /// If the broker accepts nothing for long, it returns all the same and the event follows later; the event is lost
    /// only if the process dies before that.
    ///
    /// # Errors
    ///
    /// If the event cannot be written; its subject must not be settled then.
    async fn publish(&self, event: &DomainEvent) -> Result<()>;
}
