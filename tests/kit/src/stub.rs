//! An engine without models, whose pictures are a function of job and attempt as the real one's are.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use housestyle::appearance::{Fingerprint, Vector};
use housestyle::base::digest::Digest;
use housestyle::base::error::{Error, Result};
use housestyle::base::stem::Stem;
use housestyle::broker::{Channel as _, MemoryChannel, Message};
use housestyle::campaign::commit::GeneratorInfo;
use housestyle::io::shutdown::Shutdown;
use housestyle::pipeline::{Each, Generated, OnStep, Request, Scores, ScoringTarget, StepProgress, Timings};
use housestyle::plan::Job;
use housestyle::store::Local;
use housestyle::worker::generator::Generator;
use housestyle::worker::{Mode, WorkSummary, Worker};
use image::{Rgb, RgbImage};

use crate::wait::PATIENCE;

/// An attempt of a job, as [`Stub`] sees it.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The job.
    pub job: Arc<Job>,
    /// Which attempt, from 1.
    pub attempt: u32,
}

/// What a [`Stub`] does with an ask.
pub type Script<T> = Box<dyn Fn(&Ask) -> T + Send>;

/// (job's stem, attempt) of each item of a batch.
pub type MadeBatch = Vec<(Stem, u32)>;

/// A generator whose pictures are a function of job and attempt, as the real one's are.
pub struct Stub {
    /// An error for this item alone.
    pub item_error: Script<Option<Error>>,
    /// An error for the whole batch that holds this item.
    pub batch_error: Script<Option<Error>>,
    /// Style and category score.
    pub scores: Script<(f32, f32)>,
    /// Called at every step, before it.
    pub at_step: Box<dyn FnMut() + Send>,
    /// Every batch made.
    pub made: Arc<Mutex<Vec<MadeBatch>>>,
    /// The jobs admitted, by their seeds: a request does not name its job.
    pub admitted: HashMap<u64, Arc<Job>>,
    /// Whose pictures these are, by their pixels.
    pub pictures: HashMap<Vec<u8>, Ask>,
}

impl Default for Stub {
    fn default() -> Self {
        Self {
            item_error: Box::new(|_| None),
            batch_error: Box::new(|_| None),
            scores: Box::new(|_| (0.9, 0.9)),
            at_step: Box::new(|| {}),
            made: Arc::default(),
            admitted: HashMap::new(),
            pictures: HashMap::new(),
        }
    }
}

impl Generator for Stub {
    fn describe(&self) -> GeneratorInfo {
        GeneratorInfo { bundle: "stub".parse().unwrap(), digest: Digest::of("stub"), provider: "none".into() }
    }

    fn admit(&mut self, job: &Job) -> Result<()> {
        self.admitted.entry(job.seed).or_insert_with(|| Arc::new(job.clone()));
        Ok(())
    }

    fn generate(&mut self, requests: &[Request], on_step: OnStep<'_>) -> Result<Each<Generated>> {
        let ask = |request: &Request| Ask { job: Arc::clone(&self.admitted[&request.seed]), attempt: request.attempt };
        let asks: Vec<Ask> = requests.iter().map(ask).collect();
        for step in 1..=4 {
            (self.at_step)();
            if on_step(StepProgress { step, steps: 4, images: asks.len() }).is_break() {
                return Err(Error::internal("broken off"));
            }
        }
        if let Some(error) = asks.iter().find_map(|ask| (self.batch_error)(ask)) {
            return Err(error);
        }
        let named = asks.iter().map(|ask| (ask.job.stem.clone(), ask.attempt)).collect();
        self.made.lock().unwrap().push(named);
        let mut generated = Vec::with_capacity(asks.len());
        for ask in asks {
            generated.push(match (self.item_error)(&ask) {
                Some(error) => Err(error),
                None => {
                    let image = picture_of(&ask);
                    self.pictures.insert(image.as_raw().clone(), ask);
                    Ok(Generated { image, timings: Timings { unet: 0.5, ..Timings::default() } })
                }
            });
        }
        Ok(generated)
    }

    fn can_score(&self) -> bool {
        true
    }

    fn score(&mut self, expected: &[ScoringTarget<'_>], images: &[&RgbImage]) -> Result<Each<Scores>> {
        assert_eq!(expected.len(), images.len());
        let score = |(expected, image): (&ScoringTarget<'_>, &&RgbImage)| {
            let ask =
                self.pictures.get(image.as_raw()).ok_or_else(|| Error::unavailable("a picture from elsewhere"))?;
            assert_eq!(*expected, ScoringTarget::from(&*ask.job), "scored under another's name");
            let (style, category) = (self.scores)(ask);
            Ok(Scores {
                style: Some(style),
                category: Some(category),
                style_found: if style > 0.5 { ask.job.style.clone() } else { "another".into() },
                category_found: ask.job.category.clone(),
                category_rank: Some(if category > 0.5 { 1 } else { 7 }),
                agreement: Some(0.25),
                fingerprint: Some(Fingerprint {
                    styles: Vector::new(&[style, 1.0 - style]),
                    embedding: Vector::new(&[1.0, category, f32::from(image.get_pixel(3, 5)[0]) / 255.0]),
                }),
            })
        };
        Ok(expected.iter().zip(images).map(score).collect())
    }
}

/// The picture that [`Stub`] makes for an ask.
pub fn picture_of(ask: &Ask) -> RgbImage {
    let [a, b, c, ..] = (ask.job.seed ^ u64::from(ask.attempt)).to_be_bytes().map(|x| x.wrapping_mul(31));
    RgbImage::from_fn(ask.job.size, ask.job.size, |x, y| Rgb([a ^ x as u8, b ^ y as u8, c ^ (ask.job.seed as u8)]))
}

/// Runs jobs through a worker; gives back the tally and what is dead.
pub async fn work(
    jobs: &[Job],
    store: &Local,
    stub: Stub,
    max_batch: usize,
    shutdown: &Shutdown,
) -> (Result<WorkSummary>, Vec<String>) {
    let queue = MemoryChannel::default();
    for job in jobs {
        queue.publish(Message::new(job.clone())).await.unwrap();
    }
    queue.close().await.unwrap();
    let worker = Worker {
        jobs: Arc::new(queue.clone()),
        store: Arc::new(store.clone()),
        max_batch,
        mode: Mode::Alone,
        shutdown: shutdown.clone(),
        observer: Arc::new(|_| {}),
    };
    let tally = tokio::time::timeout(PATIENCE, worker.run(stub)).await.expect("a worker hangs");
    let dead = queue.dead().await.unwrap();
    (tally, dead.into_iter().map(|(message, reason)| format!("{}: {reason}", message.job.stem)).collect())
}
