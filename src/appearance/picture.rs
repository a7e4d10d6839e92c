//! Reading pictures from bytes, within limits of size and memory.
//!
//! Takes the bytes of a PNG. Returns RGB pixels on a white background.
//!
//! # Invariants
//!
//! A picture larger than the limits is refused before its pixels are allocated.

use std::io::Cursor;

use image::{ImageFormat, ImageReader, Limits, Rgb, RgbImage, RgbaImage};

use crate::base::error::{Context as _, Kind, Result};

/// The maximum edge of a picture in pixels.
const MAX_SIDE: u32 = 8192;

/// Decodes a picture of modest size; `name` names it in the error.
///
/// # Errors
///
/// Invalid if the bytes are not a readable PNG or the picture is larger than the limits.
pub fn decode(bytes: &[u8], name: &str) -> Result<RgbImage> {
    decode_small(bytes, name, MAX_SIDE)
}

/// Decodes a picture of at most `side` pixels a side; `name` names it in the error.
///
/// # Errors
///
/// Invalid if the bytes are not a readable PNG or the picture is larger than the limits.
pub(crate) fn decode_small(bytes: &[u8], name: &str, side: u32) -> Result<RgbImage> {
    let mut reader = ImageReader::with_format(Cursor::new(bytes), ImageFormat::Png);
    let mut limits = Limits::default();
    limits.max_image_width = Some(side);
    limits.max_image_height = Some(side);
    limits.max_alloc = Some(4 * u64::from(MAX_SIDE) * u64::from(MAX_SIDE));
    reader.limits(limits);
    let picture = reader.decode().context(Kind::Invalid, || format!("{name} is not a readable PNG"))?;
    Ok(if picture.color().has_alpha() { on_white(&picture.into_rgba8()) } else { picture.into_rgb8() })
}

/// Blends a transparent picture with a white background; the colour of fully transparent pixels does not count.
fn on_white(picture: &RgbaImage) -> RgbImage {
    RgbImage::from_fn(picture.width(), picture.height(), |x, y| {
        let [r, g, b, alpha] = picture.get_pixel(x, y).0.map(u32::from);
        Rgb([r, g, b].map(|c| ((c * alpha + 255 * (255 - alpha) + 127) / 255) as u8))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_pictures_are_refused() {
        let image = RgbImage::from_fn(8, 8, |x, y| Rgb([x as u8, y as u8, 0]));
        let mut good = Cursor::new(Vec::new());
        image.write_to(&mut good, ImageFormat::Png).unwrap();
        let good = good.into_inner();
        assert_eq!(decode(&good, "good").unwrap(), image);
        let mut huge = good.clone();
        huge[16..24].copy_from_slice(&[0, 0, 0xc3, 0x50, 0, 0, 0xc3, 0x50]); // 50,000 × 50,000
        for bad in [&good[..40], b"GIF89a", &huge, b""] {
            assert_eq!(decode(bad, "bad").unwrap_err().kind(), Kind::Invalid);
        }
    }
}
