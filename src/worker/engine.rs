//! The engine: the one thread that owns the models, fed with commands over a bounded channel.
//!
//! Takes a [`Generator`] and batches of `InFlight`, and images to score ([`EngineScorer`]); returns each batch with
//! one result per item, and each image's scores.
//!
//! # Invariants
//!
//! The generator is used by this one thread only. An item that fails because of its input fails alone, and a
//! fault of the bundle or the machine is never taken for an item's. A request to stop, or a campaign's cancellation, is
//! noticed between two steps.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use image::RgbImage;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use super::generator::Generator;
use super::in_flight::InFlight;
use crate::base::digest::Digest;
use crate::base::error::{Error, Kind, Result};
use crate::io::shutdown::Shutdown;
use crate::pipeline::{Each, Generated, Request, Scored, Scores, ScoringTarget, StepProgress};
use crate::plan::{Job, Unscored};

/// The maximum number of batches in the engine: one in work, one ready, so that the device never waits for commits.
pub(crate) const DEPTH: usize = 2;
/// The maximum number of images queued for scoring; they are large.
const SCORING: usize = 4;

/// A finished batch: each item with its result, or all items with the error of the whole batch.
pub type Finished = Result<Vec<(InFlight, Result<Scored>)>, (Vec<InFlight>, Error)>;

/// A command to the engine's thread.
enum EngineCommand {
    /// Generate a batch and score its images.
    Generate(Vec<InFlight>),
    /// Score an image that came from elsewhere.
    Score(ScoreCommand),
}

struct ScoreCommand {
    expected: Unscored,
    image: RgbImage,
    reply: oneshot::Sender<Result<Scores>>,
    /// The command's permit in the channel, released when the thread is done with the command.
    _place: OwnedSemaphorePermit,
}

/// The worker's end of the engine's channels.
pub(crate) struct Engine {
    commands: Option<mpsc::Sender<EngineCommand>>,
    finished: mpsc::Receiver<Finished>,
    scorer: EngineScorer,
    /// The number of batches submitted and not yet returned.
    pub outstanding: usize,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("outstanding", &self.outstanding).finish_non_exhaustive()
    }
}

impl Engine {
    /// Starts the engine's thread. `on_step` is called after every denoising step; a batch with a job that is
    /// `unwanted` is aborted.
    ///
    /// # Errors
    ///
    /// [`Kind::Internal`] if no thread can be started.
    pub fn start(
        generator: impl Generator,
        shutdown: Shutdown,
        unwanted: impl Fn(&Job) -> bool + Send + 'static,
        on_step: impl Fn(StepProgress) + Send + 'static,
    ) -> Result<Self> {
        let (commands, mut inbox) = mpsc::channel(DEPTH + SCORING);
        let (outbox, finished) = mpsc::channel(DEPTH);
        let scorer = EngineScorer {
            bundle: generator.describe().digest,
            commands: commands.downgrade(),
            places: Arc::new(Semaphore::new(SCORING)),
        };
        let mut thread = Thread { generator, shutdown, unwanted, on_step };
        let run = move || {
            while let Some(command) = inbox.blocking_recv() {
                match command {
                    EngineCommand::Score(command) => thread.score(command),
                    EngineCommand::Generate(batch) => {
                        if outbox.blocking_send(thread.make(batch)).is_err() {
                            break; // the worker is gone
                        }
                    }
                }
            }
        };
        std::thread::Builder::new()
            .name("engine".into())
            .spawn(run)
            .map_err(|e| Error::internal("cannot start the engine's thread").caused_by(e))?;
        Ok(Self { commands: Some(commands), finished, scorer, outstanding: 0 })
    }

    /// Returns a handle that scores images on the engine's thread.
    pub fn scorer(&self) -> EngineScorer {
        self.scorer.clone()
    }

    /// Submits a batch; call only with fewer than `DEPTH` outstanding.
    ///
    /// # Errors
    ///
    /// [`Kind::Internal`] if the thread has ended.
    pub fn submit(&mut self, batch: Vec<InFlight>) -> Result<()> {
        let command = EngineCommand::Generate(batch);
        let sent = self.commands.as_ref().is_some_and(|commands| commands.try_send(command).is_ok());
        if !sent {
            return Err(gone());
        }
        self.outstanding += 1;
        Ok(())
    }

    /// Waits for the next finished batch. Cancel-safe.
    ///
    /// # Errors
    ///
    /// [`Kind::Internal`] if the thread has ended.
    pub async fn next(&mut self) -> Result<Finished> {
        let finished = self.finished.recv().await.ok_or_else(gone)?;
        self.outstanding -= 1;
        Ok(finished)
    }

