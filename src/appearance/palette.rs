//! The colours of a drawing, and how much of it has a brand's colours. Pure.
//!
//! Takes pixels; returns up to eight [`Swatch`]es, and their coverage by a brand's palette.
//!
//! # Invariants
//!
//! Shares add up to 1. White background that touches the picture's edge is no colour of the drawing.

use std::mem;
use std::str::FromStr;

use image::RgbImage;
use serde::{Deserialize, Serialize};

use crate::appearance::colour::Lab;

/// The maximum number of colours kept.
const COLOURS: usize = 8;
/// The distance (ΔE2000) below which two colours count as one.
const SAME: f64 = 8.0;
/// The number of bits of each channel that distinguish colours in the first count.
const COARSE: u32 = 4;
/// The value in every channel from which a pixel may be background.
const BACKGROUND: u8 = 248;

/// The colours of a drawing, the most common first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Palette(pub Vec<Swatch>);

/// One colour and its share of the drawing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Swatch {
    /// The colour, `#rrggbb`.
    pub colour: HexColour,
    /// The share of the drawing's pixels, from 0 to 1.
    pub share: f32,
}

/// An sRGB colour, written `#rrggbb`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HexColour(pub [u8; 3]);

impl Palette {
    /// Computes the palette of a picture on a white background. An all-white picture has the one colour white.
    pub fn of(image: &RgbImage) -> Self {
        let background = background(image);
        let mut cells: Vec<([u64; 3], u64)> = vec![([0; 3], 0); 1 << (3 * COARSE)];
        for (pixel, background) in image.pixels().zip(background) {
            if !background {
                let place =
                    pixel.0.iter().fold(0usize, |place, value| place << COARSE | usize::from(value >> (8 - COARSE)));
                let (sums, count) = &mut cells[place];
                sums.iter_mut().zip(pixel.0).for_each(|(sum, value)| *sum += u64::from(value));
                *count += 1;
            }
        }
        cells.retain(|(_, count)| *count > 0);
        // Stable: equal counts stay in the order of their colours.
        cells.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let total: u64 = cells.iter().map(|(_, count)| count).sum();
        if total == 0 {
            return Self(vec![Swatch { colour: HexColour([255; 3]), share: 1.0 }]);
        }
        // Each colour joins the nearest swatch if that looks the same or all are taken, else starts one.
        let mut swatches: Vec<(Lab, [u64; 3], u64)> = Vec::new();
        for (sums, count) in cells {
            let lab = Lab::of(sums.map(|sum| (sum / count) as u8));
            let far = swatches.iter().map(|swatch| swatch.0.delta_e_2000(lab)).enumerate();
            match far.min_by(|a, b| a.1.total_cmp(&b.1)) {
                Some((nearest, distance)) if distance < SAME || swatches.len() == COLOURS => {
                    let (_, theirs, counted) = &mut swatches[nearest];
                    theirs.iter_mut().zip(sums).for_each(|(sum, more)| *sum += more);
                    *counted += count;
                }
                _ => swatches.push((lab, sums, count)),
            }
        }
        swatches.sort_by_key(|(_, _, count)| std::cmp::Reverse(*count));
        let swatch = |(_, sums, count): (Lab, [u64; 3], u64)| Swatch {
            colour: HexColour(sums.map(|sum| ((sum + count / 2) / count) as u8)),
            share: (count as f64 / total as f64) as f32,
        };
        Self(swatches.into_iter().map(swatch).collect())
    }

    /// Returns the share of this drawing that lies within `tolerance` (ΔE2000) of a colour of the brand.
    pub(crate) fn coverage(&self, brand: &[Lab], tolerance: f64) -> f64 {
        let kept = |swatch: &&Swatch| {
            let lab = Lab::of(swatch.colour.0);
            brand.iter().any(|colour| colour.delta_e_2000(lab) <= tolerance)
        };
        let share = |swatches: &mut dyn Iterator<Item = &Swatch>| swatches.map(|s| f64::from(s.share)).sum::<f64>();
        let all = share(&mut self.0.iter());
        if all > 0.0 { (share(&mut self.0.iter().filter(kept)) / all).min(1.0) } else { 0.0 }
    }
}

/// Returns which pixels are background: white, and joined to the picture's edge through white.
fn background(image: &RgbImage) -> Vec<bool> {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let white: Vec<bool> = image.pixels().map(|pixel| pixel.0.iter().all(|value| *value >= BACKGROUND)).collect();
    let mut background = vec![false; white.len()];
    let edge = (0..width)
        .flat_map(|x| [x, (height - 1) * width + x])
        .chain((0..height).flat_map(|y| [y * width, y * width + width - 1]));
    let mut next: Vec<usize> = if white.is_empty() { Vec::new() } else { edge.filter(|at| white[*at]).collect() };
    while let Some(at) = next.pop() {
        if mem::replace(&mut background[at], true) {
            continue;
        }
        let (x, y) = (at % width, at / width);
        let around = [
            (x > 0).then(|| at - 1),
            (x + 1 < width).then(|| at + 1),
            (y > 0).then(|| at - width),
            (y + 1 < height).then(|| at + width),
        ];
        next.extend(around.into_iter().flatten().filter(|at| white[*at] && !background[*at]));
    }
    background
}

impl TryFrom<String> for HexColour {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl FromStr for HexColour {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "is not a colour: expected one such as `#0a7bff`";
        let digits =
            text.strip_prefix('#').filter(|digits| digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_hexdigit()));
        let bits = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()).ok_or(wrong)?;
        let [_, r, g, b] = bits.to_be_bytes();
        Ok(Self([r, g, b]))
    }
}

impl From<HexColour> for String {
    fn from(HexColour([r, g, b]): HexColour) -> Self {
        format!("#{r:02x}{g:02x}{b:02x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    #[test]
    fn the_background_is_no_colour_but_white_inside_the_drawing_is() {
        let mut image = RgbImage::from_pixel(16, 16, Rgb([255; 3]));
        for (x, y) in (4..12).flat_map(|x| (4..12).map(move |y| (x, y))) {
            let inside = (6..10).contains(&x) && (6..10).contains(&y);
            image.put_pixel(x, y, if inside { Rgb([255; 3]) } else { Rgb([200, 20, 20]) });
        }
        let palette = Palette::of(&image);
        let found: Vec<(String, f32)> = palette.0.iter().map(|s| (s.colour.into(), s.share)).collect();
        assert_eq!(found, [("#c81414".to_owned(), 0.75), ("#ffffff".to_owned(), 0.25)]);
        let brand = [Lab::of([205, 25, 20])];
        assert!((palette.coverage(&brand, 3.0) - 0.75).abs() < 1e-6);
        assert_eq!(palette.coverage(&[], 3.0), 0.0);
    }

    #[test]
    fn there_are_at_most_eight_swatches_and_their_shares_add_up_to_one() {
        let image = RgbImage::from_fn(64, 64, |x, y| Rgb([(x * 4) as u8, (y * 4) as u8, 120]));
        let palette = Palette::of(&image);
        assert_eq!(palette.0.len(), COLOURS);
        assert!((palette.0.iter().map(|s| s.share).sum::<f32>() - 1.0).abs() < 1e-5);
        assert_eq!(Palette::of(&RgbImage::from_pixel(4, 4, Rgb([255; 3]))).0[0].colour, HexColour([255; 3]));
        assert!(
            "#12345g".parse::<HexColour>().is_err()
                && "#éé".parse::<HexColour>().is_err()
                && "123456".parse::<HexColour>().is_err()
        );
    }
}
