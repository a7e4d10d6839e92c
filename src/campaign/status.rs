//! How far a campaign is, by what the store holds.
//!
//! In: a campaign's id. Out: its [`Standing`]. Always holds: counts come from the names of objects alone, so that looking
//! costs a listing, not a read of every sidecar; a job counts once.

use crate::campaign::plan_file;
use std::collections::BTreeSet;

use serde::Serialize;

use crate::base::error::{Error, Result};
use crate::campaign::layout::{Layout, Shelf};
use crate::campaign::records::{self, Queued};
use crate::plan::CampaignId;
use crate::spec::Priority;
use crate::store::{Key, Store};

/// How far a campaign is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Standing {
    /// Which.
    pub campaign: String,
    /// In a word.
    pub state: State,
    /// Jobs of the plan.
    pub jobs: usize,
    /// Passed the gate.
    pub accepted: usize,
    /// Refused by the gate.
    pub rejected: usize,
    /// Could not be made; there is a reason instead of an image.
    pub failed: usize,
    /// Given up on without an outcome.
    pub dead: usize,
    /// Jobs that nothing has become of yet.
    pub remaining: usize,
    /// The lane.
    pub priority: Priority,
    /// Seconds since it was queued; `None` until every job is.
    pub age: Option<u64>,
}

/// A campaign's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Planned; nothing has come of it yet.
    Queued,
    /// Some jobs have an outcome.
    Running,
    /// Every job has one.
    Complete,
    /// Nothing is left to do, but some jobs are dead.
    Incomplete,
    /// Stopped on request.
    Cancelled,
}

impl Standing {
    /// Looks; `None` if there is no such campaign.
    pub async fn of(store: &dyn Store, campaign: &CampaignId) -> Result<Option<Self>> {
        let layout = Layout::new(campaign.as_str())?;
        let queued: Option<Queued> = records::read(store, &layout.queued()?).await?;
        if queued.is_none() && store.size(&layout.plan()?).await?.is_none() {
            return Ok(None);
        }
        let found = Outcomes::of(store, &layout).await?;
        let jobs = match &queued {
            Some(queued) => queued.jobs,
            None => plan_file::outline(store, &layout).await?.jobs.len(),
        };
        let cancelled = store.size(&layout.cancelled()?).await?.is_some();
        Ok(Some(Self::new(campaign, queued.as_ref(), &found, jobs, cancelled)))
    }

    fn new(campaign: &CampaignId, queued: Option<&Queued>, found: &Outcomes, jobs: usize, cancelled: bool) -> Self {
        let (made, dead) = (found.sidecars(), found.dead.len());
        let remaining = jobs.saturating_sub(made + dead);
        let state = match () {
            () if made >= jobs => State::Complete,
            () if cancelled => State::Cancelled,
            () if remaining == 0 => State::Incomplete,
            () if made + dead > 0 => State::Running,
            () => State::Queued,
        };
        Self {
            campaign: campaign.to_string(),
            state,
            jobs,
            accepted: found.accepted.len(),
            rejected: found.rejected.len(),
            failed: found.failed.len(),
            dead,
            remaining,
            priority: queued.map(|queued| queued.priority).unwrap_or_default(),
            age: queued.map(|queued| records::now().saturating_sub(queued.since)),
        }
    }

    /// Whether nothing more will come of it by itself.
    pub fn is_over(&self) -> bool {
        matches!(self.state, State::Complete | State::Incomplete | State::Cancelled)
    }

    /// Outcomes, one way or another.
    pub fn finished(&self) -> usize {
        self.accepted + self.rejected + self.failed
    }
}

/// The stems of a campaign's jobs, by what became of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcomes {
    /// Passed the gate.
    pub accepted: BTreeSet<String>,
    /// Refused by the gate.
    pub rejected: BTreeSet<String>,
    /// Could not be made.
    pub failed: BTreeSet<String>,
    /// Given up on without an outcome.
    pub dead: BTreeSet<String>,
}

impl Outcomes {
    /// Lists them.
    pub async fn of(store: &dyn Store, layout: &Layout) -> Result<Self> {
        let accepted = stems(&store.list(&layout.shelf(Shelf::Assets)?).await?, ".json");
        let shelf = store.list(&layout.shelf(Shelf::Rejected)?).await?;
        let (refused, images) = (stems(&shelf, ".json"), stems(&shelf, ".png"));
        let (rejected, failed) = refused.difference(&accepted).cloned().partition(|stem| images.contains(stem));
        let mut found = Self { accepted, rejected, failed, dead: BTreeSet::new() };
        let graves = stems(&store.list(&layout.graves()?).await?, ".json");
        found.dead = graves.into_iter().filter(|stem| !found.has_sidecar(stem)).collect();
        Ok(found)
    }

    /// Whether nothing is to be done for the job of this stem, be it finished or given up on.
    pub fn has_outcome(&self, stem: &str) -> bool {
        self.has_sidecar(stem) || self.dead.contains(stem)
    }

    /// Whether the job of this stem is finished.
    pub fn has_sidecar(&self, stem: &str) -> bool {
        self.accepted.contains(stem) || self.rejected.contains(stem) || self.failed.contains(stem)
    }

    /// How many jobs have an outcome.
    pub fn sidecars(&self) -> usize {
        self.accepted.len() + self.rejected.len() + self.failed.len()
    }
}

fn stems(keys: &[Key], ending: &str) -> BTreeSet<String> {
    let name = |key: &Key| Some(key.as_str().rsplit('/').next()?.strip_suffix(ending)?.to_owned());
    keys.iter().filter_map(name).collect()
}

/// The error for a campaign nobody knows.
pub fn unknown(campaign: &CampaignId, store: &dyn Store) -> Error {
    let place = Layout::new(campaign.as_str()).map(|layout| store.locate(layout.folder())).unwrap_or_default();
    Error::invalid(format!("there is no campaign {campaign} at {place}"))
        .hint("`housestyle submit` prints the id; --out says where campaigns lie")
}
