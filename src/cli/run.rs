//! `housestyle run SPEC [--out DIR|s3://BUCKET/PREFIX]`: from a campaign file to finished, scored assets; run again, it
//! resumes, and tries again what failed.
//!
//! Always holds: nothing is made before spec, plan, rights, budget and output folder are fine; only one process works on a
//! campaign's folder (a bucket keeps no two apart); what is printed at the end is computed from what the store holds;
//! manifest and contact sheet are there only while every job is finished.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;
use tracing::Instrument as _;

use super::plan::duration;
use super::progress::Progress;
use super::{Context, Out, Outcome};
use crate::app::planning::{PlannedCampaign, load_draft};
use crate::app::rights_guard::RightsGuard;
use crate::base::error::{Error, Result};
use crate::broker::{Channel as _, MemoryChannel, Message};
use crate::campaign::layout::Layout;
use crate::campaign::sidecar::{self, Sidecar};
use crate::campaign::summary::Summary;
use crate::campaign::{commit, finish};
use crate::pipeline::Bundle;
use crate::plan::{Estimate, Job, Plan, amount};
use crate::spec::Campaign;
use crate::store::{Key, Store};
use crate::worker::{Mode, Worker, WorkerEvent, meter};

/// Arguments of `run`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The campaign file (YAML)
    spec: PathBuf,
    #[command(flatten)]
    out: Out,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report<'a> {
    campaign: &'a str,
    folder: String,
    contact_sheet: Option<String>,
    manifest: Option<String>,
    /// Jobs of the plan.
    jobs: usize,
    /// Jobs finished by this run.
    made_now: usize,
    /// Jobs found finished; failed ones are not among them, as they are tried again.
    found: usize,
    /// Whether every job is finished.
    complete: bool,
    /// Whether it was asked to stop.
    stopped: bool,
    /// Jobs given up on without an outcome, with the reason; running again tries them again.
    dead: Vec<Dead>,
    /// Seconds this run took.
    seconds: f64,
    summary: &'a Summary,
    /// How often the evaluator is right on drawings it has not seen, by its maker's measure; `None` without an evaluator.
    evaluator: Option<&'a BTreeMap<String, f64>>,
}

#[derive(Serialize)]
struct Dead {
    job: String,
    reason: String,
}

/// Runs the campaign.
pub fn run(args: Args, context: &Context) -> Result<Outcome> {
    let store = context.store(&args.out)?;
    let planned = context.block_on(async { context.plan_draft(load_draft(&args.spec).await?, &store).await });
    let planned = planned.map_err(|failure| context.failed(failure))?;
    planned.permitted().map_err(|failure| context.failed(failure))?;
    let PlannedCampaign { campaign, bundle, plan, .. } = planned;
    context.block_on(async {
        context.shutdown.on_signals();
        let span = tracing::info_span!("run", campaign = plan.campaign.as_str());
        Run { context, campaign, bundle, plan, store }.run().instrument(span).await
    })
}

/// How far scores can be trusted, in words.
fn accuracy(held_out: &BTreeMap<String, f64>) -> String {
    let percent = |key: &str| held_out.get(key).map(|share| format!("{:.0} %", 100.0 * share));
    let known = [("style", "style", ""), ("category_top1", "category", " (top 1)"), ("category_top5", "category", " (top 5)")];
    let parts: Vec<String> =
        known.iter().filter_map(|(key, what, which)| Some(format!("{what} {}{which}", percent(key)?))).collect();
    match (parts.is_empty(), held_out.get("drawings")) {
        (true, _) => "the evaluator itself: the bundle does not say how often it is right".into(),
        (false, drawings) => {
            let many = drawings.map_or_else(String::new, |drawings| format!("{drawings:.0} "));
            format!("the evaluator itself, on {many}held-out drawings: {}", parts.join(", "))
        }
    }
}

/// One run of one campaign.
struct Run<'a> {
    context: &'a Context,
    campaign: Campaign,
    bundle: Bundle,
    plan: Plan,
    store: Arc<dyn Store>,
}

