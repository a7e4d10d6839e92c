//! Events for other systems: what happens to campaigns and assets, as CloudEvents on the broker's exchange and,
//! signed, to webhooks.

mod cloud_event;
mod domain_event;
pub(crate) mod signature;
mod sink;
pub mod webhook;

pub use cloud_event::CloudEvent;
pub(crate) use cloud_event::MEDIA_TYPE;
pub use domain_event::{
    AssetDead, AssetFinished, CampaignAccepted, CampaignCancelled, CampaignCompleted, CampaignRejected, DomainEvent,
};
pub use sink::EventSink;
