//! The pipeline: a bundle's loaded models, which turn requests into images and scores.
//!
//! # Invariants
//!
//! A request gives the same image alone, in any batch and in any order (on one provider: to the bit). A bad request
//! fails alone. No image with a number that is not finite is ever returned.

use std::time::Instant;

use image::RgbImage;

use super::classifier::Classification;
use super::decode::Decoder;
use super::denoise::{Denoiser, LatentRequest, PromptStates};
use super::generated::{Each, Generated, OnStep, Timings};
use super::guidance;
use super::loader::ModelLoader;
use super::provider::Provider;
use super::request::Request;
use super::sampler::SamplerSteps;
use super::scorer::{ScoringModels, ScoringTarget};
use super::scores::Scores;
use super::text_encoder::TextEncoder;
use crate::base::digest::Digest;
use crate::base::error::{Error, Kind, Result};
use crate::base::names::Name;

/// A bundle's models, loaded and ready. One thread owns it.
pub struct Pipeline {
    loader: ModelLoader,
    encoder: TextEncoder,
    denoiser: Denoiser,
    decoder: Decoder,
    scoring: Option<ScoringModels>,
}

impl Pipeline {
    /// Loads every model of the bundle that generating and scoring need.
    ///
    /// # Errors
    ///
    /// As [`ModelLoader::load`].
    pub fn load(loader: &ModelLoader) -> Result<Self> {
        let encoder = TextEncoder::load(loader)?;
        Ok(Self {
            denoiser: Denoiser::load(loader, encoder.shape())?,
            decoder: Decoder::load(loader)?,
            scoring: ScoringModels::load(loader)?,
            encoder,
            loader: loader.clone(),
        })
    }

    /// Adds a trained version of the text encoder: `weights` are its adapter's bytes, which hash to `digest`.
    ///
    /// # Errors
    ///
    /// [`Kind::Invalid`] if the weights are no adapter of this bundle's text encoder.
    pub fn adopt(&mut self, digest: &Digest, weights: &[u8]) -> Result<()> {
        self.encoder.adopt(&self.loader, digest, weights)
    }

    /// Returns the bundle's name.
    pub(crate) fn bundle_name(&self) -> &Name {
        &self.loader.bundle().manifest().name
    }

    /// Returns the bundle's digest.
    pub(crate) fn bundle_digest(&self) -> &Digest {
        self.loader.bundle().digest()
    }

    /// Returns the provider that runs every model.
    pub fn provider(&self) -> Provider {
        self.loader.provider()
    }

    /// Returns whether the bundle has an evaluator, so that [`Pipeline::score`] works.
    pub fn can_score(&self) -> bool {
        self.scoring.is_some()
    }

    /// Generates a batch of images that agree in `Request::batch_key`; returns one result per request, in order.
    ///
    /// A prompt that does not fit or an image that became NaN is an error of its own request only.
    ///
    /// # Errors
    ///
    /// An error of the whole call means that no image was made: the batch was stopped ([`Kind::Transient`]), its size
    /// or sampler is impossible ([`Kind::Invalid`]), or a model failed to run ([`Kind::Unavailable`]).
    pub fn generate(&mut self, batch: &[Request], on_step: OnStep<'_>) -> Result<Each<Generated>> {
        let Some(first) = batch.first() else { return Ok(Vec::new()) };
        let key = first.batch_key();
        if batch.iter().any(|request| request.batch_key() != key) {
            return Err(Error::internal("the requests of a batch differ in size or sampler"));
        }
        let spec = self.loader.spec();
        if !spec.sizes.contains(&first.size) {
            return Err(Error::invalid(format!("the bundle draws {:?} pixels, not {}", spec.sizes, first.size)));
        }
        let steps =
            SamplerSteps::new(first.sampler.name, first.sampler.steps as usize, self.loader.bundle().schedule())?;
        let edge = (first.size / spec.latent.downscale) as usize;
        self.loader.stop().check()?;

        let mut timings = Timings::default();
        let start = Instant::now();
        let mut items = Vec::with_capacity(batch.len());
        let prepared: Each<()> =
            batch.iter().map(|request| self.prepare(request).map(|item| items.push(item))).collect();
        self.loader.stop().check()?;
        timings.encode = lap(start);

        let start = Instant::now();
        let latents = self.denoiser.run(&items, edge, &steps, on_step)?;
        timings.unet = lap(start);

        let start = Instant::now();
        let images: Each<RgbImage> = latents.iter().map(|latent| self.decoder.decode(latent, first.size)).collect();
        self.loader.stop().check()?;
        timings.decode = lap(start);

        let timings = timings.divided_by(batch.len());
        let mut images = images.into_iter();
        let finish = |prepared: Result<()>| {
            prepared?;
            let image = images.next().unwrap_or_else(|| Err(Error::internal("a latent was lost")))?;
            Ok(Generated { image, timings })
        };
        Ok(prepared.into_iter().map(finish).collect())
    }

    /// Returns the class probabilities and embedding that the bundle's evaluator gives an image.
    ///
    /// # Errors
    ///
    /// [`Kind::Invalid`] if the bundle has no evaluator; [`Kind::Permanent`] if its outputs are not finite.
    pub fn classify(&mut self, image: &RgbImage) -> Result<Classification> {
        self.scoring.as_mut().ok_or_else(no_evaluator)?.classify(image)
    }

    /// Scores images against what was expected of each; returns one result per image, in order.
    ///
    /// # Errors
    ///
    /// [`Kind::Invalid`] if the bundle has no evaluator; [`Kind::Transient`] if it was stopped.
    pub fn score(&mut self, expected: &[ScoringTarget<'_>], images: &[&RgbImage]) -> Result<Each<Scores>> {
        let scoring = self.scoring.as_mut().ok_or_else(no_evaluator)?;
        let pairs = expected.iter().zip(images);
        let scores = pairs.map(|(expected, image)| scoring.score(&mut self.encoder, *expected, image)).collect();
        self.loader.stop().check()?;
        Ok(scores)
    }

    fn prepare(&mut self, request: &Request) -> Result<LatentRequest> {
        let Request { prompts, guidance, .. } = request;
        let finite = [guidance.category, guidance.style].iter().all(|scale| scale.is_finite());
        let style_scale = guidance::per_layer(&guidance.style_scale, self.loader.spec().cross_attention_layers)?;
        if !finite || !style_scale.iter().all(|scale| (0.0..=1.0).contains(scale)) {
            return Err(Error::new(Kind::Invalid, "guidance must be finite and style_scale lie between 0 and 1"));
        }
        let mut states = |text: &str, version| self.encoder.states_of(text, version);
        let style = states(&prompts.style, request.style_encoder.as_ref())?;
        let category = states(&prompts.category, request.category_encoder.as_ref())?;
        let states = PromptStates { negative: states(&prompts.negative, None)?, category, style };
        let branches = guidance::branches(guidance);
        Ok(LatentRequest { seed: request.seed, attempt: request.attempt, branches, states, style_scale })
    }
}

fn no_evaluator() -> Error {
    Error::invalid("the bundle has no evaluator, so nothing can be scored").hint("set the gate's thresholds to 0")
}

fn lap(start: Instant) -> f64 {
    start.elapsed().as_secs_f64()
}
