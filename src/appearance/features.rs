//! Features of a picture by which it is compared with others later: from its pixels, and from the evaluator.

use image::RgbImage;
use serde::{Deserialize, Serialize};

use super::palette::Palette;
use super::perceptual_hash::PerceptualHash;
use super::vector::Vector;

/// The appearance of a picture, computed from its pixels alone: a perceptual hash and colours.
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

/// The fingerprint of a picture: the evaluator's outputs by which images are compared later.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fingerprint {
    /// The probability of each style that the evaluator knows, in its order.
    pub styles: Vector,
    /// The evaluator's embedding, which mostly describes the subject.
    pub embedding: Vector,
}
