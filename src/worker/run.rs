//! The worker: receives jobs, batches them, generates, gates and commits, and settles the deliveries.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesOrdered;
use tokio::task::{JoinError, JoinHandle, JoinSet};
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument as _;

use super::batcher::Batcher;
use super::cancel::CancelledCampaigns;
use super::engine::{DEPTH, Engine, EngineScorer, Finished};
use super::event::{WorkSummary, WorkerEvent};
use super::gate::Next;
use super::generator::Generator;
use super::in_flight::InFlight;
use super::mode::Mode;
use super::settlement::{Arrival, Settlement};
use crate::base::error::{Error, Kind, Result};
use crate::broker::{Channel, Delivery, Message, Payload as _};
use crate::campaign::commit::{Asset, GeneratorInfo};
use crate::campaign::outcomes;
use crate::io::shutdown::Shutdown;
use crate::pipeline::StepProgress;
use crate::plan::Job;
use crate::store::Store;

/// The time for which an idle engine waits for a batch to fill.
const LINGER: Duration = Duration::from_millis(20);

/// A worker: generates the images of jobs and commits them.
pub struct Worker {
    /// The channel that jobs come from.
    pub jobs: Arc<dyn Channel<Message>>,
    /// The store that assets go to.
    pub store: Arc<dyn Store>,
    /// The maximum number of images denoised together.
    pub max_batch: usize,
    /// Whether other processes work on the same campaigns.
    pub mode: Mode,
    /// The signal that asks the worker to stop.
    pub shutdown: Shutdown,
    /// The observer, called with every event, from several threads.
    pub observer: Arc<dyn Fn(WorkerEvent<'_>) + Send + Sync>,
}

impl Worker {
    /// Works until the channel of jobs is closed and empty, or until asked to stop.
    ///
    /// # Errors
    ///
    /// The error that ends a run: a device, store or broker that is unavailable.
    pub async fn run(self, generator: impl Generator) -> Result<WorkSummary> {
        self.start(generator)?.run().await
    }

    /// Starts the engine, so that it can also score images from elsewhere ([`StartedWorker::scorer`]).
    ///
    /// # Errors
    ///
    /// [`Kind::Internal`] if no thread can be started.
    pub fn start(self, generator: impl Generator) -> Result<StartedWorker> {
        let by = Arc::new(generator.describe());
        // The engine also stops when the worker fails, which must not look like a request to stop.
        let stop_engine = self.shutdown.child();
        let observer = Arc::clone(&self.observer);
        let step = move |now: StepProgress| {
            observer(WorkerEvent::Step { images: now.images, done: now.step, total: now.steps })
        };
        let cancelled = self.mode.cancelled().cloned();
        let unwanted = cancelled.clone();
        let unwanted = move |job: &Job| unwanted.as_ref().is_some_and(|cancelled| cancelled.is_known(&job.campaign));
        let engine = Engine::start(generator, stop_engine.clone(), unwanted, step)?;
        let watch = cancelled.clone().map(|cancelled| AbortOnDropHandle::new(tokio::spawn(cancelled.watch())));
        let state = WorkerState {
            batcher: Batcher::new(self.max_batch),
            arrivals: FuturesOrdered::new(),
            engine,
            commits: JoinSet::new(),
            tally: WorkSummary::default(),
            by,
            cancelled,
        };
        Ok(StartedWorker { worker: self, state, stop_engine, _watch: watch })
    }

    async fn run_to_the_end(self, mut state: WorkerState, stop_engine: Shutdown) -> Result<WorkSummary> {
        let result = self.work(&mut state).await;
        if let Err(error) = &result {
            (self.observer)(WorkerEvent::Trouble(error));
        }
        stop_engine.request();
        let mut left = state.engine.stop().await;
        while let Some(batch) = state.batcher.pop(true) {
            left.extend(batch);
        }
        while let Some(arrived) = state.arrivals.next().await {
            if let Ok(Ok(Arrival::Ready(work))) = arrived {
                left.push(*work);
            }
        }
        // Commits under way are nearly done: finishing them is cheaper than generating the images again.
        while let Some(commit) = state.commits.join_next().await {
            match state.committed(commit) {
                Err(error) if self.mode.is_cluster() && self.shutdown.requested() => {
                    tracing::debug!(error = %error.chain(), "a commit was not completed; its job is delivered again");
                }
                Err(error) if result.is_ok() => return Err(error),
                _ => {}
            }
        }
        for work in left {
            if let Err(error) = work.delivery.give_back().await {
                tracing::debug!(error = %error.chain(), "a job was not returned to the queue; it is delivered again");
            }
        }
        result.map(|()| state.tally)
    }

