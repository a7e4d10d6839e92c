//! What a picture looks like, in a few numbers that are kept with it: its colours, a hash for the eye, the evaluator's vectors.
//!
//! In: pixels, or what a model said of them. Out: [`Looks`] and [`Fingerprint`], small enough for a sidecar.
//! Always holds: the same pixels give the same looks on every machine; what is read back is what was written, to half
//! precision.

pub mod colour;
pub mod palette;
pub mod picture;
mod vector;

use image::RgbImage;
use image::imageops::{self, FilterType};
use serde::{Deserialize, Serialize};

pub use palette::{Palette, Swatch};
pub use vector::Vector;

/// What pixels alone say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Looks {
    /// Its hash for the eye.
    pub hash: Hash,
    /// The colours of the drawing, the most common first.
    pub palette: Palette,
}

/// What the evaluator says, as far as images are later compared by it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fingerprint {
    /// Probability of each style that the evaluator knows, in its order.
    pub styles: Vector,
    /// The evaluator's embedding: what is shown, and a little of how.
    pub embedding: Vector,
}

impl Looks {
    /// Looks at a picture.
    pub fn of(image: &RgbImage) -> Self {
        Self { hash: Hash::of(image), palette: Palette::of(image) }
    }
}

/// A perceptual hash: 64 bits, of which some 32 differ between unrelated pictures and a handful between copies that were
/// resized, recoloured a little or compressed.
///
/// The "difference hash" of N. Krawetz, "Kind of like that" (2013): whether each of 8 × 8 cells is darker than its neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hash(pub u64);

impl Hash {
    /// The hash of a picture.
    pub fn of(image: &RgbImage) -> Self {
        let cells = imageops::resize(&imageops::grayscale(image), 9, 8, FilterType::Triangle);
        let darker = |i: u32| cells.get_pixel(i % 8, i / 8)[0] < cells.get_pixel(i % 8 + 1, i / 8)[0];
        Self((0..64).fold(0, |hash, i| hash << 1 | u64::from(darker(i))))
    }

    /// Bits that differ.
    pub fn distance(self, other: Self) -> u32 {
        (self.0 ^ other.0).count_ones()
    }
}

impl TryFrom<String> for Hash {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let hex = text.len() == 16 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let bits = hex.then(|| u64::from_str_radix(&text, 16).ok()).flatten();
        bits.map(Self).ok_or("a picture's hash has 16 hex digits")
    }
}

impl From<Hash> for String {
    fn from(hash: Hash) -> Self {
        format!("{:016x}", hash.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    fn drawing(shift: u32, dark: u8) -> RgbImage {
        RgbImage::from_fn(64, 64, |x, y| {
            let inside = (x as i64 - 30 - i64::from(shift)).pow(2) + (y as i64 - 32).pow(2) < 400;
            if inside { Rgb([dark, 20, 60]) } else { Rgb([255; 3]) }
        })
    }

    #[test]
    fn copies_are_near_and_others_far() {
        let hash = Hash::of(&drawing(0, 20));
        let bigger = imageops::resize(&drawing(0, 40), 160, 160, FilterType::CatmullRom);
        assert!(hash.distance(Hash::of(&bigger)) <= 4);
        let other = RgbImage::from_fn(64, 64, |x, y| Rgb([(x * 4) as u8, (y * 4) as u8, ((x ^ y) * 4) as u8]));
        assert!(hash.distance(Hash::of(&other)) > 12);
        let text = String::from(hash);
        assert_eq!(Hash::try_from(text).unwrap(), hash);
        assert!(Hash::try_from("xyz".to_owned()).is_err() && Hash::try_from("é".repeat(8)).is_err());
    }
}
