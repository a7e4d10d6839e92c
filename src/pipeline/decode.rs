//! The VAE decoder: latents to images.
//!
//! Takes a clean latent as the UNet returns it; returns an 8-bit RGB image, converted as diffusers does (shift, clamp,
//! round).
//!
//! # Invariants
//!
//! Every latent is decoded alone, so an image never depends on its neighbours. A latent or image with a number that
//! is not finite is an error, never a black image.

use image::RgbImage;
use image::imageops::{self, FilterType};

use super::bundle::VAE_DECODER;
use super::bundle::manifest::LatentSpec;
use super::loader::ModelLoader;
use super::session::{Input, Model, Port, Ports};
use crate::base::error::{Error, Kind, Result};

/// A bundle's VAE decoder.
pub struct Decoder {
    model: Model,
    latent: LatentSpec,
}

impl Decoder {
    /// Loads the decoder.
    ///
    /// # Errors
    ///
    /// As [`ModelLoader::load`].
    pub fn load(loader: &ModelLoader) -> Result<Self> {
        let latent = loader.spec().latent;
        let inputs = [Port::f32("latent_sample", [None, Some(latent.channels), None, None])];
        let outputs = [Port::f32("sample", [None, Some(3), None, None])];
        let model = loader.load(VAE_DECODER, Ports { inputs: &inputs, outputs: &outputs })?;
        Ok(Self { model, latent })
    }

    /// Decodes one latent into a square image with edges of `size` pixels.
    ///
    /// # Errors
    ///
    /// [`Kind::Permanent`] if the latent or the image is not finite; as [`Model::run`] if the model fails.
    pub fn decode(&mut self, latent: &[f32], size: u32) -> Result<RgbImage> {
        finite("latent", latent)?;
        let edge = (size / self.latent.downscale) as usize;
        let unscale = |x: &f32| (f64::from(*x) / self.latent.scaling_factor + self.latent.shift_factor) as f32;
        let latent: Vec<f32> = latent.iter().map(unscale).collect();
        let inputs = [("latent_sample", Input::F32(&latent, &[1, self.latent.channels, edge, edge]))];
        let pixels = size as usize;
        let sample = self.model.run(&inputs, &[("sample", &[1, 3, pixels, pixels])])?.concat();
        finite("image", &sample)?;
        Ok(to_rgb(&sample, size))
    }
}

/// Converts planes of numbers in [-1, 1] to pixels.
fn to_rgb(sample: &[f32], size: u32) -> RgbImage {
    let plane = (size * size) as usize;
    RgbImage::from_fn(size, size, |x, y| {
        let at = (y * size + x) as usize;
        image::Rgb([0, 1, 2].map(|channel| {
            let value = (sample[channel * plane + at] * 0.5 + 0.5).clamp(0.0, 1.0);
            (value * 255.0).round_ties_even() as u8
        }))
    })
}

/// Converts pixels to planes of numbers in [-1, 1].
pub(crate) fn from_rgb(image: &RgbImage) -> Vec<f32> {
    let plane = |channel: usize| image.pixels().map(move |pixel| f32::from(pixel.0[channel]) / 127.5 - 1.0);
    (0..3).flat_map(plane).collect()
}

/// Converts an image to planes of `size` × `size` numbers in [-1, 1]; an image of another size is resized first.
pub(crate) fn fitted(image: &RgbImage, size: u32) -> Vec<f32> {
    if image.dimensions() == (size, size) {
        from_rgb(image)
    } else {
        from_rgb(&imageops::resize(image, size, size, FilterType::Triangle))
    }
}

fn finite(what: &str, values: &[f32]) -> Result<()> {
    match values.iter().filter(|value| !value.is_finite()).count() {
        0 => Ok(()),
        bad => Err(Error::new(
            Kind::Permanent,
            format!("the {what} has {bad} of {} numbers that are not finite; nothing was drawn", values.len()),
        )
        .hint("lower the guidance scales or take more steps")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversion_clamps_and_rounds() {
        let sample: Vec<f32> =
            [[-9.0, -1.0, 0.0, 1.0], [0.5, 0.25, 3.0, -0.999], [1.0 / 255.0, 0.0, 0.0, 0.0]].concat();
        let image = to_rgb(&sample, 2);
        assert_eq!(image.as_raw(), &[0, 191, 128, 0, 159, 128, 128, 255, 128, 255, 0, 128]);
    }

    #[test]
    fn pixels_survive_the_way_there_and_back() {
        let image = RgbImage::from_fn(16, 16, |x, y| image::Rgb([(16 * x + y) as u8, x as u8, y as u8]));
        assert_eq!(to_rgb(&from_rgb(&image), 16), image);
    }

    #[test]
    fn nothing_that_is_not_finite_passes() {
        assert!(finite("latent", &[0.0, 1e30]).is_ok());
        assert!(finite("latent", &[0.0, f32::NAN]).unwrap_err().to_string().contains("1 of 2"));
        assert!(finite("image", &[f32::INFINITY]).is_err());
    }
}
