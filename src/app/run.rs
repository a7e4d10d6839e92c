//! Runs a campaign on this machine: from its file to finished, scored assets. A second run resumes it and retries
//! failed jobs.
//!
//! # Invariants
//! Nothing is generated before file, plan, rights, budget and output folder are checked. Only one process works on a
//! campaign's folder; a bucket has no such lock. The report is computed from the store's content. Manifest and
//! contact sheet exist only while every job is finished.

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
use crate::plan::{CampaignId, Job, Plan};
use crate::spec::Campaign;
use crate::store::parallel::delete_all;
use crate::store::{Key, Store};
use crate::worker::{Mode, Worker, WorkerEvent, meter};

/// The request to run a campaign.
#[derive(Clone, Debug)]
pub(crate) struct RunRequest {
    /// The campaign file (YAML).
    pub file: PathBuf,
    /// The store's folder or `s3://BUCKET/PREFIX`; `None`: the setting `out`.
    pub out: Option<String>,
}

/// The result of a run.
#[derive(Debug, Serialize)]
pub(crate) struct RunReport {
    /// The campaign's id.
    pub campaign: CampaignId,
    /// The folder or prefix of the campaign's files.
    pub folder: String,
    /// The contact sheet; `None` while a job is unfinished.
    pub contact_sheet: Option<String>,
    /// The manifest; `None` while a job is unfinished.
    pub manifest: Option<String>,
    /// Number of jobs in the plan.
    pub jobs: usize,
    /// Number of jobs finished by this run.
    pub made_now: usize,
    /// Number of jobs that were finished before, without failed ones, which are retried.
    pub found: usize,
    /// Whether every job is finished.
    pub complete: bool,
    /// Whether the run was asked to stop.
    pub stopped: bool,
    /// Jobs that were abandoned without an outcome; the next run retries them.
    pub dead: Vec<AbandonedJob>,
    /// Seconds that this run took.
    pub seconds: f64,
    /// The summary of all outcomes so far.
    pub summary: Summary,
    /// The evaluator's accuracy on held-out drawings by measure, as its maker states it; `None` without an evaluator.
    pub evaluator: Option<BTreeMap<String, f64>>,
}

/// A job that was abandoned.
#[derive(Debug, Serialize)]
pub(crate) struct AbandonedJob {
    /// The job's id.
    pub job: String,
    /// The reason.
    pub reason: String,
}

impl App {
    /// Makes the assets of a campaign.
    ///
    /// # Errors
    /// Returns an error if the file is invalid, rights or budget forbid the campaign, or something needed is
    /// unavailable.
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
            // Manifest and contact sheet mark a campaign as complete, so they are removed before work begins or is
            // cut short.
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
            campaign: self.plan.campaign.clone(),
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

    /// Reads the outcome of every job. A sidecar without a matching asset is removed, so that its job is made again.
    async fn outcomes(&self, layout: &Layout, verify: Verify) -> error::Result<Outcomes> {
        let outcomes = Outcomes::read(&self.store, layout, &self.plan.jobs, verify).await?;
        outcomes.remove_unusable(&self.store).await?;
        Ok(outcomes)
    }

    /// Stores `bytes` unless they are already stored. The folder's name is a hash of the request, so a difference is
    /// damage or the same campaign in another notation, and is overwritten.
    async fn keep(&self, key: &Key, bytes: Vec<u8>) -> error::Result<()> {
        match self.store.get(key).await? {
            Some(there) if there == bytes => Ok(()),
            _ => self.store.put(key, bytes.into()).await,
        }
    }

    /// Makes the jobs without an outcome and retries failed ones; returns the abandoned jobs.
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
