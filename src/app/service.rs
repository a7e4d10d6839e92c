//! Runs a worker process with any generator: takes campaigns in and makes their jobs, until asked to stop.
//!
//! # Invariants
//! Asked to stop, it takes no more messages, finishes jobs that are nearly done and returns the rest to the queue.

use std::sync::Arc;
use std::time::Duration;

use super::announcer::Announcer;
use crate::base::error::Result;
use crate::broker::Rabbit;
use crate::coordinator::{CampaignPlanner, Coordinator};
use crate::events::EventSink;
use crate::io::shutdown::Shutdown;
use crate::store::Store;
use crate::telemetry::Metrics;
use crate::worker::generator::Generator;
use crate::worker::{Mode, WorkSummary, Worker, WorkerEvent, meter};

/// Time limit for returning jobs after a request to stop; the broker requeues the rest.
const DEADLINE: Duration = Duration::from_secs(25);

/// A worker process: a coordinator that plans campaigns, and a worker that draws with any generator.
pub struct Service {
    /// The broker.
    pub queue: Rabbit,
    /// The store for plans and assets.
    pub store: Arc<dyn Store>,
    /// The planner of campaigns.
    pub plans: Arc<dyn CampaignPlanner>,
    /// Number of images denoised together, at most.
    pub max_batch: usize,
    /// Whether to end once the queue is empty.
    pub drain: bool,
    /// The source that its events name.
    pub source: String,
    /// The metrics to update.
    pub metrics: Arc<Metrics>,
    /// The request to stop.
    pub shutdown: Shutdown,
}

impl Service {
    /// Plans campaigns and makes jobs until asked to stop or, with `drain`, until the queue is empty.
    ///
    /// # Errors
    /// Returns an error if the worker cannot start, or the broker or the store fails.
    pub async fn run(self, generator: impl Generator) -> Result<WorkSummary> {
        // The coordinator also stops when the worker ends by itself, which must not look like a request to stop.
        let stop = self.shutdown.child();
        let announcer = Arc::new(Announcer::new(self.queue.clone(), self.source));
        let events: Arc<dyn EventSink> = Arc::clone(&announcer) as _;
        let metrics = self.metrics;
        let worker = Worker {
            jobs: self.queue.jobs(),
            store: Arc::clone(&self.store),
            max_batch: self.max_batch,
            mode: Mode::cluster(Arc::clone(&events), Arc::clone(&self.store)),
            shutdown: self.shutdown.clone(),
            observer: Arc::new(move |event: WorkerEvent<'_>| {
                meter::count(&metrics, &event);
                log(&event);
            }),
        }
        .start(generator)?;
        let coordinator = Coordinator {
            orders: self.queue.orders(),
            jobs: self.queue.jobs(),
            store: self.store,
            planner: self.plans,
            scorer: Arc::new(worker.scorer()),
            events,
            shutdown: stop.clone(),
        };
        let planning = tokio::spawn(async move { coordinator.run().await });
        if self.drain {
            self.queue.jobs().close().await?;
        }
        let overdue = async {
            self.shutdown.wait().await;
            tokio::time::sleep(DEADLINE).await;
        };
        let result = tokio::select! {
            result = worker.run() => result,
            () = overdue => {
                tracing::warn!("not every job was returned in time; the broker requeues the rest");
                Ok(WorkSummary { stopped: true, ..WorkSummary::default() })
            }
        };
        stop.request();
        match tokio::time::timeout(DEADLINE, planning).await {
            Ok(Ok(Err(error))) => tracing::warn!(error = %error.chain(), "cannot receive orders"),
            Ok(_) => {}
            Err(_) => tracing::warn!("an order was not finished; another coordinator will receive it"),
        }
        announcer.finish(DEADLINE).await;
        result
    }
}

/// Logs the outcomes of jobs.
fn log(event: &WorkerEvent<'_>) {
    match event {
        WorkerEvent::Step { .. } | WorkerEvent::Taken { .. } | WorkerEvent::Batch { .. } | WorkerEvent::Trouble(_) => {}
        WorkerEvent::Skipped(sidecar) => tracing::debug!(job = %sidecar.job.stem, "found finished"),
        WorkerEvent::Finished(sidecar) => {
            tracing::info!(
                campaign = %sidecar.job.campaign,
                job = %sidecar.job.stem,
                outcome = ?sidecar.outcome,
                "finished"
            );
        }
        WorkerEvent::Dead { job, reason } => {
            tracing::warn!(campaign = %job.campaign, job = %job.stem, reason, "moved to the dead letters")
        }
        WorkerEvent::Dropped(job) => {
            tracing::info!(campaign = %job.campaign, job = %job.stem, "dropped, as its campaign is cancelled")
        }
    }
}
