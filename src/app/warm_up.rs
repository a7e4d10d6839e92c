//! Runs every model of a bundle once on one small image, so that a model that does not work is found before any job
//! is taken.

use std::ops::ControlFlow;

use crate::base::error::{Error, Result};
use crate::pipeline::{Bundle, Pipeline, Request};
use crate::plan::Prompts;
use crate::spec::{Guidance, Sampler};

/// The result of a warm-up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WarmUp {
    /// The image's side in pixels.
    pub size: u32,
    /// Whether the image was scored; false for a bundle without an evaluator.
    pub scored: bool,
}

/// Runs one denoising step of the bundle's smallest image and, if there is an evaluator, scores the image. Blocks.
///
/// # Errors
/// Returns the error of the first model that fails, or an internal error if the pipeline returns no image.
pub(crate) fn warm_up(pipeline: &mut Pipeline, bundle: &Bundle) -> Result<WarmUp> {
    let size = bundle.facts().sizes.into_iter().min().unwrap_or_default();
    let prompt = || "a test".to_owned();
    let request = Request {
        prompts: Prompts { category: prompt(), style: prompt(), negative: String::new() },
        seed: 0,
        attempt: 1,
        size,
        sampler: Sampler { steps: 1, ..Sampler::default() },
        guidance: Guidance::default(),
        style_encoder: None,
        category_encoder: None,
    };
    let missing = || Error::internal("the pipeline returned no image");
    let made = pipeline.generate(&[request], &mut |_| ControlFlow::Continue(()))?.pop().ok_or_else(missing)??;
    let scored = pipeline.can_score();
    if scored {
        pipeline.classify(&made.image)?;
    }
    Ok(WarmUp { size, scored })
}
