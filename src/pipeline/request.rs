//! A request: all inputs that decide one image.

use crate::base::digest::Digest;
use crate::plan::Prompts;
use crate::spec::{Guidance, Sampler};

/// One image to generate.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The texts that condition it.
    pub prompts: Prompts,
    /// The seed of its noise.
    pub seed: u64,
    /// The number of the attempt, from 1; each attempt has noise of its own.
    pub attempt: u32,
    /// The image's edge in pixels.
    pub size: u32,
    /// The sampler and its number of steps.
    pub sampler: Sampler,
    /// The guidance scales.
    pub guidance: Guidance,
    /// The digest of the trained text encoder that reads the style's prompt; `None` for the stock encoder.
    pub style_encoder: Option<Digest>,
    /// The digest of the trained text encoder that reads the category's prompt; `None` for the stock encoder.
    pub category_encoder: Option<Digest>,
}

/// The properties that requests must share to be denoised together.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct BatchKey {
    size: u32,
    sampler: Sampler,
}

impl BatchKey {
    /// Returns the key of images with this edge and sampler.
    pub fn new(size: u32, sampler: &Sampler) -> Self {
        Self { size, sampler: sampler.clone() }
    }
}

impl Request {
    /// Returns the key that the request shares with the other requests of its batch.
    pub(crate) fn batch_key(&self) -> BatchKey {
        BatchKey::new(self.size, &self.sampler)
    }
}
