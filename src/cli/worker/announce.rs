//! How the world is told: over the broker's exchange of events, and from there to webhooks.
//!
//! In: facts. Out: CloudEvents on the exchange, signed requests to endpoints. Always holds: an event is the broker's before what
//! it is about is settled; an endpoint that is away delays no job.

use async_trait::async_trait;
use tokio::task::JoinSet;

use crate::error::{Error, Kind, Result};
use crate::events::webhook::Webhooks;
use crate::events::{CloudEvent, Fact, Herald, MEDIA_TYPE};
use crate::queue::Rabbit;
use crate::queue::rabbit::subscription::{Announced, Subscription};
use crate::shutdown::Shutdown;
use crate::spec::Timestamp;
use crate::telemetry::TraceParent;

/// Events on their way to webhooks at once.
const AT_ONCE: usize = 16;

/// Announces on the broker's exchange of events.
#[derive(Debug)]
pub struct Announcer {
    /// The broker.
    pub queue: Rabbit,
    /// Which house speaks.
    pub source: String,
}

#[async_trait]
impl Herald for Announcer {
    async fn tell(&self, fact: &Fact) -> Result<()> {
        let event = CloudEvent::new(&self.source, fact, Timestamp::now())?.traced(TraceParent::current().map(String::from));
        self.queue.announce(event.topic(), MEDIA_TYPE, event.to_bytes()?).await
    }
}

/// Sends what is announced to the house's endpoints until told to stop; what is not delivered by then is sent by the next.
pub async fn send(webhooks: Webhooks, subscription: Subscription, shutdown: Shutdown) {
    let mut sending = JoinSet::new();
    loop {
        let announced = tokio::select! {
            biased;
            () = shutdown.wait() => return,
            Some(_) = sending.join_next(), if sending.len() >= AT_ONCE => continue,
            announced = subscription.next(), if sending.len() < AT_ONCE => announced,
        };
        while sending.try_join_next().is_some() {}
        let webhooks = webhooks.clone();
        sending.spawn(async move {
            if let Err(error) = deliver(&webhooks, announced).await {
                tracing::warn!(error = %error.chain(), "an event could not be settled; it is sent again");
            }
        });
    }
}

async fn deliver(webhooks: &Webhooks, announced: Announced) -> Result<()> {
    let event = match serde_json::from_slice::<CloudEvent>(&announced.body) {
        Ok(event) => event,
        Err(e) => return announced.dead(&Error::invalid("not one of our events").caused_by(e).chain()).await,
    };
    let failures = webhooks.deliver(&event).await;
    let told: Vec<String> = failures.iter().map(Error::chain).collect();
    match failures.iter().any(|error| error.kind() == Kind::Transient) {
        _ if failures.is_empty() => {}
        true => return announced.retry(&told.join("; ")).await,
        false => return announced.dead(&told.join("; ")).await,
    }
    announced.ack().await;
    Ok(())
}
