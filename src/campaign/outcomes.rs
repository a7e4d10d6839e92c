//! Reads the outcomes of a campaign's jobs from the store, for running, finishing, evaluating and tracing.
//!
//! The campaign's folder is listed once; then every sidecar is read once, in parallel, in the plan's order.
//!
//! # Invariants
//!
//! Reading changes nothing. A sidecar without a finished asset is unusable: it is reported apart from the finished
//! ones; [`Outcomes::remove_unusable`] removes it, so that its job is made again.

use std::sync::Arc;

use futures_util::stream::{Stream, StreamExt as _, TryStreamExt as _};

use crate::base::error::Result;
use crate::base::stem::Stem;
use crate::campaign::inventory::Inventory;
use crate::campaign::job_name::JobName;
use crate::campaign::layout::{CAMPAIGNS, Layout, Shelf};
use crate::campaign::sidecar::{Outcome, Sidecar};
use crate::campaign::verify::{Check, Examined, examine};
use crate::plan::Job;
use crate::store::parallel::{delete_all, in_parallel};
use crate::store::{Key, Store};

/// How thoroughly sidecars are checked while they are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verify {
    /// Checks only that each sidecar belongs to its job.
    Nothing,
    /// Also checks that the sidecar is in the folder of its outcome and that its image exists. Costs no request.
    Sidecars,
    /// Also checks size and digest of the image, which reads every image.
    Images,
}

/// The outcomes of a campaign's jobs so far.
#[derive(Debug)]
pub struct Outcomes {
    /// The campaign's files, as listed before the sidecars were read.
    pub inventory: Arc<Inventory>,
    /// The sidecars of the finished jobs, in the plan's order.
    pub sidecars: Vec<Sidecar>,
    /// Sidecars without a finished asset.
    pub unusable: Vec<UnusableSidecar>,
}

/// A sidecar without a finished asset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnusableSidecar {
    /// The sidecar's key.
    pub key: Key,
    /// Why it is not usable.
    pub reason: String,
}

/// The outcome of one job, as the store has it.
#[derive(Debug, Default)]
pub struct JobOutcome {
    /// The sidecar, if the job is finished.
    pub sidecar: Option<Box<Sidecar>>,
    /// Sidecars under the job's name that have no finished asset.
    pub unusable: Vec<UnusableSidecar>,
}

impl Outcomes {
    /// Reads the outcomes of these jobs.
    ///
    /// # Errors
    ///
    /// Fails if the store cannot be read, if a sidecar is another job's, or if another version of the format wrote it.
    pub async fn read(store: &Arc<dyn Store>, layout: &Layout, jobs: &[Job], verify: Verify) -> Result<Self> {
        let inventory = Arc::new(Inventory::list(&**store, layout).await?);
        let mut found = Self { inventory, sidecars: Vec::with_capacity(jobs.len()), unusable: Vec::new() };
        let names = jobs.iter().map(JobName::from).collect();
        let mut reading = Box::pin(each(store, layout, &found.inventory, names, verify));
        while let Some(outcome) = reading.try_next().await? {
            found.sidecars.extend(outcome.sidecar.map(|sidecar| *sidecar));
            found.unusable.extend(outcome.unusable);
        }
        Ok(found)
    }

    /// Removes the unusable sidecars. This happens before their jobs are made again, so that none is left beside
    /// another image or another outcome.
    ///
    /// # Errors
    ///
    /// Fails if the store cannot be written to.
    pub async fn remove_unusable(&self, store: &Arc<dyn Store>) -> Result<()> {
        self.unusable.iter().for_each(UnusableSidecar::warn);
        delete_all(store, self.unusable.iter().map(|unusable| unusable.key.clone()).collect()).await
    }

    /// Returns the stems of the jobs whose generation failed.
    pub fn failed(&self) -> Vec<Stem> {
        let failed = self.sidecars.iter().filter(|sidecar| sidecar.outcome == Outcome::Failed);
        failed.map(|sidecar| sidecar.job.stem.clone()).collect()
    }
}

impl UnusableSidecar {
    fn warn(&self) {
        tracing::warn!(key = %self.key, reason = self.reason, "a sidecar is not usable; the asset is made again");
    }
}

/// Streams the outcomes of these jobs, in their order, with only a few in memory at a time.
///
/// # Errors
///
/// Fails if the store cannot be listed; the stream's items fail as [`Outcomes::read`] does.
pub async fn stream(
    store: &Arc<dyn Store>,
    layout: &Layout,
    jobs: Vec<JobName>,
    verify: Verify,
) -> Result<impl Stream<Item = Result<JobOutcome>> + use<>> {
    let inventory = Arc::new(Inventory::list(&**store, layout).await?);
    Ok(each(store, layout, &inventory, jobs, verify))
}

