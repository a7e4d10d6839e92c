//! Makes a campaign on this machine: from its file to finished, scored assets. Run again, it resumes, and tries again
//! what failed.
//!
//! # Invariants
//! Nothing is made before spec, plan, rights, budget and output folder are fine; only one process works on a
//! campaign's folder (a bucket keeps no two apart); the report is computed from what the store holds; manifest and
//! contact sheet are there only while every job is finished.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;
use tracing::Instrument as _;

use super::failure::AppResult;
use super::planning::{PreparedCampaign, load_draft};
use super::progress::Progress;
use super::resources::App;
use super::rights_guard::RightsGuard;
use crate::base::error::{self, Error};
use crate::base::stem::Stem;
use crate::broker::{Channel as _, MemoryChannel, Message};
use crate::campaign::finish;
use crate::campaign::layout::Layout;
use crate::campaign::outcomes::{self, Outcomes, Verify};
use crate::campaign::sidecar::Outcome;
use crate::campaign::summary::Summary;
use crate::pipeline::Bundle;
use crate::plan::{Job, Plan};
use crate::spec::Campaign;
use crate::store::parallel::delete_all;
use crate::store::{Key, Store};
use crate::worker::{Mode, Worker, WorkerEvent, meter};

/// What is made.
#[derive(Clone, Debug)]
pub struct RunRequest {
    /// The campaign file (YAML).
    pub file: PathBuf,
    /// The store's place; `None`: the one of the settings.
    pub out: Option<String>,
}

/// What a run left behind.
#[derive(Debug, Serialize)]
pub struct RunReport {
    /// The campaign's id.
    pub campaign: String,
    /// The folder or prefix of its files.
    pub folder: String,
    /// The contact sheet; only while every job is finished.
    pub contact_sheet: Option<String>,
    /// The manifest; only while every job is finished.
    pub manifest: Option<String>,
    /// Jobs of the plan.
    pub jobs: usize,
    /// Jobs finished by this run.
    pub made_now: usize,
    /// Jobs found finished; failed ones are not among them, as they are tried again.
    pub found: usize,
    /// Whether every job is finished.
    pub complete: bool,
    /// Whether it was asked to stop.
    pub stopped: bool,
    /// Jobs given up on without an outcome; running again tries them again.
    pub dead: Vec<AbandonedJob>,
    /// Seconds this run took.
    pub seconds: f64,
    /// What came of the campaign so far.
    pub summary: Summary,
    /// How often the evaluator is right on drawings it has not seen, by its maker's measure; `None` without an
    /// evaluator.
    pub evaluator: Option<BTreeMap<String, f64>>,
}

/// A job that was given up on.
#[derive(Debug, Serialize)]
pub struct AbandonedJob {
    /// Its id.
    pub job: String,
    /// Why.
    pub reason: String,
}

impl App {
    /// Makes a campaign.
    ///
    /// # Errors
    /// Where the file is wrong, rights or budget forbid it, or something needed is not there.
    pub async fn run(&self, request: RunRequest) -> AppResult<RunReport> {
        let store = self.store(request.out.as_deref()).await?;
        let planned = self.plan_draft(load_draft(&request.file).await?, &store).await?;
        planned.permitted()?;
        let PreparedCampaign { campaign, bundle, plan, .. } = planned;
        let span = tracing::info_span!("run", campaign = plan.campaign.as_str());
        Ok(CampaignRun { app: self, campaign, bundle, plan, store }.run().instrument(span).await?)
    }
}

/// One run of one campaign.
struct CampaignRun<'a> {
    app: &'a App,
    campaign: Campaign,
    bundle: Bundle,
    plan: Plan,
    store: Arc<dyn Store>,
}

