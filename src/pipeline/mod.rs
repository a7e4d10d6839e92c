//! From prompts to pictures and scores, on ONNX Runtime.
//!
//! In: a verified [`Bundle`], a loaded [`Runtime`], and batches of [`Request`]s. Out: [`Generated`] images and [`Score`]s.
//! What always holds: a request gives the same image alone, in any batch and in any order (on one provider: to the bit);
//! the provider asked for is the one used; one bad request never spoils its batch; no bad image ever comes out as a good one.
//!
//! One thread owns a [`Pipeline`]. It is `Send`, and [`Pipeline::stopper`] gives a switch other threads may press.

pub mod adapter;
pub mod bundle;
pub mod decode;
pub mod denoise;
pub mod guidance;
pub mod image_encoder;
pub mod noise;
pub mod runtime;
pub mod sampler;
pub mod schedule;
pub mod score;
pub mod scorer;
pub mod scores;
pub mod session;
pub mod text_encoder;
pub mod tokenize;

use std::ops::{AddAssign, ControlFlow};
use std::time::Instant;

use image::RgbImage;

pub use self::bundle::Bundle;
pub use self::image_encoder::ImageEncoder;
pub use self::runtime::Runtime;
pub use self::score::{Marks, Score};
pub use self::scorer::{Critic, Wanted};
pub use self::scores::Scores;
pub use self::session::{Provider, SessionSettings, Stop};

use self::decode::Decoder;
use self::denoise::{Denoiser, Item};
use self::sampler::Steps;
use self::schedule::Schedule;
use crate::base::digest::Digest;
use crate::base::error::{Error, Kind, Result};
use crate::pipeline::scorer::Judge;
use crate::pipeline::text_encoder::Encoder;
use crate::plan::{Job, Prompts};
use crate::spec::{Guidance, Sampler};

/// One image to make.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// What it shall show.
    pub prompts: Prompts,
    /// The job's seed.
    pub seed: u64,
    /// Which try this is; another attempt starts from other noise.
    pub attempt: u32,
    /// The image's edge in pixels.
    pub size: u32,
    /// How to get there.
    pub sampler: Sampler,
    /// How hard to pull.
    pub guidance: Guidance,
    /// Which trained version reads the style's prompt, by its weights' digest; none for the stock encoder.
    pub style_encoder: Option<Digest>,
    /// The same of the category's prompt.
    pub category_encoder: Option<Digest>,
}

impl Request {
    /// The request for an attempt of a job.
    pub fn new(job: &Job, attempt: u32) -> Self {
        Self {
            prompts: job.prompts.clone(),
            seed: job.seed,
            attempt,
            size: job.size,
            sampler: job.sampler.clone(),
            guidance: job.guidance.clone(),
            style_encoder: job.source.encoder.as_ref().map(|encoder| encoder.digest),
            category_encoder: job.reader.as_ref().and_then(|r| r.encoder.as_ref()).map(|encoder| encoder.digest),
        }
    }

    /// Requests that agree in this may share a batch.
    pub fn batches_with(&self, other: &Self) -> bool {
        self.size == other.size && self.sampler == other.sampler
    }
}

/// An image that was made.
#[derive(Clone, Debug)]
pub struct Generated {
    /// The picture.
    pub image: RgbImage,
    /// Its share of the batch's time.
    pub timings: Timings,
}

/// Seconds by stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Timings {
    /// Prompts to token states.
    pub encode: f64,
    /// Noise to clean latents.
    pub unet: f64,
    /// Latents to pictures.
    pub decode: f64,
    /// Pictures to scores; [`Pipeline::generate`] leaves it at zero, [`Score::seconds`] has it.
    pub score: f64,
}

impl AddAssign for Timings {
    fn add_assign(&mut self, other: Self) {
        self.encode += other.encode;
        self.unet += other.unet;
        self.decode += other.decode;
        self.score += other.score;
    }
}

/// How far a batch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Steps done.
    pub step: usize,
    /// Steps in all.
    pub steps: usize,
    /// Images in the batch.
    pub images: usize,
}

/// Told after every step; breaking ends the batch with [`Kind::Transient`].
pub type Report<'a> = &'a mut dyn FnMut(Progress) -> ControlFlow<()>;

/// A bundle, loaded and ready.
pub struct Pipeline {
    encoder: Encoder,
    denoiser: Denoiser,
    decoder: Decoder,
    judge: Option<Judge>,
    schedule: Schedule,
    sizes: Vec<u32>,
    downscale: u32,
    layers: usize,
    bundle: (String, Digest),
    provider: Provider,
    stop: Stop,
    totals: Timings,
}

impl Pipeline {
    /// Loads every model of the bundle that generating and scoring need.
    pub fn load(bundle: &Bundle, runtime: &Runtime, settings: &SessionSettings) -> Result<Self> {
        let stop = Stop::new(runtime)?;
        let encoder = Encoder::load(bundle, runtime, settings, &stop)?;
        let states = (encoder.length(), encoder.width());
        let spec = &bundle.manifest().spec;
        Ok(Self {
            denoiser: Denoiser::load(bundle, runtime, settings, &stop, states)?,
            decoder: Decoder::load(bundle, runtime, settings, &stop)?,
            judge: Judge::load(bundle, runtime, settings, &stop)?,
            encoder,
            schedule: bundle.schedule().clone(),
            sizes: spec.sizes.clone(),
            downscale: spec.latent.downscale,
            layers: spec.cross_attention_layers,
            bundle: (bundle.manifest().name.to_string(), *bundle.digest()),
            provider: settings.provider,
            stop,
            totals: Timings::default(),
        })
    }