impl Run<'_> {
    async fn run(&self) -> Result<Outcome> {
        let started = Instant::now();
        let layout = Layout::new(self.plan.campaign.as_str())?;
        let _lock = self.store.enter(layout.folder()).await?;
        let plan =
            serde_json::to_vec_pretty(&self.plan).map_err(|e| Error::internal("cannot write the plan as JSON").caused_by(e))?;
        self.keep(&layout.campaign()?, self.campaign.source.clone().into_bytes()).await?;
        self.keep(&layout.plan()?, plan).await?;

        let before = finish::collect(&*self.store, &self.plan.jobs).await?;
        let (failed, found): (Vec<_>, Vec<_>) = before.into_iter().partition(|s| s.outcome == sidecar::Outcome::Failed);
        if found.len() < self.plan.jobs.len() {
            // They say that the campaign is complete, which it is not: not now, and not if this run is cut short.
            self.store.delete(&layout.manifest()?).await?;
            self.store.delete(&layout.manifest_table()?).await?;
            self.store.delete(&layout.contact_sheet()?).await?;
        }
        let dead = self.make(&found, &failed).await?;

        let sidecars = finish::collect(&*self.store, &self.plan.jobs).await?;
        let complete = sidecars.len() == self.plan.jobs.len();
        if complete {
            finish::finish(&*self.store, &layout, self.campaign.name.as_str(), &sidecars).await?;
        }
        let summary = Summary::of(&sidecars);
        let place = |key: Result<_>| key.map(|key| self.store.locate(&key));
        let report = Report {
            campaign: self.plan.campaign.as_str(),
            folder: self.store.locate(layout.folder()),
            contact_sheet: complete.then(|| place(layout.contact_sheet())).transpose()?,
            manifest: complete.then(|| place(layout.manifest())).transpose()?,
            jobs: self.plan.jobs.len(),
            made_now: sidecars.len().saturating_sub(found.len()),
            found: found.len(),
            complete,
            stopped: !complete && self.context.shutdown.requested(),
            dead,
            seconds: started.elapsed().as_secs_f64(),
            summary: &summary,
            evaluator: self.bundle.manifest().spec.evaluator.as_ref().map(|evaluator| &evaluator.held_out),
        };
        self.tell(&report);
        self.context.emit(&report)?;
        Ok(match &report {
            Report { stopped: true, .. } => Outcome::Stopped,
            Report { complete: true, .. } if summary.total.accepted == report.jobs => Outcome::Done,
            _ => Outcome::SomeFailed,
        })
    }

    /// Sees to it that `bytes` are stored. The folder's name is a hash of what was asked for, so other bytes are damage, or
    /// the same campaign in other words.
    async fn keep(&self, key: &Key, bytes: Vec<u8>) -> Result<()> {
        match self.store.get(key).await? {
            Some(there) if there == bytes => Ok(()),
            _ => self.store.put(key, bytes).await,
        }
    }

    /// Makes what is not yet there, and tries again what failed before; gives back what had to be given up.
    async fn make(&self, found: &[Sidecar], failed: &[Sidecar]) -> Result<Vec<Dead>> {
        let done: std::collections::HashSet<_> = found.iter().map(|s| s.job.id.to_string()).collect();
        let pending: Vec<&Job> = self.plan.jobs.iter().filter(|job| !done.contains(&job.id.to_string())).collect();
        let context = self.context;
        let total = self.plan.jobs.len();
        if !found.is_empty() {
            context.say(format!("{} of {total} finished before; making {}", found.len(), pending.len()));
        }
        if !failed.is_empty() {
            context.say(format!("{} failed before and are tried again", failed.len()));
        }
        if pending.is_empty() {
            return Ok(Vec::new());
        }
        let Estimate { seconds, cost, currency, .. } = &self.plan.estimate;
        let share = pending.len() as f64 / total.max(1) as f64;
        let (time, cost) = (duration(seconds * share), amount(cost * share));
        context.say(format!("{} images to make, about {time}, {cost} {currency}; loading the models", pending.len()));
        let pipeline = context.app.pipeline(&self.bundle).await?;
        let mut served = RightsGuard::new(pipeline, Arc::clone(&self.store), context.app.clone());
        for job in &pending {
            served.clear(job).await?; // what cannot be drawn at all is reported before anything is made
        }
        commit::forget_failed(&*self.store, failed).await?;
        let queue = MemoryChannel::default();
        for job in pending {
            queue.publish(Message::new(job.clone())).await?;
        }
        queue.close().await?;
        let watched = context.telemetry(&["bundle"]).await?;
        watched.readiness.pass("bundle");
        watched.metrics.provider(&context.config.provider);
        let progress = Arc::new(Progress::start(total, found.len()));
        let (hear, metrics) = (Arc::clone(&progress), Arc::clone(&watched.metrics));
        let worker = Worker {
            jobs: Arc::new(queue.clone()),
            store: Arc::clone(&self.store),
            max_batch: context.config.max_batch,
            mode: Mode::Alone,
            shutdown: context.shutdown.clone(),
            observer: Arc::new(move |event: WorkerEvent<'_>| {
                meter::count(&metrics, &event);
                hear.hear(&event);
            }),
        };
        let result = worker.run(served).await;
        progress.end();
        result?;
        let dead = queue.dead().await?.into_iter();
        Ok(dead.map(|(message, reason)| Dead { job: message.job.id.to_string(), reason }).collect())
    }

    fn tell(&self, report: &Report<'_>) {
        let say = |line: String| self.context.say(line);
        if report.summary.total.made > 0 {
            let scored = report.evaluator.filter(|_| report.summary.first_attempts.scored > 0);
            let accuracy = scored.map_or_else(String::new, |held_out| format!("{}\n", accuracy(held_out)));
            self.context.say_text(format!("\n{}\n{accuracy}\n", report.summary));
        }
        for dead in &report.dead {
            say(format!("given up: job {}: {}", dead.job, dead.reason));
        }
        say(format!("folder         {}", report.folder));
        if let Some(sheet) = &report.contact_sheet {
            say(format!("contact sheet  {sheet}"));
        }
        let (jobs, made) = (report.jobs, report.summary.total.made);
        say(match report {
            Report { stopped: true, .. } => {
                format!("stopped with {made} of {jobs} finished; run the same command again to go on")
            }
            Report { complete: false, .. } => format!("{made} of {jobs} finished; run the same command again to try the rest"),
            _ => format!("all {jobs} finished, {} by this run in {:.1} s", report.made_now, report.seconds),
        });
    }
}