    /// Stops the engine: takes no more work, waits until the thread has dropped the model, and returns the items it
    /// held.
    pub async fn stop(&mut self) -> Vec<InFlight> {
        self.commands = None;
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

/// Scores images on the engine's thread, between two batches. Does not keep the thread alive.
#[derive(Clone)]
pub struct EngineScorer {
    bundle: Digest,
    commands: mpsc::WeakSender<EngineCommand>,
    places: Arc<Semaphore>,
}

impl fmt::Debug for EngineScorer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineScorer").field("bundle", &self.bundle).finish_non_exhaustive()
    }
}

impl EngineScorer {
    /// Returns the digest of the bundle that scores.
    pub fn bundle(&self) -> &Digest {
        &self.bundle
    }

    /// Scores an image against what was expected of it.
    ///
    /// # Errors
    ///
    /// [`Kind::Transient`] if the engine stops first; otherwise as [`Generator::score`].
    pub async fn score(&self, expected: Unscored, image: RgbImage) -> Result<Scores> {
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|_| stopping())?;
        let (reply, answer) = oneshot::channel();
        let command = EngineCommand::Score(ScoreCommand { expected, image, reply, _place: place });
        // The strong sender must not outlive this statement: while one exists, the thread waits for commands.
        self.commands.upgrade().ok_or_else(stopping)?.try_send(command).map_err(|_| stopping())?;
        answer.await.unwrap_or_else(|_| Err(stopping()))
    }
}

fn gone() -> Error {
    Error::internal("the engine's thread ended unexpectedly").hint("run the same command again: it goes on")
}

fn stopping() -> Error {
    Error::new(Kind::Transient, "the engine is stopping")
}

/// Returns whether a batch is to be aborted: a stop was requested, or one of its jobs is no longer wanted.
fn broken_off(shutdown: &Shutdown, unwanted: &impl Fn(&Job) -> bool, batch: &[InFlight]) -> bool {
    shutdown.requested() || batch.iter().any(|work| unwanted(work.job()))
}

struct Thread<G, U, S> {
    generator: G,
    shutdown: Shutdown,
    unwanted: U,
    on_step: S,
}

impl<G: Generator, U: Fn(&Job) -> bool, S: Fn(StepProgress)> Thread<G, U, S> {
    fn score(&mut self, command: ScoreCommand) {
        let ScoreCommand { expected, image, reply, _place } = command;
        if reply.is_closed() {
            return; // the receiver is gone
        }
        let scores = if self.shutdown.requested() {
            Err(stopping())
        } else {
            self.generator.score(&[ScoringTarget::from(&expected)], &[&image]).and_then(|mut each| {
                each.pop().unwrap_or_else(|| Err(Error::internal("an image came back without its score")))
            })
        };
        // A receiver that is gone does not need the answer.
        let _ = reply.send(scores);
    }

    fn make(&mut self, batch: Vec<InFlight>) -> Finished {
        if broken_off(&self.shutdown, &self.unwanted, &batch) {
            // It waited behind the batch that noticed the stop, so none of its steps is run.
            return Err((batch, Error::new(Kind::Transient, "asked to stop before the batch began")));
        }
        let span = tracing::info_span!(parent: None, "batch", images = batch.len());
        for work in &batch {
            span.follows_from(work.span()); // a batch belongs to no one trace; it points to those of its jobs
        }
        let _entered = span.enter();
        match self.results(&batch) {
            Ok(results) => Ok(batch.into_iter().zip(results).collect()),
            Err(error) => Err((batch, error)),
        }
    }

    /// Returns one result per item. If the batch is refused as a whole because of what is in it, each item is tried
    /// alone.
    fn results(&mut self, batch: &[InFlight]) -> Result<Each<Scored>> {
        match self.generate_and_score(batch) {
            Err(error) if broken_off(&self.shutdown, &self.unwanted, batch) || !error.is_about_the_input() => {
                Err(error)
            }
            Err(error) if batch.len() == 1 => Ok(vec![Err(error)]),
            Err(_) => {
                batch.iter().map(|work| self.results(std::slice::from_ref(work)).map(|mut one| one.remove(0))).collect()
            }
            results => results,
        }
    }

