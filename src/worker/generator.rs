//! The trait of a model that generates and scores images, and its implementation by the ONNX pipeline.

use image::RgbImage;

use crate::base::error::Result;
use crate::campaign::commit::GeneratorInfo;
use crate::pipeline::{Each, Generated, OnStep, Pipeline, Request, Scores, ScoringTarget};
use crate::plan::Job;

/// Generates and scores images: the pipeline in production, a stub in tests.
pub trait Generator: Send + 'static {
    /// Returns the bundle and the provider, for the sidecars.
    fn describe(&self) -> GeneratorInfo;

    /// Checks that a job may be generated now, and loads the weights it needs.
    ///
    /// # Errors
    ///
    /// An error about the input (`Error::is_about_the_input`) refuses
    /// this job only; any other is an error of the batch.
    fn admit(&mut self, _job: &Job) -> Result<()> {
        Ok(())
    }

    /// Generates one image per request; all requests agree in `Request::batch_key`.
    ///
    /// # Errors
    ///
    /// An error of the whole call is the batch's. An error of an item that is not about its input counts as one of the
    /// batch. `on_step` is called after every step and may break off, which is an error of the batch of any kind.
    fn generate(&mut self, requests: &[Request], on_step: OnStep<'_>) -> Result<Each<Generated>>;

    /// Returns whether [`Generator::score`] works.
    fn can_score(&self) -> bool;

    /// Scores images against what was expected of each.
    ///
    /// # Errors
    ///
    /// As [`Generator::generate`].
    fn score(&mut self, expected: &[ScoringTarget<'_>], images: &[&RgbImage]) -> Result<Each<Scores>>;
}

impl Generator for Pipeline {
    fn describe(&self) -> GeneratorInfo {
        GeneratorInfo {
            bundle: self.bundle_name().clone(),
            digest: *self.bundle_digest(),
            provider: self.provider().to_string(),
        }
    }

    fn generate(&mut self, requests: &[Request], on_step: OnStep<'_>) -> Result<Each<Generated>> {
        Self::generate(self, requests, on_step)
    }

    fn can_score(&self) -> bool {
        Self::can_score(self)
    }

    fn score(&mut self, expected: &[ScoringTarget<'_>], images: &[&RgbImage]) -> Result<Each<Scores>> {
        Self::score(self, expected, images)
    }
}

/// Builds the request for a job's first attempt.
impl From<&Job> for Request {
    fn from(job: &Job) -> Self {
        Self {
            prompts: job.prompts.clone(),
            seed: job.seed,
            attempt: 1,
            size: job.size,
            sampler: job.sampler.clone(),
            guidance: job.guidance.clone(),
            style_encoder: job.style_source.encoder.as_ref().map(|encoder| encoder.digest),
            category_encoder: job
                .category_encoder
                .as_ref()
                .and_then(|source| source.encoder.as_ref())
                .map(|encoder| encoder.digest),
        }
    }
}

/// Builds the description of what a job's image is expected to show.
impl<'a> From<&'a Job> for ScoringTarget<'a> {
    fn from(job: &'a Job) -> Self {
        Self { style: &job.style, category: &job.category, prompt: &job.prompts.category }
    }
}