    async fn work(&self, state: &mut WorkerState) -> Result<()> {
        let mut linger_over = false;
        loop {
            state.feed_engine(linger_over, |images| {
                (self.observer)(WorkerEvent::Batch { images, room: self.max_batch })
            })?;
            linger_over = false;
            let idle = state.engine.outstanding == 0;
            let room = state.count(self.max_batch) < (DEPTH + 2) * self.max_batch;
            tokio::select! {
                biased;
                () = self.shutdown.wait() => {
                    state.tally.stopped = true;
                    return Ok(());
                }
                finished = state.engine.next(), if !idle => self.handle(state, finished?).await?,
                Some(commit) = state.commits.join_next(), if !state.commits.is_empty() => {
                    state.committed(commit)?;
                }
                Some(arrived) = state.arrivals.next(), if !state.arrivals.is_empty() => {
                    match joined(arrived)? {
                        Arrival::Ready(work) => state.batcher.push(work.batch_key(), *work),
                        Arrival::Skipped => state.tally.skipped += 1,
                        Arrival::Settled => {}
                    }
                }
                delivery = self.jobs.receive(), if room => match delivery? {
                    Some(delivery) => state.arrivals.push_back(self.take(state, delivery)),
                    None => return Ok(()),
                },
                () = tokio::time::sleep(LINGER), if idle && !state.batcher.is_empty() => linger_over = true,
            }
        }
    }

    /// Checks whether a delivery is to be made, is finished already or is not for this engine; runs as a task, as it
    /// queries the store.
    fn take(&self, state: &WorkerState, delivery: Delivery<Message>) -> JoinHandle<Result<Arrival>> {
        let (settlement, cancelled, digest) = (self.settlement(), state.cancelled.clone(), state.by.digest);
        (self.observer)(WorkerEvent::Taken { lane: delivery.message.priority(), waited: delivery.message.waited() });
        tokio::spawn(async move {
            if let Some(reason) = delivery.given_up.clone() {
                return settlement.dead(delivery, &reason).await;
            }
            let job = &delivery.message.job;
            if job.bundle != digest {
                let reason = format!("made for bundle {}, this worker has {digest}", job.bundle);
                // While workers are replaced one after the other, another one has the bundle, or will have it.
                return if settlement.mode.is_cluster() {
                    settlement.retry(delivery, &reason).await
                } else {
                    settlement.dead(delivery, &reason).await
                };
            }
            if let Some(cancelled) = cancelled
                && settlement.retry_while_unavailable(|| cancelled.is_cancelled(&job.campaign)).await?
            {
                return Ok(settlement.discard(delivery).await);
            }
            match settlement.retry_while_unavailable(|| outcomes::find_finished(&*settlement.store, job)).await {
                Ok(None) => Ok(Arrival::Ready(Box::new(InFlight::new(delivery)))),
                Ok(Some(sidecar)) => {
                    (settlement.observer)(WorkerEvent::Skipped(&sidecar));
                    settlement.finished(delivery, &sidecar).await?;
                    Ok(Arrival::Skipped)
                }
                Err(error) if settlement.mode.is_cluster() && error.is_about_the_input() => {
                    settlement.dead(delivery, &error.chain()).await
                }
                Err(error) => Err(error),
            }
        })
    }

    /// Handles a finished batch: commits its jobs, tries them again, returns them to the queue, or ends the run.
    async fn handle(&self, state: &mut WorkerState, finished: Finished) -> Result<()> {
        let cancelled = state.cancelled.clone();
        let unwanted =
            |work: &InFlight| cancelled.as_ref().is_some_and(|cancelled| cancelled.is_known(&work.job().campaign));
        let items = match finished {
            Ok(items) => items,
            Err((batch, error)) if self.shutdown.requested() => {
                tracing::debug!(error = %error.chain(), "a batch was aborted");
                for work in batch {
                    work.delivery.give_back().await?;
                }
                return Ok(());
            }
            Err((batch, _)) if batch.iter().any(unwanted) => {
                let (gone, others): (Vec<InFlight>, Vec<InFlight>) = batch.into_iter().partition(unwanted);
                for work in gone {
                    self.settlement().discard(work.delivery).await;
                }
                others.into_iter().for_each(|work| state.batcher.push(work.batch_key(), work));
                return Ok(());
            }
            Err((batch, error)) if error.kind() == Kind::Transient => {
                tracing::warn!(error = %error.chain(), images = batch.len(), "a batch failed and is tried again");
                (self.observer)(WorkerEvent::Trouble(&error));
                for work in batch {
                    self.settlement().retry(work.delivery, &error.chain()).await?;
                }
                return Ok(());
            }
            Err((batch, error)) => {
                // These jobs are not at fault: another worker may succeed.
                for work in batch {
                    work.delivery.give_back().await?;
                }
                return Err(error);
            }
        };
        for (mut work, result) in items {
            if unwanted(&work) {
                self.settlement().discard(work.delivery).await;
                continue;
            }
            if let Err(error) = &result {
                (self.observer)(WorkerEvent::Trouble(error));
            }
            match work.record(result) {
                Next::Again => state.batcher.push(work.batch_key(), work),
                Next::Accept | Next::GiveUp => self.commit(state, work),
            }
        }
        Ok(())
    }

