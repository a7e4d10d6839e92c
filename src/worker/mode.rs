//! The mode of a worker: the only one, or one of many.

use std::sync::Arc;

use super::cancel::CancelledCampaigns;
use crate::events::EventSink;
use crate::store::Store;

/// Whether other processes work on the same campaigns, which decides what a worker waits for and what it publishes.
#[derive(Clone)]
pub enum Mode {
    /// This process is the only worker, started by a person who can start it again: nothing is published, and a store
    /// that is away is an error.
    Alone,
    /// One of many workers behind a broker: domain events are published, jobs of cancelled campaigns are stopped within
    /// a step of the notice, jobs given up on are recorded in the store, and a store that is away is waited for.
    Cluster {
        /// The sink to which domain events are published.
        events: Arc<dyn EventSink>,
        /// The cancelled campaigns, as far as is known.
        cancelled: CancelledCampaigns,
    },
}

impl Mode {
    /// Returns the mode of one of many workers that share `store`.
    pub fn cluster(events: Arc<dyn EventSink>, store: Arc<dyn Store>) -> Self {
        Self::Cluster { events, cancelled: CancelledCampaigns::new(store) }
    }

    pub(super) fn is_cluster(&self) -> bool {
        matches!(self, Self::Cluster { .. })
    }

    pub(super) fn events(&self) -> Option<&dyn EventSink> {
        match self {
            Self::Alone => None,
            Self::Cluster { events, .. } => Some(&**events),
        }
    }

    pub(super) fn cancelled(&self) -> Option<&CancelledCampaigns> {
        match self {
            Self::Alone => None,
            Self::Cluster { cancelled, .. } => Some(cancelled),
        }
    }
}
