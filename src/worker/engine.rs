//! The thread that owns the model: batches in, results out, over bounded channels.
//!
//! In: a [`Generator`] and batches of [`Work`]. Out: each batch with a result an item.
//! Always holds: the generator is used by this one thread only; an item that fails because of what it is takes no other
//! with it, and a fault of the bundle or the machine is never taken for an item's; a request to stop, or a campaign's
//! cancellation, is heard between two steps.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

use image::RgbImage;
use tokio::sync::mpsc;

use super::Work;
use crate::base::error::{Error, Kind, Result};
use crate::campaign::commit::GeneratorInfo;
use crate::io::shutdown::Shutdown;
use crate::pipeline::scores::Scores;
use crate::plan::Job;

/// What makes and judges pictures; the pipeline is one, tests have another.
pub trait Generator: Send + 'static {
    /// Who it is, for the sidecars.
    fn describe(&self) -> GeneratorInfo;

    /// Makes one picture an ask, all of one shape.
    ///
    /// The outer error is for the batch, the inner ones for their items; an inner one that is not about its item
    /// ([`Error::is_about_the_input`]) counts as an outer one. `step` hears (done, total) after every step and
    /// may break off, which is an outer error of any kind.
    fn generate(&mut self, asks: &[Ask], step: StepFn<'_>) -> Result<Vec<Result<Picture>>>;

    /// Judges one picture an ask.
    fn score(&mut self, asks: &[&Ask], pictures: &[RgbImage]) -> Result<Vec<Result<Scored>>>;
}

/// Called with (done, total) after every step.
pub type StepFn<'a> = &'a mut dyn FnMut(usize, usize) -> ControlFlow<()>;

/// One picture asked for.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The job.
    pub job: Arc<Job>,
    /// Which attempt, from 1.
    pub attempt: u32,
}

/// One picture made.
#[derive(Clone, Debug)]
pub struct Picture {
    /// The pixels.
    pub image: RgbImage,
    /// Seconds by stage, this picture's share.
    pub timings: BTreeMap<String, f64>,
}

/// What the evaluator sees in one picture.
#[derive(Clone, Debug)]
pub struct Scored {
    /// `None` if there is nobody to judge.
    pub scores: Option<Scores>,
    /// How long looking took.
    pub seconds: f64,
}

/// A picture and what the evaluator sees in it.
#[derive(Debug)]
pub struct Made {
    /// The picture.
    pub picture: Picture,
    /// `None` if there is nobody to judge.
    pub scores: Option<Scores>,
}

/// A batch that came back: each item with its result, or all of them with why the whole batch failed.
pub type Finished = Result<Vec<(Work, Result<Made>)>, (Vec<Work>, Error)>;

/// The worker's end of the thread.
pub struct Engine {
    batches: Option<mpsc::Sender<Vec<Work>>>,
    finished: mpsc::Receiver<Finished>,
    /// Batches handed over and not yet back.
    pub outstanding: usize,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("outstanding", &self.outstanding).finish_non_exhaustive()
    }
}

/// Batches in the thread's hands at most: one in work, one ready, so that the device never waits for commits.
pub const DEPTH: usize = 2;

impl Engine {
    /// Starts the thread. `step` hears (images in the batch, done, total); a batch with a job that is `unwanted` is broken off.
    pub fn start(
        generator: impl Generator,
        shutdown: Shutdown,
        unwanted: impl Fn(&Job) -> bool + Send + 'static,
        step: impl Fn(usize, usize, usize) + Send + 'static,
    ) -> Result<Self> {
        let (batches, mut inbox) = mpsc::channel::<Vec<Work>>(DEPTH);
        let (outbox, finished) = mpsc::channel(DEPTH);
        let mut thread = Thread { generator, shutdown, unwanted, step };
        let run = move || {
            while let Some(batch) = inbox.blocking_recv() {
                if outbox.blocking_send(thread.make(batch)).is_err() {
                    break; // the worker is gone; so are we
                }
            }
        };
        std::thread::Builder::new()
            .name("engine".into())
            .spawn(run)
            .map_err(|e| Error::internal("cannot start the engine's thread").caused_by(e))?;
        Ok(Self { batches: Some(batches), finished, outstanding: 0 })
    }

    /// Hands over a batch; call only with fewer than [`DEPTH`] outstanding.
    pub fn submit(&mut self, batch: Vec<Work>) -> Result<()> {
        let sent = self.batches.as_ref().is_some_and(|batches| batches.try_send(batch).is_ok());
        if !sent {
            return Err(gone());
        }
        self.outstanding += 1;
        Ok(())
    }

