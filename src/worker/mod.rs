//! The worker: receive → batch → generate → gate → commit → acknowledge.
//!
//! In: a queue of jobs, a store and a [`Generator`]. Out: finished assets, [`WorkerEvent`]s on the way, a [`WorkSummary`].
//! Always holds: a delivery is acknowledged only after its sidecar is in the store; encoding and committing of one batch
//! overlap with the denoising of the next; what is in hand is bounded; asked to stop, it stops within a step and what it
//! held goes back to the queue. Among others ([`Worker::herald`]), a store that is away is waited for, a cancelled campaign
//! is stopped within a step of the news, and what is given up on is written down.

use crate::campaign::commit;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesOrdered;

use image::RgbImage;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::task::AbortOnDropHandle;
use tracing::{Instrument as _, Span};

use crate::base::error::{Error, Kind, Result};
use crate::broker::{Channel, Delivery, Message, Payload as _};
use crate::campaign::commit::GeneratorInfo;
use crate::campaign::sidecar::{Attempt, Sidecar};
use crate::io::shutdown::Shutdown;
use crate::pipeline::{BatchKey, Request, Scored, StepProgress};
use crate::plan::Job;
use crate::spec::Priority;
use crate::store::Store;

pub mod batcher;
pub mod cancel;
pub mod engine;
pub mod gate;
pub mod generator;
pub mod meter;
mod mode;
mod settlement;

use crate::campaign::commit::Verdict;
use batcher::Batcher;
use cancel::CancelledCampaigns;
use engine::{DEPTH, Engine, EngineScorer, Finished};
use gate::Next;
use generator::Generator;
pub use mode::Mode;
use settlement::{Arrival, Settlement};

