//! `housestyle worker [--drain]`: takes campaigns and jobs from the broker until told to stop.
//!
//! Always holds: nothing is taken before bundle, provider, broker and store are verified and every model has run once; asked
//! to stop, it takes nothing more, finishes what is nearly done, gives the rest back, and ends with exit code 0.

use std::sync::Arc;
use std::time::Duration;

use super::served::Served;
use super::{Context, Out, Outcome, doctor};
use crate::base::error::{Error, Result};
use crate::broker::{Queue as _, Rabbit};
use crate::config::Config;
use crate::coordinator::scoring::Judges;
use crate::coordinator::{Planner, Plans};
use crate::events::Herald;
use crate::events::webhook::Webhooks;
use crate::io::http::{Client, Reach};
use crate::io::shutdown::Shutdown;
use crate::pipeline::Bundle;
use crate::store::Store;
use crate::telemetry::{Metrics, Readiness, serve};
use crate::worker::engine::Generator;
use crate::worker::{Event, Tally, Worker, meter};

mod announce;
mod judges;
mod plans;

pub use announce::Announcer;
pub use judges::HouseJudges;
pub use plans::HousePlans;

/// Arguments of `worker`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The bundle to work with; without it, the only one there is
    #[arg(long, value_name = "NAME")]
    bundle: Option<String>,
    /// Finish what is queued, then end
    #[arg(long)]
    drain: bool,
    #[command(flatten)]
    out: Out,
}

/// Asked to stop, so long is allowed for giving back what is in hand; the broker takes back what is not.
const DEADLINE: Duration = Duration::from_secs(25);
/// All that is in hand should be done well within the broker's half hour.
const IN_HAND: f64 = 600.0;
/// Steps of a job, where nobody knows yet.
const STEPS: f64 = 50.0;

/// Works.
pub fn run(args: Args, context: &Context) -> Result<Outcome> {
    let bundle = the_bundle(args.bundle.as_deref(), context)?;
    let store = context.store(&args.out)?;
    context.block_on(async {
        context.shutdown.on_signals();
        let watched = context.watched(&CHECKS).await?;
        let readiness = &watched.readiness;
        let webhooks = webhooks(context, &watched)?;
        readiness.pass("bundle");
        store.verify().await?;
        readiness.pass("store");
        let max_batch = context.config.max_batch;
        let seconds = bundle.facts().seconds_per_step * STEPS;
        let prefetch = (IN_HAND / seconds.max(1e-3)).clamp(max_batch as f64, 4.0 * max_batch as f64);
        let queue = context.broker(prefetch as u16).await?;
        readiness.pass("broker");
        let mut pipeline = context.pipeline(&bundle)?;
        doctor::warm_up(&mut pipeline, &bundle)?;
        watched.metrics.provider(pipeline.provider().as_str());
        readiness.pass("warm-up");
        if let Some(webhooks) = webhooks {
            let subscription = queue.subscribe().await?;
            tokio::spawn(announce::send(webhooks, subscription, context.shutdown.clone()));
        }
        tokio::spawn(watch_broker(queue.clone(), readiness.clone()));
        context.say(format!("ready: bundle {} on {}", pipeline.bundle_name(), pipeline.provider()));
        let plans = HousePlans::new(context.clone(), Arc::clone(&store), bundle.digest().clone());
        let service = Service {
            queue,
            store: Arc::clone(&store),
            plans: Arc::new(plans),
            judges: Arc::new(HouseJudges::new(context.clone(), bundle.clone())),
            max_batch,
            drain: args.drain,
            source: context.config.event_source.clone(),
            metrics: Arc::clone(&watched.metrics),
            shutdown: context.shutdown.clone(),
        };
        let tally = service.run(Served::new(pipeline, bundle, store, context.clone())).await?;
        context.say(format!("{} made, {} found finished", tally.finished, tally.skipped));
        context.emit(&serde_json::json!({"made": tally.finished, "found": tally.skipped, "stopped": tally.stopped}))?;
        Ok(Outcome::Done)
    })
}

/// What must be there before a worker takes anything.
const CHECKS: [&str; 4] = ["broker", "bundle", "store", "warm-up"];
/// Between two looks at the broker's connection.
const LOOK: Duration = Duration::from_secs(1);
/// What an endpoint may take to answer.
const ANSWER: Duration = Duration::from_secs(15);

/// The endpoints that the settings name, with their secrets; `None` if there are none.
fn webhooks(context: &Context, watched: &serve::State) -> Result<Option<Webhooks>> {
    let Config { webhooks, webhook_networks, .. } = &context.config;
    if webhooks.is_empty() {
        return Ok(None);
    }
    let client = Client::new(Reach::PublicAnd(webhook_networks.clone()), ANSWER)?;
    Webhooks::new(webhooks, client, Arc::clone(&watched.metrics)).map(Some)
}

