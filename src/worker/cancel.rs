//! Cancelled campaigns: a cache of the cancel markers in the store.
//!
//! # Invariants
//!
//! The store decides. A cached answer is at most [`FRESH`] old while anything asks for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::base::error::Result;
use crate::campaign::layout::Layout;
use crate::plan::CampaignId;
use crate::store::Store;

/// The time for which a cached answer is used.
pub(super) const FRESH: Duration = Duration::from_secs(1);
/// The time after which a campaign that nothing asks about is forgotten.
const FORGET: Duration = Duration::from_secs(120);

/// A cache of which campaigns are cancelled; cheap to clone.
#[derive(Clone, Debug)]
pub struct CancelledCampaigns {
    store: Arc<dyn Store>,
    known: Arc<Mutex<HashMap<CampaignId, CampaignState>>>,
}

#[derive(Clone, Copy, Debug)]
struct CampaignState {
    cancelled: bool,
    looked: Instant,
    asked: Instant,
}

impl CancelledCampaigns {
    /// Creates a cache of the cancel markers in `store`.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, known: Arc::default() }
    }

    /// Returns whether a campaign is cancelled, as far as the cache knows; never waits.
    pub(super) fn is_known(&self, campaign: &CampaignId) -> bool {
        self.known().get_mut(campaign).is_some_and(|known| {
            known.asked = Instant::now();
            known.cancelled
        })
    }

    /// Returns whether a campaign is cancelled; reads the store if the cached answer is too old.
    pub(super) async fn is_cancelled(&self, campaign: &CampaignId) -> Result<bool> {
        let fresh =
            self.known().get(campaign).filter(|known| known.looked.elapsed() < FRESH).map(|known| known.cancelled);
        match fresh {
            Some(cancelled) => Ok(cancelled),
            None => self.look(campaign).await,
        }
    }

    /// Refreshes, for as long as this runs, every campaign that was asked about recently.
    pub(super) async fn watch(self) {
        loop {
            tokio::time::sleep(FRESH).await;
            let due: Vec<CampaignId> = {
                let mut known = self.known();
                known.retain(|_, known| known.asked.elapsed() < FORGET);
                known.keys().cloned().collect()
            };
            for campaign in due {
                if let Err(error) = self.look(&campaign).await {
                    tracing::debug!(%campaign, error = %error.chain(), "cannot read whether the campaign is cancelled");
                }
            }
        }
    }

    async fn look(&self, campaign: &CampaignId) -> Result<bool> {
        let cancelled = self.store.size(&Layout::of(campaign).cancelled()).await?.is_some();
        let now = Instant::now();
        let mut known = self.known();
        let entry = known.entry(campaign.clone()).or_insert(CampaignState { cancelled, looked: now, asked: now });
        (entry.cancelled, entry.looked) = (cancelled, now);
        Ok(cancelled)
    }

    fn known(&self) -> MutexGuard<'_, HashMap<CampaignId, CampaignState>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
