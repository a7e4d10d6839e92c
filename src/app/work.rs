//! Runs a worker process: takes campaigns and jobs from the broker until it is asked to stop.
//!
//! # Invariants
//! Nothing is taken before bundle, provider, broker and store are verified and every model has run once.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::announcer;
use super::failure::AppResult;
use super::plans::BundlePlans;
use super::progress::Progress;
use super::resources::App;
use super::rights_guard::RightsGuard;
use super::service::Service;
use super::warm_up::warm_up;
use crate::base::error::{self, Error};
use crate::broker::Rabbit;
use crate::config::Config;
use crate::events::webhook::Webhooks;
use crate::io::blocking;
use crate::io::http::{GuardedClient, Reach};
use crate::pipeline::Bundle;
use crate::telemetry::{Readiness, serve};

/// Seconds of work that are prefetched: jobs should be done well within the broker's delivery timeout of 30 minutes.
const SECONDS_AHEAD: f64 = 600.0;
/// Denoising steps assumed for a job, as the steps of jobs to come are not known.
const STEPS: f64 = 50.0;
/// Readiness checks that must pass before a worker takes jobs.
const CHECKS: [&str; 4] = ["broker", "bundle", "store", "warm-up"];
/// Interval between two checks of the broker's connection.
const CONNECTION_CHECK: Duration = Duration::from_secs(1);
/// Timeout of a request to a webhook's endpoint.
const ENDPOINT_TIMEOUT: Duration = Duration::from_secs(15);

/// The options of a worker.
#[derive(Clone, Debug, Default)]
pub(crate) struct WorkRequest {
    /// The bundle's name; `None`: the only bundle in the folders of the settings.
    pub bundle: Option<String>,
    /// Whether to end once the queue is empty.
    pub drain: bool,
    /// The store's folder or `s3://BUCKET/PREFIX`; `None`: the setting `out`.
    pub out: Option<String>,
}

/// The result of a worker process.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct WorkReport {
    /// Jobs that were already finished when they were taken.
    pub found: usize,
    /// Jobs finished by this worker.
    pub made: usize,
    /// Whether the worker was asked to stop.
    pub stopped: bool,
}

impl App {
    /// Takes campaigns and jobs from the broker and makes them until it is asked to stop.
    ///
    /// # Errors
    /// Returns an error if bundle, execution provider, broker or store cannot be used.
    pub async fn work(&self, request: WorkRequest) -> AppResult<WorkReport> {
        let bundle = self.one_bundle(request.bundle.as_deref()).await?;
        let store = self.store(request.out.as_deref()).await?;
        let watched = self.telemetry(&CHECKS).await?;
        let readiness = &watched.readiness;
        let webhooks = self.webhooks(&watched)?;
        readiness.pass("bundle");
        store.verify().await?;
        readiness.pass("store");
        let max_batch = self.config.max_batch;
        let seconds = bundle.facts().seconds_per_step * STEPS;
        let prefetch = (SECONDS_AHEAD / seconds.max(1e-3)).clamp(max_batch as f64, 4.0 * max_batch as f64);
        let queue = self.broker(prefetch as u16).await?;
        readiness.pass("broker");
        let (app, opened) = (self.clone(), bundle.clone());
        let pipeline = blocking(move || {
            let mut pipeline = app.load_pipeline(&opened)?;
            warm_up(&mut pipeline, &opened)?;
            Ok(pipeline)
        })
        .await?;
        watched.metrics.provider(pipeline.provider().as_str());
        readiness.pass("warm-up");
        if let Some(webhooks) = webhooks {
            let subscription = queue.subscribe().await?;
            tokio::spawn(announcer::send(webhooks, subscription, self.shutdown.clone()));
        }
        tokio::spawn(watch_broker(queue.clone(), readiness.clone()));
        self.report(&Progress::WorkerReady {
            bundle: pipeline.bundle_name().as_str(),
            provider: pipeline.provider().as_str(),
        });
        let service = Service {
            queue,
            store: Arc::clone(&store),
            plans: Arc::new(BundlePlans::new(self.clone(), Arc::clone(&store), *bundle.digest())),
            max_batch,
            drain: request.drain,
            source: self.config.event_source.clone(),
            metrics: Arc::clone(&watched.metrics),
            shutdown: self.shutdown.clone(),
        };
        let tally = service.run(RightsGuard::new(pipeline, store, self.clone())).await?;
        Ok(WorkReport { made: tally.finished, found: tally.skipped, stopped: tally.stopped })
    }

    /// Returns the webhook endpoints of the settings, with their secrets; `None` if there are none.
    fn webhooks(&self, watched: &serve::ProbeState) -> error::Result<Option<Webhooks>> {
        let Config { webhooks, webhook_networks, .. } = &*self.config;
        if webhooks.is_empty() {
            return Ok(None);
        }
        let client = GuardedClient::new(Reach::PublicAnd(webhook_networks.clone()), ENDPOINT_TIMEOUT)?;
        Webhooks::new(webhooks, client, Arc::clone(&watched.metrics)).map(Some)
    }

    /// Opens the bundle of this name, or the only one in the folders of the settings.
    async fn one_bundle(&self, name: Option<&str>) -> error::Result<Bundle> {
        if let Some(name) = name {
            let reference = name.parse().map_err(|e| Error::invalid(format!("--bundle {name:?} {e}")))?;
            return self.bundle(&reference).await;
        }
        let mut found = self.bundles().await?;
        match found.len() {
            1 => found.remove(0).opened,
            0 => Err(Error::unavailable("no bundle found").hint("name the folder that holds it with --bundles DIR")),
            _ => {
                let names: Vec<String> = found.iter().map(|bundle| bundle.name()).collect();
                Err(Error::invalid(format!("there are several bundles: {}", names.join(", ")))
                    .hint("choose one with --bundle NAME"))
            }
        }
    }
}

/// Sets the readiness check `broker` from the state of the broker's connection, until the process ends.
async fn watch_broker(queue: Rabbit, readiness: Readiness) {
    loop {
        tokio::time::sleep(CONNECTION_CHECK).await;
        if queue.connected() {
            readiness.pass("broker");
        } else {
            readiness.fail("broker", "the connection is lost; reconnecting");
        }
    }
}