/// Not ready while the broker is away: what probes say is what is so now.
async fn watch_broker(queue: Rabbit, readiness: Readiness) {
    loop {
        tokio::time::sleep(LOOK).await;
        match queue.connected() {
            true => readiness.pass("broker"),
            false => readiness.fail("broker", "the connection is gone; it is tried again"),
        }
    }
}

/// The bundle of this name, or the only one in the folders that settings name.
fn the_bundle(name: Option<&str>, context: &Context) -> Result<Bundle> {
    if let Some(name) = name {
        let reference = name.parse().map_err(|e| Error::invalid(format!("--bundle {name:?} {e}")))?;
        return context.bundle(&reference);
    }
    let mut found = doctor::bundles(context);
    match found.len() {
        1 => found.remove(0).1,
        0 => Err(Error::unavailable("no bundle is here").hint("name the folder that holds it with --bundles DIR")),
        _ => {
            let names: Vec<String> =
                found.iter().filter_map(|(folder, _)| Some(folder.file_name()?.to_string_lossy().into_owned())).collect();
            Err(Error::invalid(format!("there are several bundles: {}", names.join(", ")))
                .hint("choose one with --bundle NAME"))
        }
    }
}

/// What a worker process does, whoever makes the pictures.
pub struct Service {
    /// The broker.
    pub queue: Rabbit,
    /// Where everything goes.
    pub store: Arc<dyn Store>,
    /// Who makes plans.
    pub plans: Arc<dyn Plans>,
    /// Who judges what agencies delivered.
    pub judges: Arc<dyn Judges>,
    /// Images denoised together at most.
    pub max_batch: usize,
    /// Whether to end when nothing is queued any more.
    pub drain: bool,
    /// Which house speaks in its events.
    pub source: String,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// When to stop.
    pub shutdown: Shutdown,
}

impl Service {
    /// Plans and makes until told to stop, or until nothing is left.
    pub async fn run(self, generator: impl Generator) -> Result<Tally> {
        // The planner also stops when the worker ends by itself, which must not look like somebody asking for it.
        let stop = self.shutdown.child();
        let announcer = Arc::new(Announcer::new(self.queue.clone(), self.source));
        let herald: Arc<dyn Herald> = Arc::clone(&announcer) as _;
        let planner = Planner {
            queue: self.queue.clone(),
            store: Arc::clone(&self.store),
            plans: self.plans,
            judges: self.judges,
            shutdown: stop.clone(),
            herald: Arc::clone(&herald),
        };
        let planning = tokio::spawn(async move { planner.run().await });
        if self.drain {
            self.queue.close().await?;
        }
        let metrics = self.metrics;
        let worker = Worker {
            queue: Arc::new(self.queue.clone()),
            store: self.store,
            max_batch: self.max_batch,
            herald: Some(herald),
            shutdown: self.shutdown.clone(),
            observer: Arc::new(move |event: Event<'_>| {
                meter::hear(&metrics, &event);
                log(&event);
            }),
        };
        let overdue = async {
            self.shutdown.wait().await;
            tokio::time::sleep(DEADLINE).await;
        };
        let result = tokio::select! {
            result = worker.run(generator) => result,
            () = overdue => {
                tracing::warn!("not everything was given back in time; the broker takes back the rest");
                Ok(Tally { stopped: true, ..Tally::default() })
            }
        };
        stop.request();
        if tokio::time::timeout(DEADLINE, planning).await.is_err() {
            tracing::warn!("an order was left undone; it comes to another planner");
        }
        announcer.finish(DEADLINE).await;
        result
    }
}

/// Logs what happens to jobs.
fn log(event: &Event<'_>) {
    match event {
        Event::Step { .. } | Event::Taken { .. } | Event::Batch { .. } | Event::Trouble(_) => {}
        Event::Skipped(sidecar) => tracing::debug!(job = sidecar.job.stem, "found finished"),
        Event::Finished(sidecar) => {
            tracing::info!(campaign = %sidecar.job.campaign, job = sidecar.job.stem, outcome = ?sidecar.outcome, "finished");
        }
        Event::Dead { job, reason } => tracing::warn!(campaign = %job.campaign, job = job.stem, reason, "given up on"),
        Event::Dropped(job) => {
            tracing::info!(campaign = %job.campaign, job = job.stem, "dropped, as its campaign is cancelled")
        }
    }
}