    /// Takes in a trained version of the text encoder (its weights' digest and bytes), beside the UNet that stays as it is.
    pub fn adopt(
        &mut self,
        bundle: &Bundle,
        runtime: &Runtime,
        settings: &SessionSettings,
        version: (&Digest, &[u8]),
    ) -> Result<()> {
        self.encoder.adopt(bundle, runtime, settings, &self.stop, version)
    }

    /// The bundle's name.
    pub fn bundle_name(&self) -> &str {
        &self.bundle.0
    }

    /// The bundle's digest.
    pub fn bundle_digest(&self) -> &Digest {
        &self.bundle.1
    }

    /// The provider every model runs on.
    pub fn provider(&self) -> Provider {
        self.provider
    }

    /// Whether the bundle has an evaluator, so that [`Pipeline::score`] works.
    pub fn can_score(&self) -> bool {
        self.judge.is_some()
    }

    /// A switch that stops this pipeline from another thread.
    pub fn stopper(&self) -> Stop {
        self.stop.clone()
    }

    /// Seconds spent so far, by stage.
    pub fn totals(&self) -> Timings {
        self.totals
    }

    /// Makes a batch of images that agree in size and sampler.
    ///
    /// An error of the whole call means that nothing was made: the batch was stopped, or its size or sampler is impossible.
    /// Otherwise there is one result per request, in order; a prompt that does not fit or an image that went to NaN is an
    /// error of its own request only. A model that fails to run is [`Kind::Unavailable`], which no other request escapes.
    pub fn generate(&mut self, batch: &[Request], report: Report<'_>) -> Result<Vec<Result<Generated>>> {
        let Some(first) = batch.first() else { return Ok(Vec::new()) };
        if !batch.iter().all(|request| request.batches_with(first)) {
            return Err(Error::internal("the requests of a batch differ in size or sampler"));
        }
        if !self.sizes.contains(&first.size) {
            return Err(Error::invalid(format!("the bundle draws {:?} pixels, not {}", self.sizes, first.size)));
        }
        let steps = Steps::new(first.sampler.name, first.sampler.steps as usize, &self.schedule)?;
        self.stop.check()?;

        let mut timings = Timings::default();
        let start = Instant::now();
        let mut items = Vec::with_capacity(batch.len());
        let prepared: Vec<Result<()>> =
            batch.iter().map(|request| self.prepare(request).map(|item| items.push(item))).collect();
        self.stop.check()?;
        timings.encode = lap(start);

        let start = Instant::now();
        let latents = self.denoiser.run(&items, (first.size / self.downscale) as usize, &steps, report)?;
        timings.unet = lap(start);

        let start = Instant::now();
        let images: Vec<Result<RgbImage>> = latents.iter().map(|latent| self.decoder.decode(latent, first.size)).collect();
        self.stop.check()?;
        timings.decode = lap(start);

        self.totals += timings;
        let share = batch.len() as f64;
        let timings =
            Timings { encode: timings.encode / share, unet: timings.unet / share, decode: timings.decode / share, score: 0.0 };
        let mut images = images.into_iter();
        let finish = |prepared: Result<()>| {
            prepared?;
            let image = images.next().unwrap_or_else(|| Err(Error::internal("a latent was lost")))?;
            Ok(Generated { image, timings })
        };
        Ok(prepared.into_iter().map(finish).collect())
    }

    /// Scores images with the bundle's independent evaluator, one result per image.
    pub fn score(&mut self, images: &[RgbImage]) -> Result<Vec<Result<Score>>> {
        let judge = self.judge.as_mut().ok_or_else(nobody)?;
        let scores: Vec<Result<Score>> = images.iter().map(|image| judge.score(image)).collect();
        self.stop.check()?;
        self.totals.score += scores.iter().flatten().map(|score| score.seconds).sum::<f64>();
        Ok(scores)
    }

    /// Everything that is said of images beside what was wanted of each, one result an image, with the seconds it took.
    pub fn judge(&mut self, wanted: &[Wanted<'_>], images: &[RgbImage]) -> Result<Vec<Result<(Scores, f64)>>> {
        let judge = self.judge.as_mut().ok_or_else(nobody)?;
        let encoder = &mut self.encoder;
        let scores: Vec<_> = wanted.iter().zip(images).map(|(wanted, image)| judge.scores(encoder, *wanted, image)).collect();
        self.stop.check()?;
        self.totals.score += scores.iter().flatten().map(|(_, seconds)| seconds).sum::<f64>();
        Ok(scores)
    }

    fn prepare(&mut self, request: &Request) -> Result<Item> {
        let Request { prompts, guidance, .. } = request;
        let finite = [guidance.category, guidance.style].iter().all(|scale| scale.is_finite());
        let style_scale = guidance::per_layer(&guidance.style_scale, self.layers)?;
        if !finite || !style_scale.iter().all(|scale| (0.0..=1.0).contains(scale)) {
            return Err(Error::new(Kind::Invalid, "guidance must be finite and style_scale lie between 0 and 1"));
        }
        let mut states = |text: &str, version| self.encoder.states_of(text, version);
        let style = states(&prompts.style, request.style_encoder.as_ref())?;
        let category = states(&prompts.category, request.category_encoder.as_ref())?;
        let states = [states(&prompts.negative, None)?, category, style];
        Ok(Item { seed: request.seed, attempt: request.attempt, branches: guidance::branches(guidance), states, style_scale })
    }
}

fn nobody() -> Error {
    Error::invalid("the bundle has no evaluator, so nothing can be scored").hint("set the gate's thresholds to 0")
}

fn lap(start: Instant) -> f64 {
    start.elapsed().as_secs_f64()
}