fn each(
    store: &Arc<dyn Store>,
    layout: &Layout,
    inventory: &Arc<Inventory>,
    jobs: Vec<JobName>,
    verify: Verify,
) -> impl Stream<Item = Result<JobOutcome>> + use<> {
    let (store, layout, inventory) = (Arc::clone(store), layout.clone(), Arc::clone(inventory));
    in_parallel(jobs, move |job| {
        let (store, layout, inventory) = (Arc::clone(&store), layout.clone(), Arc::clone(&inventory));
        async move { one(&*store, &layout, &inventory, &job, verify).await }
    })
}

async fn one(
    store: &dyn Store,
    layout: &Layout,
    inventory: &Inventory,
    job: &JobName,
    verify: Verify,
) -> Result<JobOutcome> {
    let check = match verify {
        Verify::Nothing => Check::Job,
        Verify::Sidecars => Check::Names(inventory),
        Verify::Images => Check::Image,
    };
    let mut outcome = JobOutcome::default();
    for shelf in Shelf::ALL.into_iter().filter(|shelf| inventory.has_sidecar(*shelf, &job.stem)) {
        match examine(store, layout, shelf, job, check).await? {
            Examined::Absent => {} // removed since it was listed
            Examined::Finished(sidecar) => return Ok(JobOutcome { sidecar: Some(sidecar), ..outcome }),
            Examined::Unusable(reason) => {
                outcome.unusable.push(UnusableSidecar { key: layout.sidecar(shelf, &job.stem), reason });
            }
        }
    }
    Ok(outcome)
}

/// Returns the sidecar of one job if it is finished, and removes an unusable one.
///
/// # Errors
///
/// Fails as [`Outcomes::read`] does, or if the store cannot be written to.
pub(crate) async fn find_finished(store: &dyn Store, job: &Job) -> Result<Option<Sidecar>> {
    let (layout, name) = (Layout::of(&job.campaign), JobName::from(job));
    for shelf in Shelf::ALL {
        match examine(store, &layout, shelf, &name, Check::Image).await? {
            Examined::Absent => {}
            Examined::Finished(sidecar) => return Ok(Some(*sidecar)),
            Examined::Unusable(reason) => {
                let unusable = UnusableSidecar { key: layout.sidecar(shelf, &job.stem), reason };
                unusable.warn();
                store.delete(&unusable.key).await?;
            }
        }
    }
    Ok(None)
}

/// Removes the sidecars of jobs whose generation failed, so that they are made again.
///
/// # Errors
///
/// Fails if the store cannot be written to.
pub async fn forget_failed(store: &Arc<dyn Store>, layout: &Layout, stems: &[Stem]) -> Result<()> {
    let keys = stems.iter().map(|stem| layout.sidecar(Outcome::Failed.shelf(), stem)).collect();
    delete_all(store, keys).await
}

/// A sidecar of any campaign, or the error of reading it.
#[derive(Debug)]
pub(crate) struct FoundSidecar {
    /// The sidecar's key.
    pub key: Key,
    /// The sidecar, or why it cannot be read.
    pub sidecar: Result<Box<Sidecar>>,
}

/// Streams every sidecar of every campaign in the store, sorted by key. One that cannot be read is an item with its
/// error.
///
/// # Errors
///
/// Fails if the store cannot be listed; the stream's items fail if it cannot be read.
pub(crate) async fn of_all_campaigns(
    store: &Arc<dyn Store>,
) -> Result<impl Stream<Item = Result<FoundSidecar>> + use<>> {
    let keys = store.list(&Key::of_checked(CAMPAIGNS.into())).await?.into_iter().filter(is_sidecar);
    let store = Arc::clone(store);
    let read = in_parallel(keys.collect(), move |key| {
        let store = Arc::clone(&store);
        async move {
            let Some(bytes) = store.get(&key).await? else { return Ok(None) };
            let sidecar = Sidecar::from_bytes(&bytes, key.as_str()).map(Box::new);
            Ok(Some(FoundSidecar { key, sidecar }))
        }
    });
    Ok(read.filter_map(async |found| found.transpose()))
}

fn is_sidecar(key: &Key) -> bool {
    let parts: Vec<&str> = key.as_str().split('/').collect();
    let [CAMPAIGNS, _, shelf, name] = parts[..] else { return false };
    Shelf::ALL.iter().any(|known| known.name() == shelf) && name.ends_with(".json")
}
