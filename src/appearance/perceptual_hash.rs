//! A perceptual hash (dHash): near for copies of one picture, far for different pictures.

use image::RgbImage;
use image::imageops::{self, FilterType};
use serde::{Deserialize, Serialize};

/// A perceptual hash: 64 bits, of which some 32 differ between unrelated pictures and a handful between copies that
/// were resized, recoloured a little or compressed.
///
/// The "difference hash" of N. Krawetz, "Kind of like that" (2013): whether each of 8 × 8 cells is darker than its
/// neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PerceptualHash(pub u64);

impl PerceptualHash {
    /// Computes the hash of a picture.
    pub fn of(image: &RgbImage) -> Self {
        let cells = imageops::resize(&imageops::grayscale(image), 9, 8, FilterType::Triangle);
        let darker = |i: u32| cells.get_pixel(i % 8, i / 8)[0] < cells.get_pixel(i % 8 + 1, i / 8)[0];
        Self((0..64).fold(0, |hash, i| hash << 1 | u64::from(darker(i))))
    }

    /// Returns how many bits differ (the Hamming distance).
    pub fn distance(self, other: Self) -> u32 {
        (self.0 ^ other.0).count_ones()
    }
}

impl TryFrom<String> for PerceptualHash {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let hex = text.len() == 16 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let bits = hex.then(|| u64::from_str_radix(&text, 16).ok()).flatten();
        bits.map(Self).ok_or("a picture's hash has 16 hex digits")
    }
}

impl From<PerceptualHash> for String {
    fn from(hash: PerceptualHash) -> Self {
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
    fn resized_and_recoloured_copies_are_near_and_other_pictures_far() {
        let hash = PerceptualHash::of(&drawing(0, 20));
        let bigger = imageops::resize(&drawing(0, 40), 160, 160, FilterType::CatmullRom);
        assert!(hash.distance(PerceptualHash::of(&bigger)) <= 4);
        let other = RgbImage::from_fn(64, 64, |x, y| Rgb([(x * 4) as u8, (y * 4) as u8, ((x ^ y) * 4) as u8]));
        assert!(hash.distance(PerceptualHash::of(&other)) > 12);
        let text = String::from(hash);
        assert_eq!(PerceptualHash::try_from(text).unwrap(), hash);
        assert!(
            PerceptualHash::try_from("xyz".to_owned()).is_err() && PerceptualHash::try_from("é".repeat(8)).is_err()
        );
    }
}