    /// The next batch that is back. Cancel-safe.
    pub async fn next(&mut self) -> Result<Finished> {
        let finished = self.finished.recv().await.ok_or_else(gone)?;
        self.outstanding -= 1;
        Ok(finished)
    }

    /// Takes no more work and waits until the thread let go of the model; gives back what it had in hand.
    pub async fn stop(&mut self) -> Vec<Work> {
        self.batches = None;
        let mut left = Vec::new();
        while let Some(finished) = self.finished.recv().await {
            match finished {
                Ok(items) => left.extend(items.into_iter().map(|(work, _)| work)),
                Err((works, _)) => left.extend(works),
            }
        }
        left
    }
}

fn gone() -> Error {
    Error::internal("the engine's thread ended unexpectedly").hint("run the same command again: it goes on")
}

/// Whether somebody wants to stop, or does not want one of these jobs any more.
fn stopped(shutdown: &Shutdown, unwanted: &impl Fn(&Job) -> bool, asks: &[Ask]) -> bool {
    shutdown.requested() || asks.iter().any(|ask| unwanted(&ask.job))
}

struct Thread<G, U, S> {
    generator: G,
    shutdown: Shutdown,
    unwanted: U,
    step: S,
}

impl<G: Generator, U: Fn(&Job) -> bool, S: Fn(usize, usize, usize)> Thread<G, U, S> {
    fn make(&mut self, batch: Vec<Work>) -> Finished {
        let asks: Vec<Ask> = batch.iter().map(Work::ask).collect();
        if self.stopped(&asks) {
            // It waited behind the batch that heard the request; not a step of it is made.
            return Err((batch, Error::new(Kind::Transient, "asked to stop before the batch began")));
        }
        let span = tracing::info_span!(parent: None, "batch", images = batch.len());
        for work in &batch {
            span.follows_from(work.span()); // a batch belongs to no one trace; it points to those of its jobs
        }
        let _entered = span.enter();
        match self.results(&asks) {
            Ok(results) => Ok(batch.into_iter().zip(results).collect()),
            Err(error) => Err((batch, error)),
        }
    }

    /// Whether this batch is to be broken off.
    fn stopped(&self, asks: &[Ask]) -> bool {
        stopped(&self.shutdown, &self.unwanted, asks)
    }

    /// One result an ask. If the batch is refused as a whole because of what is in it, each item is tried alone.
    fn results(&mut self, asks: &[Ask]) -> Result<Vec<Result<Made>>> {
        match self.generate_and_score(asks) {
            Err(error) if self.stopped(asks) || !error.is_about_the_input() => Err(error),
            Err(error) if asks.len() == 1 => Ok(vec![Err(error)]),
            Err(_) => asks.iter().map(|ask| self.results(std::slice::from_ref(ask)).map(|mut one| one.remove(0))).collect(),
            results => results,
        }
    }

    fn generate_and_score(&mut self, asks: &[Ask]) -> Result<Vec<Result<Made>>> {
        let (shutdown, unwanted, step) = (&self.shutdown, &self.unwanted, &self.step);
        let mut heard = |done, total| {
            step(asks.len(), done, total);
            if stopped(shutdown, unwanted, asks) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let pictures = self.generator.generate(asks, &mut heard)?;
        if pictures.len() != asks.len() {
            return Err(Error::internal(format!("{} pictures came back for {} asks", pictures.len(), asks.len())));
        }
        let good: Vec<(&Ask, RgbImage)> =
            asks.iter().zip(&pictures).filter_map(|(a, p)| Some((a, p.as_ref().ok()?.image.clone()))).collect();
        let (good_asks, images): (Vec<&Ask>, Vec<RgbImage>) = good.into_iter().unzip();
        let scored = if images.is_empty() { Vec::new() } else { self.generator.score(&good_asks, &images)? };
        let mut scored = scored.into_iter();
        let made = pictures.into_iter().map(|picture| -> Result<Made> {
            let mut picture = picture?;
            let Scored { scores, seconds } =
                scored.next().unwrap_or_else(|| Err(Error::internal("a picture came back without its score")))?;
            picture.timings.insert("score".into(), seconds);
            Ok(Made { picture, scores })
        });
        made.map(|result| match result {
            Err(error) if !error.is_about_the_input() => Err(error),
            of_its_own => Ok(of_its_own),
        })
        .collect()
    }
}