    /// Commits a job in parallel with the engine's work, then settles its delivery.
    fn commit(&self, state: &mut WorkerState, work: InFlight) {
        let (settlement, by) = (self.settlement(), Arc::clone(&state.by));
        let span = tracing::info_span!(parent: work.span(), "commit");
        let job = work.span().clone(); // it lasts until the acknowledgement
        let committing = async move {
            let (delivery, result) = work.into_result();
            let asset = Asset::encode(&by, result).await?;
            let settled = match settlement.retry_while_unavailable(|| asset.commit(&*settlement.store)).await {
                Ok(sidecar) => {
                    settlement.finished(delivery, &sidecar).await?;
                    (settlement.observer)(WorkerEvent::Finished(&sidecar));
                    Ok(())
                }
                Err(error) if settlement.mode.is_cluster() && error.is_about_the_input() => {
                    settlement.dead(delivery, &error.chain()).await.map(drop)
                }
                Err(error) => Err(error),
            };
            drop(job);
            settled
        };
        state.commits.spawn(committing.instrument(span));
    }

    fn settlement(&self) -> Settlement {
        let (store, observer) = (Arc::clone(&self.store), Arc::clone(&self.observer));
        Settlement { store, observer, mode: self.mode.clone(), shutdown: self.shutdown.clone() }
    }
}

/// A worker whose engine is running.
pub struct StartedWorker {
    worker: Worker,
    state: WorkerState,
    stop_engine: Shutdown,
    _watch: Option<AbortOnDropHandle<()>>,
}

impl StartedWorker {
    /// Returns a handle that scores images on the engine's thread.
    pub fn scorer(&self) -> EngineScorer {
        self.state.engine.scorer()
    }

    /// Works until the channel of jobs is closed and empty, or until asked to stop.
    ///
    /// # Errors
    ///
    /// The error that ends a run: a device, store or broker that is unavailable.
    pub async fn run(self) -> Result<WorkSummary> {
        let Self { worker, state, stop_engine, _watch } = self;
        worker.run_to_the_end(state, stop_engine).await
    }
}

/// The state of a running worker.
struct WorkerState {
    batcher: Batcher<InFlight>,
    /// Deliveries being checked, in the order of their arrival.
    arrivals: FuturesOrdered<JoinHandle<Result<Arrival>>>,
    engine: Engine,
    commits: JoinSet<Result<()>>,
    tally: WorkSummary,
    by: Arc<GeneratorInfo>,
    /// The cancelled campaigns; `None` outside a cluster.
    cancelled: Option<CancelledCampaigns>,
}

/// Returns the result of a task; a task that was aborted is an internal error.
fn joined<T>(task: Result<Result<T>, JoinError>) -> Result<T> {
    task.unwrap_or_else(|e| Err(Error::internal("the work on a job was cut short").caused_by(e)))
}

impl WorkerState {
    /// Counts a completed commit.
    fn committed(&mut self, commit: Result<Result<()>, JoinError>) -> Result<()> {
        joined(commit)?;
        self.tally.finished += 1;
        Ok(())
    }

    /// Returns the number of jobs held; those in the engine count as full batches.
    fn count(&self, max_batch: usize) -> usize {
        self.batcher.len() + self.arrivals.len() + self.commits.len() + self.engine.outstanding * max_batch
    }

    /// Keeps the engine busy: submits full batches ahead of time, a partial one only when the engine would idle.
    fn feed_engine(&mut self, linger_over: bool, fed: impl Fn(usize)) -> Result<()> {
        while self.engine.outstanding < DEPTH {
            let partial = linger_over && self.engine.outstanding == 0;
            match self.batcher.pop(partial) {
                Some(batch) => {
                    fed(batch.len());
                    self.engine.submit(batch)?;
                }
                None => break,
            }
        }
        Ok(())
    }
}
