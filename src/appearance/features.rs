//! What is kept of a picture to compare it with others later: from its pixels, and from the evaluator.

use image::RgbImage;
use serde::{Deserialize, Serialize};

use super::palette::Palette;
use super::perceptual_hash::PerceptualHash;
use super::vector::Vector;

/// What pixels alone tell: the perceptual hash and the colours.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Appearance {
    /// The perceptual hash.
    pub hash: PerceptualHash,
    /// The colours of the drawing, the most common first.
    pub palette: Palette,
}

impl Appearance {
    /// Computes the appearance of a picture.
    pub fn of(image: &RgbImage) -> Self {
        Self { hash: PerceptualHash::of(image), palette: Palette::of(image) }
    }
}

/// What the evaluator tells, as far as images are later compared by it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fingerprint {
    /// Probability of each style that the evaluator knows, in its order.
    pub styles: Vector,
    /// The evaluator's embedding, mostly of what is shown.
    pub embedding: Vector,
}