/// How long an idle engine waits for a batch to fill.
const LINGER: Duration = Duration::from_millis(20);
/// What a worker works with.
pub struct Worker {
    /// Where jobs come from.
    pub jobs: Arc<dyn Channel<Message>>,
    /// Where assets go.
    pub store: Arc<dyn Store>,
    /// Images denoised together at most.
    pub max_batch: usize,
    /// Whether others work on the same campaigns.
    pub mode: Mode,
    /// When to stop.
    pub shutdown: Shutdown,
    /// Who hears what happens; called from several threads.
    pub observer: Arc<dyn Fn(WorkerEvent<'_>) + Send + Sync>,
}

/// Something that happened.
#[derive(Debug)]
pub enum WorkerEvent<'a> {
    /// A batch of `images` did step `done` of `total`.
    Step {
        /// Images in the batch.
        images: usize,
        /// Steps done.
        done: usize,
        /// Steps in all.
        total: usize,
    },
    /// A job was taken from this lane, so long after it was first published, if anybody knows.
    Taken {
        /// The lane.
        lane: Priority,
        /// How long it waited.
        waited: Option<Duration>,
    },
    /// A batch went to the engine.
    Batch {
        /// Images in it.
        images: usize,
        /// Images that would fit.
        room: usize,
    },
    /// Something went wrong with an item, a batch or everything; what becomes of the jobs is told apart from it.
    Trouble(&'a Error),
    /// A job was given up on without an outcome, for this reason.
    Dead {
        /// The job.
        job: &'a Job,
        /// Why.
        reason: &'a str,
    },
    /// A job was finished before.
    Skipped(&'a Sidecar),
    /// A job is finished now.
    Finished(&'a Sidecar),
    /// A job is dropped, as its campaign is cancelled.
    Dropped(&'a Job),
}

/// What a worker did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkSummary {
    /// Jobs found finished.
    pub skipped: usize,
    /// Jobs finished.
    pub finished: usize,
    /// Whether it was asked to stop before the queue was empty.
    pub stopped: bool,
}

/// A job in hand.
#[derive(Debug)]
pub struct Work {
    delivery: Delivery<Message>,
    job: Arc<Job>,
    attempts: Vec<Attempt>,
    /// The attempt nearest to passing, and its picture.
    best: Option<(u32, RgbImage)>,
    timings: BTreeMap<String, f64>,
    /// Its part of the trace that its message belongs to; ends when it leaves our hands.
    span: Span,
}

impl Work {
    fn new(delivery: Delivery<Message>) -> Self {
        let job = Arc::new(delivery.message.job.clone());
        let (id, campaign) = (job.id.to_string(), job.campaign.as_str());
        let span =
            tracing::info_span!("job", id, campaign, lane = delivery.message.priority().as_str(), otel.kind = "consumer");
        if let Some(parent) = delivery.message.traceparent {
            parent.adopt(&span);
        }
        Self { delivery, job, attempts: Vec::new(), best: None, timings: BTreeMap::new(), span }
    }

    /// Its part of the trace.
    pub fn span(&self) -> &Span {
        &self.span
    }

    /// Returns its job.
    pub fn job(&self) -> &Job {
        &self.job
    }

    /// Returns the request for its next attempt.
    pub fn request(&self) -> Request {
        Request { attempt: self.attempts.len() as u32 + 1, ..Request::from(&*self.job) }
    }

    /// Returns what it must have in common with the rest of its batch.
    fn batch_key(&self) -> BatchKey {
        BatchKey::new(self.job.size, &self.job.sampler)
    }

    /// Takes in the result of the attempt asked for and says what is next.
    fn take_in(&mut self, result: Result<Scored>) -> Next {
        let (gate, number) = (&self.job.gate, self.attempts.len() as u32 + 1);
        match result {
            Ok(Scored { generated, scores }) => {
                for (stage, seconds) in generated.timings.stages() {
                    *self.timings.entry(stage.to_owned()).or_default() += seconds;
                }
                let attempt = gate::judge(gate, number, scores);
                let best = self.best.as_ref().and_then(|(n, _)| self.attempts.iter().find(|a| a.number == *n));
                let nearness = |a: &Attempt| gate::nearness(gate, a.scores.as_ref());
                if attempt.passed || best.is_none_or(|best| nearness(&attempt) > nearness(best)) {
                    self.best = Some((number, generated.image));
                }
                self.attempts.push(attempt);
            }
            Err(error) => {
                let hopeless = error.kind() == Kind::Invalid; // other noise does not help against wrong input
                self.attempts.push(gate::failed(number, error.chain()));
                if hopeless {
                    return Next::GiveUp;
                }
            }
        }
        gate::next(gate, &self.attempts)
    }

    fn verdict(self) -> (Delivery<Message>, Verdict) {
        let Self { delivery, job, attempts, best, timings, span: _ } = self;
        (delivery, Verdict { job, attempts, chosen: best, timings })
    }
}

impl Worker {
    /// Works until the queue is closed and empty, or until asked to stop.
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
        // The engine also stops when the worker fails, which must not look like somebody asking for it.
        let stop_engine = self.shutdown.child();
        let observer = Arc::clone(&self.observer);
        let step =
            move |now: StepProgress| observer(WorkerEvent::Step { images: now.images, done: now.step, total: now.steps });
        let cancelled = self.mode.cancelled().cloned();
        let unwanted = cancelled.clone();
        let unwanted = move |job: &Job| unwanted.as_ref().is_some_and(|cancelled| cancelled.is_known(&job.campaign));
        let engine = Engine::start(generator, stop_engine.clone(), unwanted, step)?;
        let watch = cancelled.clone().map(|cancelled| AbortOnDropHandle::new(tokio::spawn(cancelled.watch())));
        let hands = Hands {
            batcher: Batcher::new(self.max_batch),
            arrivals: FuturesOrdered::new(),
            engine,
            commits: JoinSet::new(),
            tally: WorkSummary::default(),
            by,
            cancelled,
        };
        Ok(StartedWorker { worker: self, hands, stop_engine, _watch: watch })
    }

    async fn run_to_the_end(self, mut hands: Hands, stop_engine: Shutdown) -> Result<WorkSummary> {
        let result = self.work(&mut hands).await;
        if let Err(error) = &result {
            (self.observer)(WorkerEvent::Trouble(error));
        }
        stop_engine.request();
        let mut left = hands.engine.stop().await;
        while let Some(batch) = hands.batcher.pop(true) {
            left.extend(batch);
        }
        while let Some(arrived) = hands.arrivals.next().await {
            if let Ok(Ok(Arrival::Ready(work))) = arrived {
                left.push(*work);
            }
        }
        // What is being committed is nearly done: let it finish rather than make it again.
        while let Some(joined) = hands.commits.join_next().await {
            match self.committed(&mut hands.tally, joined) {
                Err(error) if self.mode.is_cluster() && self.shutdown.requested() => {
                    tracing::debug!(error = %error.chain(), "a commit was left undone; its job comes back");
                }
                Err(error) if result.is_ok() => return Err(error),
                _ => {}
            }
        }
        for work in left {
            if let Err(error) = work.delivery.give_back().await {
                tracing::debug!(error = %error.chain(), "a job was not given back; it comes back by itself");
            }
        }
        result.map(|()| hands.tally)
    }

    async fn work(&self, hands: &mut Hands) -> Result<()> {
        let mut linger_over = false;
        loop {
            hands.feed_engine(linger_over, |images| (self.observer)(WorkerEvent::Batch { images, room: self.max_batch }))?;
            linger_over = false;
            let idle = hands.engine.outstanding == 0;
            let room = hands.count(self.max_batch) < (DEPTH + 2) * self.max_batch;
            tokio::select! {
                biased;
                () = self.shutdown.wait() => {
                    hands.tally.stopped = true;
                    return Ok(());
                }
                finished = hands.engine.next(), if !idle => self.sort(hands, finished?).await?,
                Some(joined) = hands.commits.join_next(), if !hands.commits.is_empty() => {
                    self.committed(&mut hands.tally, joined)?;
                }
                Some(arrived) = hands.arrivals.next(), if !hands.arrivals.is_empty() => {
                    match arrived.map_err(|e| Error::internal("a job's arrival was cut short").caused_by(e))?? {
                        Arrival::Ready(work) => hands.batcher.push(work.batch_key(), *work),
                        Arrival::Skipped => hands.tally.skipped += 1,
                        Arrival::Settled => {}
                    }
                }
                delivery = self.jobs.receive(), if room => match delivery? {
                    Some(delivery) => hands.arrivals.push_back(self.take(hands, delivery)),
                    None => return Ok(()),
                },
                () = tokio::time::sleep(LINGER), if idle && !hands.batcher.is_empty() => linger_over = true,
            }
        }
    }

    /// Takes a delivery in hand, unless it is finished or not for this engine: beside the others, as the store is asked.
    fn take(&self, hands: &Hands, delivery: Delivery<Message>) -> JoinHandle<Result<Arrival>> {
        let (settlement, cancelled, digest) = (self.settlement(), hands.cancelled.clone(), hands.by.digest);
        (self.observer)(WorkerEvent::Taken { lane: delivery.message.priority(), waited: delivery.message.waited() });
        tokio::spawn(async move {
            if let Some(reason) = delivery.given_up.clone() {
                return settlement.dead(delivery, &reason).await;
            }
            let job = &delivery.message.job;
            if job.bundle != digest {
                let reason = format!("made for bundle {}, this worker has {digest}", job.bundle);
                // Where workers are replaced one after the other, another has the bundle, or will have it.
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
            match settlement.retry_while_unavailable(|| commit::find_finished(&*settlement.store, job)).await {
                Ok(None) => Ok(Arrival::Ready(Box::new(Work::new(delivery)))),
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

    /// Sorts a batch that came back: committed, tried again, given back to the queue, or the end of the run.
    async fn sort(&self, hands: &mut Hands, finished: Finished) -> Result<()> {
        let cancelled = hands.cancelled.clone();
        let unwanted = |work: &Work| cancelled.as_ref().is_some_and(|cancelled| cancelled.is_known(&work.job.campaign));
        let items = match finished {
            Ok(items) => items,
            Err((batch, error)) if self.shutdown.requested() => {
                tracing::debug!(error = %error.chain(), "batch broken off");
                for work in batch {
                    work.delivery.give_back().await?;
                }
                return Ok(());
            }
            Err((batch, _)) if batch.iter().any(unwanted) => {
                let (gone, others): (Vec<Work>, Vec<Work>) = batch.into_iter().partition(unwanted);
                for work in gone {
                    self.settlement().discard(work.delivery).await;
                }
                others.into_iter().for_each(|work| hands.batcher.push(work.batch_key(), work));
                return Ok(());
            }
            Err((batch, error)) if error.kind() == Kind::Transient => {
                tracing::warn!(error = %error.chain(), images = batch.len(), "a batch failed; it is tried again");
                (self.observer)(WorkerEvent::Trouble(&error));
                for work in batch {
                    self.settlement().retry(work.delivery, &error.chain()).await?;
                }
                return Ok(());
            }
            Err((batch, error)) => {
                // Not these jobs' fault: another worker may do better.
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
            match work.take_in(result) {
                Next::Again(_) => hands.batcher.push(work.batch_key(), work),
                Next::Accept | Next::GiveUp => self.commit(hands, work),
            }
        }
        Ok(())
    }

    /// Commits beside the engine's work, and acknowledges after.
    fn commit(&self, hands: &mut Hands, work: Work) {
        let (settlement, by) = (self.settlement(), Arc::clone(&hands.by));
        let span = tracing::info_span!(parent: work.span(), "commit");
        let job = work.span().clone(); // it lasts until the acknowledgement
        let committing = async move {
            let (delivery, verdict) = work.verdict();
            let asset = commit::prepare(&by, verdict).await?;
            let settled = match settlement.retry_while_unavailable(|| asset.keep(&*settlement.store)).await {
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
        hands.commits.spawn(committing.instrument(span));
    }

    fn committed(&self, tally: &mut WorkSummary, joined: Result<Result<()>, tokio::task::JoinError>) -> Result<()> {
        joined.map_err(|e| Error::internal("a commit was cut short").caused_by(e))??;
        tally.finished += 1;
        Ok(())
    }

    fn settlement(&self) -> Settlement {
        let (store, observer) = (Arc::clone(&self.store), Arc::clone(&self.observer));
        Settlement { store, observer, mode: self.mode.clone(), shutdown: self.shutdown.clone() }
    }
}

/// A worker whose engine runs.
pub struct StartedWorker {
    worker: Worker,
    hands: Hands,
    stop_engine: Shutdown,
    _watch: Option<AbortOnDropHandle<()>>,
}

impl StartedWorker {
    /// Returns a handle that scores images on the engine's thread.
    pub fn scorer(&self) -> EngineScorer {
        self.hands.engine.scorer()
    }

    /// Works until the queue is closed and empty, or until asked to stop.
    ///
    /// # Errors
    ///
    /// What ends a run: a device, store or broker that is not there.
    pub async fn run(self) -> Result<WorkSummary> {
        let Self { worker, hands, stop_engine, _watch } = self;
        worker.run_to_the_end(hands, stop_engine).await
    }
}

/// What a worker has in hand.
struct Hands {
    batcher: Batcher<Work>,
    /// Deliveries that are looked at, in the order in which they came.
    arrivals: FuturesOrdered<JoinHandle<Result<Arrival>>>,
    engine: Engine,
    commits: JoinSet<Result<()>>,
    tally: WorkSummary,
    by: Arc<GeneratorInfo>,
    /// Among others: whose campaigns are cancelled.
    cancelled: Option<CancelledCampaigns>,
}

impl Hands {
    /// Items in hand, those in the engine counted as full batches.
    fn count(&self, max_batch: usize) -> usize {
        self.batcher.len() + self.arrivals.len() + self.commits.len() + self.engine.outstanding * max_batch
    }

    /// Keeps the engine busy: full batches ahead of time, one that is not full only when it would idle.
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