impl CampaignRun<'_> {
    async fn run(&self) -> error::Result<RunReport> {
        let started = Instant::now();
        let layout = Layout::of(&self.plan.campaign);
        let _lock = self.store.enter(layout.folder()).await?;
        let plan = serde_json::to_vec_pretty(&self.plan)
            .map_err(|e| Error::internal("cannot write the plan as JSON").caused_by(e))?;
        self.keep(&layout.campaign(), self.campaign.source.clone().into_bytes()).await?;
        self.keep(&layout.plan(), plan).await?;

        let before = self.outcomes(&layout, Verify::Images).await?;
        let found = before.sidecars.iter().filter(|sidecar| sidecar.outcome != Outcome::Failed).count();
        if found < self.plan.jobs.len() {
            // They say that the campaign is complete, which it is not: not now, and not if this run is cut short.
            delete_all(&self.store, layout.completion().to_vec()).await?;
        }
        let dead = self.make(&layout, &before).await?;
        let outcomes =
            if found == self.plan.jobs.len() { before } else { self.outcomes(&layout, Verify::Sidecars).await? };
        let outcomes = Arc::new(outcomes);
        let complete = outcomes.sidecars.len() == self.plan.jobs.len();
        if complete {
            finish::finish(&self.store, &layout, self.campaign.name.as_str(), Arc::clone(&outcomes)).await?;
        }
        let place = |key: Key| complete.then(|| self.store.locate(&key));
        Ok(RunReport {
            campaign: self.plan.campaign.to_string(),
            folder: self.store.locate(layout.folder()),
            contact_sheet: place(layout.contact_sheet()),
            manifest: place(layout.manifest()),
            jobs: self.plan.jobs.len(),
            made_now: outcomes.sidecars.len().saturating_sub(found),
            found,
            complete,
            stopped: !complete && self.app.shutdown.requested(),
            dead,
            seconds: started.elapsed().as_secs_f64(),
            summary: Summary::of(&outcomes.sidecars),
            evaluator: self.bundle.manifest().spec.evaluator.as_ref().map(|evaluator| evaluator.held_out.clone()),
        })
    }

    /// Reads what became of every job; a sidecar that stands for no finished asset is removed, so that its job is made
    /// again.
    async fn outcomes(&self, layout: &Layout, verify: Verify) -> error::Result<Outcomes> {
        let outcomes = Outcomes::read(&self.store, layout, &self.plan.jobs, verify).await?;
        outcomes.remove_unusable(&self.store).await?;
        Ok(outcomes)
    }

    /// Stores `bytes` unless they are there. The folder's name is a hash of what was asked for, so other bytes are
    /// damage, or the same campaign in other words.
    async fn keep(&self, key: &Key, bytes: Vec<u8>) -> error::Result<()> {
        match self.store.get(key).await? {
            Some(there) if there == bytes => Ok(()),
            _ => self.store.put(key, bytes.into()).await,
        }
    }

    /// Makes what is not yet there, and tries again what failed before; returns what had to be given up on.
    async fn make(&self, layout: &Layout, before: &Outcomes) -> error::Result<Vec<AbandonedJob>> {
        let failed = before.failed();
        let finished = before.sidecars.iter().filter(|sidecar| sidecar.outcome != Outcome::Failed);
        let found: HashSet<&Stem> = finished.map(|sidecar| &sidecar.job.stem).collect();
        let pending: Vec<&Job> = self.plan.jobs.iter().filter(|job| !found.contains(&job.stem)).collect();
        let app = self.app;
        let total = self.plan.jobs.len();
        let (found, failed_before) = (found.len(), failed.len());
        app.report(&Progress::RunPlanned { total, found, failed: failed_before, estimate: &self.plan.estimate });
        if pending.is_empty() {
            return Ok(Vec::new());
        }
        let pipeline = app.pipeline(&self.bundle).await?;
        let mut guard = RightsGuard::new(pipeline, Arc::clone(&self.store), app.clone());
        for job in &pending {
            guard.clear(job).await?; // what cannot be drawn at all is reported before anything is made
        }
        outcomes::forget_failed(&self.store, layout, &failed).await?;
        let queue = MemoryChannel::default();
        for job in pending {
            queue.publish(Message::new(job.clone())).await?;
        }
        queue.close().await?;
        let telemetry = app.telemetry(&["bundle"]).await?;
        telemetry.readiness.pass("bundle");
        telemetry.metrics.provider(&app.config.provider);
        app.report(&Progress::RunStarted { total, found });
        let (listener, metrics) = (app.clone(), Arc::clone(&telemetry.metrics));
        let worker = Worker {
            jobs: Arc::new(queue.clone()),
            store: Arc::clone(&self.store),
            max_batch: app.config.max_batch,
            mode: Mode::Alone,
            shutdown: app.shutdown.clone(),
            observer: Arc::new(move |event: WorkerEvent<'_>| {
                meter::count(&metrics, &event);
                listener.report(&Progress::Worker(&event));
            }),
        };
        let result = worker.run(guard).await;
        app.report(&Progress::RunEnded);
        result?;
        let dead = queue.dead().await?.into_iter();
        Ok(dead.map(|(message, reason)| AbandonedJob { job: message.job.id.to_string(), reason }).collect())
    }
}
