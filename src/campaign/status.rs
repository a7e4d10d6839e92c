//! Reads the status of a campaign from the store: how many of its jobs have an outcome.
//!
//! # Invariants
//!
//! Counts are derived from the names of objects alone, so that a status costs one listing instead of reading every
//! sidecar.

use serde::Serialize;

use crate::base::error::{Error, Result};
use crate::campaign::inventory::{Inventory, JobState};
use crate::campaign::layout::Layout;
use crate::campaign::plan_file;
use crate::campaign::records::{self, Queued};
use crate::plan::CampaignId;
use crate::spec::Priority;
use crate::store::Store;

/// The progress of a campaign.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CampaignStatus {
    /// The campaign's id.
    pub campaign: CampaignId,
    /// The campaign's state.
    pub state: CampaignState,
    /// Number of jobs in the plan.
    pub jobs: usize,
    /// Number of assets that passed the gate.
    pub accepted: usize,
    /// Number of assets that the gate refused.
    pub rejected: usize,
    /// Number of jobs whose generation failed.
    pub failed: usize,
    /// Number of jobs that were given up on without an outcome.
    pub dead: usize,
    /// Number of jobs without an outcome so far.
    pub remaining: usize,
    /// The priority of its jobs.
    pub priority: Priority,
    /// Seconds since the campaign was queued; `None` until every job is.
    pub age: Option<u64>,
}

/// A campaign's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CampaignState {
    /// Planned; no job has an outcome.
    Queued,
    /// Some jobs have an outcome.
    Running,
    /// Every job has an outcome.
    Complete,
    /// No job is left to make, but some were given up on.
    Incomplete,
    /// Stopped on request.
    Cancelled,
}

impl CampaignStatus {
    /// Reads the status; returns `None` if there is no such campaign.
    ///
    /// # Errors
    ///
    /// Fails if the store cannot be read.
    pub async fn read(store: &dyn Store, campaign: &CampaignId) -> Result<Option<Self>> {
        let layout = Layout::of(campaign);
        let queued: Option<Queued> = records::read(store, &layout.queued()).await?;
        if queued.is_none() && store.size(&layout.plan()).await?.is_none() {
            return Ok(None);
        }
        let found = Inventory::list(store, &layout).await?;
        let jobs = match &queued {
            Some(queued) => queued.jobs,
            None => plan_file::outline(store, &layout).await?.jobs.len(),
        };
        let cancelled = store.size(&layout.cancelled()).await?.is_some();
        Ok(Some(Self::new(campaign, queued.as_ref(), &found, jobs, cancelled)))
    }

    fn new(campaign: &CampaignId, queued: Option<&Queued>, found: &Inventory, jobs: usize, cancelled: bool) -> Self {
        let (finished, dead) = (found.finished(), found.count(JobState::Dead));
        let remaining = jobs.saturating_sub(finished + dead);
        let state = if finished >= jobs {
            CampaignState::Complete
        } else if cancelled {
            CampaignState::Cancelled
        } else if remaining == 0 {
            CampaignState::Incomplete
        } else if finished + dead > 0 {
            CampaignState::Running
        } else {
            CampaignState::Queued
        };
        Self {
            campaign: campaign.clone(),
            state,
            jobs,
            accepted: found.count(JobState::Accepted),
            rejected: found.count(JobState::Rejected),
            failed: found.count(JobState::Failed),
            dead,
            remaining,
            priority: queued.map(|queued| queued.priority).unwrap_or_default(),
            age: queued.map(|queued| records::now().saturating_sub(queued.since)),
        }
    }

    /// Returns whether the campaign has ended: no job gets an outcome unless it is retried or submitted again.
    pub fn is_over(&self) -> bool {
        matches!(self.state, CampaignState::Complete | CampaignState::Incomplete | CampaignState::Cancelled)
    }

    /// Returns how many jobs have an outcome, accepted or not.
    pub fn finished(&self) -> usize {
        self.accepted + self.rejected + self.failed
    }
}

/// Returns the error for a campaign that is not in the store.
pub fn unknown(campaign: &CampaignId, store: &dyn Store) -> Error {
    let place = store.locate(Layout::of(campaign).folder());
    Error::invalid(format!("there is no campaign {campaign} at {place}"))
        .hint("`housestyle submit` prints the id; --out names the store")
}