    fn generate_and_score(&mut self, batch: &[InFlight]) -> Result<Each<Scored>> {
        for work in batch {
            self.generator.admit(work.job())?;
        }
        let requests: Vec<Request> = batch.iter().map(InFlight::request).collect();
        let (shutdown, unwanted, on_step) = (&self.shutdown, &self.unwanted, &self.on_step);
        let generated = self.generator.generate(&requests, &mut |progress| {
            on_step(progress);
            if broken_off(shutdown, unwanted, batch) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        if generated.len() != batch.len() {
            return Err(Error::internal(format!("{} images came back for {} requests", generated.len(), batch.len())));
        }
        let scored: Vec<Result<Scored>> = self.score_batch(batch, generated)?;
        scored
            .into_iter()
            .map(|result| match result {
                Err(error) if !error.is_about_the_input() => Err(error),
                of_its_own => Ok(of_its_own),
            })
            .collect()
    }

    fn score_batch(&mut self, batch: &[InFlight], generated: Each<Generated>) -> Result<Each<Scored>> {
        let good = || batch.iter().zip(&generated).filter_map(|(work, result)| Some((work, result.as_ref().ok()?)));
        let expected: Vec<ScoringTarget<'_>> = good().map(|(work, _)| work.job().into()).collect();
        let images: Vec<&RgbImage> = good().map(|(_, generated)| &generated.image).collect();
        let start = Instant::now();
        let scores: Vec<Result<Option<Scores>>> = if images.is_empty() {
            Vec::new()
        } else if self.generator.can_score() {
            self.generator.score(&expected, &images)?.into_iter().map(|scores| scores.map(Some)).collect()
        } else {
            images.iter().map(|_| Ok(None)).collect()
        };
        let seconds =
            if self.generator.can_score() { start.elapsed().as_secs_f64() / images.len().max(1) as f64 } else { 0.0 };
        let mut scores = scores.into_iter();
        let scored = generated.into_iter().map(|generated| {
            let mut generated = generated?;
            let missing = || Err(Error::internal("an image came back without its score"));
            let scores = scores.next().unwrap_or_else(missing)?;
            generated.timings.score = seconds;
            Ok(Scored { generated, scores })
        });
        Ok(scored.collect())
    }
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;
    use crate::campaign::commit::GeneratorInfo;
    use crate::pipeline::OnStep;

    /// Scores an image by its first value, and generates nothing.
    struct Looker;

    impl Generator for Looker {
        fn describe(&self) -> GeneratorInfo {
            GeneratorInfo { bundle: "stub".parse().unwrap(), digest: Digest::of("stub"), provider: "none".into() }
        }

        fn generate(&mut self, _: &[Request], _: OnStep<'_>) -> Result<Each<Generated>> {
            Err(Error::internal("generates nothing"))
        }

        fn can_score(&self) -> bool {
            true
        }

        fn score(&mut self, expected: &[ScoringTarget<'_>], images: &[&RgbImage]) -> Result<Each<Scores>> {
            let scores = |(expected, image): (&ScoringTarget<'_>, &&RgbImage)| {
                Ok(Scores {
                    style: Some(f32::from(image.get_pixel(0, 0)[0])),
                    category: None,
                    style_found: expected.style.into(),
                    category_found: String::new(),
                    category_rank: None,
                    agreement: None,
                    fingerprint: None,
                })
            };
            Ok(expected.iter().zip(images).map(scores).collect())
        }
    }

    fn asked(id: u8) -> (Unscored, RgbImage) {
        let (name, none) = (id.to_string(), String::new);
        let asked =
            Unscored { id: name.clone(), sha256: Digest::of(&name), style: name, category: none(), prompt: none() };
        (asked, RgbImage::from_pixel(1, 1, Rgb([id, 0, 0])))
    }

    #[tokio::test]
    async fn many_images_are_scored_at_once_each_with_its_own_answer() {
        let engine = Engine::start(Looker, Shutdown::default(), |_| false, |_| {}).unwrap();
        let scorer = engine.scorer();
        let scoring = (0..20).map(|id| {
            let (asked, image) = asked(id);
            scorer.score(asked, image)
        });
        for (id, scores) in (0u8..).zip(futures_util::future::join_all(scoring).await) {
            let scores = scores.unwrap();
            assert_eq!((scores.style, scores.style_found), (Some(f32::from(id)), id.to_string()));
        }
    }

    #[tokio::test]
    async fn a_scorer_does_not_keep_a_stopped_engine_alive_and_its_error_is_transient() {
        let mut engine = Engine::start(Looker, Shutdown::default(), |_| false, |_| {}).unwrap();
        let scorer = engine.scorer();
        assert!(engine.stop().await.is_empty());
        let (asked, image) = asked(1);
        assert_eq!(scorer.score(asked, image).await.unwrap_err().kind(), Kind::Transient);
    }
}
