//! The results of the pipeline: generated images, their scores, and progress on the way.

use std::ops::{AddAssign, ControlFlow};

use image::RgbImage;

use super::scores::Scores;
use crate::base::error::Result;

/// One result for each item of a batch, in the batch's order.
pub type Each<T> = Vec<Result<T>>;

/// A generated image.
#[derive(Clone, Debug)]
pub struct Generated {
    /// The pixels of the image.
    pub image: RgbImage,
    /// The image's share of the batch's time, by stage.
    pub timings: Timings,
}

/// A generated image with its scores.
#[derive(Clone, Debug)]
pub struct Scored {
    /// The image.
    pub generated: Generated,
    /// The image's scores; `None` if the bundle has no evaluator.
    pub scores: Option<Scores>,
}

/// Seconds by stage.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Timings {
    /// Seconds from prompts to token states.
    pub encode: f64,
    /// Seconds from noise to clean latents.
    pub unet: f64,
    /// Seconds from latents to images.
    pub decode: f64,
    /// Seconds from images to scores; 0 before an image is scored.
    pub score: f64,
}

impl Timings {
    /// Returns the stages with their names in sidecars and metrics.
    pub(crate) fn stages(self) -> [(&'static str, f64); 4] {
        [("encode", self.encode), ("unet", self.unet), ("decode", self.decode), ("score", self.score)]
    }

    /// Returns the share of one of `count` images.
    pub(crate) fn divided_by(self, count: usize) -> Self {
        let share = |seconds: f64| seconds / count as f64;
        let Self { encode, unet, decode, score } = self;
        Self { encode: share(encode), unet: share(unet), decode: share(decode), score: share(score) }
    }
}

impl AddAssign for Timings {
    fn add_assign(&mut self, other: Self) {
        self.encode += other.encode;
        self.unet += other.unet;
        self.decode += other.decode;
        self.score += other.score;
    }
}

/// The progress of a batch's denoising.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepProgress {
    /// The number of steps done.
    pub step: usize,
    /// The number of steps in all.
    pub steps: usize,
    /// The number of images in the batch.
    pub images: usize,
}

/// Called after every denoising step; a break ends the batch with
/// [`Kind::Transient`](crate::base::error::Kind::Transient).
pub type OnStep<'a> = &'a mut dyn FnMut(StepProgress) -> ControlFlow<()>;
