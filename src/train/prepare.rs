//! Preparation of training pictures: the outputs of the frozen models for them, computed once.
//!
//! Takes pictures with their category and style, and a bundle; returns image features and latents of a few slightly
//! moved copies, token ids of each picture's prompt and of its rivals' prompts, and the stock encoder's states of its
//! category.
//!
//! # Invariants
//!
//! Pictures are prepared as the bundle draws them: square, of its size, on white.

use std::sync::Arc;

use image::imageops::{self, FilterType};
use image::{Rgb, RgbImage};

use super::batch::{Example, TokenIds};
use crate::base::error::{Error, Result};
use crate::pipeline::bundle::manifest::LatentSpec;
use crate::pipeline::bundle::{IMAGE_ENCODER, VAE_ENCODER};
use crate::pipeline::decode::from_rgb;
use crate::pipeline::session::{Input, Model, Port, Ports};
use crate::pipeline::{ImageEncoder, ModelLoader, TextEncoder};
use crate::spec::{describe, template};

/// A training picture's caption.
#[derive(Clone, Debug)]
pub struct Caption {
    /// The picture's category, in words.
    pub category: String,
    /// The picture's style.
    pub style: String,
}

/// The prompt templates, and the styles and categories that pictures are contrasted with.
#[derive(Clone, Debug)]
pub struct Wording {
    /// The template for the trained encoder, with `{category}` and `{style}`.
    pub prompt: String,
    /// The template for the stock encoder, with `{category}`.
    pub category: String,
    /// The template for a style described in words, with `{prompt}` and `{look}`.
    pub described: String,
    /// The bundle's own styles: name and description.
    pub looks: Vec<(String, String)>,
    /// Further categories to contrast with, in words.
    pub things: Vec<String>,
}

/// The frozen models' outputs for a picture.
#[derive(Clone, Debug)]
pub struct PictureFeatures {
    /// The image encoder's feature of the picture and of each slightly moved copy.
    pub features: Vec<Vec<f32>>,
    /// The scaled latents of the picture and of each copy.
    pub latents: Vec<Vec<f32>>,
}

/// The axis along which an example is contrasted with others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContrastAxis {
    /// The same category in other styles.
    Styles,
    /// Other categories in the same style.
    Categories,
}

/// The frozen models through which training pictures pass once.
pub struct Prepare {
    encoder: TextEncoder,
    image_encoder: ImageEncoder,
    vae_encoder: Model,
    size: u32,
    latent: LatentSpec,
}

impl Prepare {
    /// Loads the frozen models.
    ///
    /// # Errors
    ///
    /// [`Kind::Invalid`](crate::base::error::Kind::Invalid) if the bundle lacks one; as [`ModelLoader::load`].
    pub fn load(loader: &ModelLoader) -> Result<Self> {
        let spec = loader.spec();
        let size = spec.sizes.first().copied().unwrap_or_default();
        let missing = |file: &str| {
            Error::invalid(format!("the bundle {} has no {file}", loader.bundle().manifest().name))
                .hint("few-shot training needs a bundle with image encoder and VAE encoder")
        };
        let image_encoder = ImageEncoder::load(loader)?.ok_or_else(|| missing(IMAGE_ENCODER))?;
        if !spec.files.contains_key(VAE_ENCODER) {
            return Err(missing(VAE_ENCODER));
        }
        let pixels = [Port::f32("sample", [None, Some(3), Some(size as usize), Some(size as usize)])];
        let latents = [Port::f32("latent_sample", [None, Some(spec.latent.channels), None, None])];
        let vae_encoder = loader.load(VAE_ENCODER, Ports { inputs: &pixels, outputs: &latents })?;
        let encoder = TextEncoder::load(loader)?;
        Ok(Self { encoder, image_encoder, vae_encoder, size, latent: spec.latent })
    }

    /// Prepares every picture. `picture` is called for one at a time, as large ones would not all fit into memory.
    ///
    /// # Errors
    ///
    /// [`Kind::Invalid`](crate::base::error::Kind::Invalid) if a caption has nothing to be contrasted with, as there
    /// would be nothing to learn; as [`Model::run`].
    pub fn examples(
        &mut self,
        captions: &[Caption],
        wording: &Wording,
        contrast: ContrastAxis,
        picture: &mut dyn FnMut(usize) -> Result<RgbImage>,
    ) -> Result<Vec<Example>> {
        let mut examples = Vec::with_capacity(captions.len());
        for (i, caption) in captions.iter().enumerate() {
            // A caption without rivals is refused before its picture is read.
            let example = self.example(caption, captions, wording, contrast)?;
            let PictureFeatures { features, latents } = self.see(&picture(i)?)?;
            examples.push(Example { features, latents, ..example });
        }
        Ok(examples)
    }

    /// Runs the frozen models on one picture.
    ///
    /// # Errors
    ///
    /// As [`Model::run`].
    pub fn see(&mut self, picture: &RgbImage) -> Result<PictureFeatures> {
        let mut seen = PictureFeatures { features: Vec::new(), latents: Vec::new() };
        for copy in copies(picture, self.size) {
            seen.features.push(self.image_encoder.embed(&copy)?);
            seen.latents.push(self.encode(&from_rgb(&copy))?);
        }
        Ok(seen)
    }

    /// Prepares one of `captions`, without its picture's features and latents.
    ///
    /// # Errors
    ///
    /// As [`Prepare::examples`].
    pub fn example(
        &mut self,
        caption: &Caption,
        captions: &[Caption],
        wording: &Wording,
        contrast: ContrastAxis,
    ) -> Result<Example> {
        let mut rivals = Vec::new();
        for text in wording.rivals(caption, captions, contrast) {
            rivals.push(self.tokens(&text)?);
        }
        if rivals.is_empty() {
            let others = if contrast == ContrastAxis::Styles { "look" } else { "category" };
            return Err(Error::invalid(format!(
                "there is no other {others} to tell \"{}\" apart from",
                caption.category
            ))
            .hint(format!("add pictures of another {others}")));
        }
        let stock = template::fill(&wording.category, &[("category", &caption.category)]);
        let prompt = self.tokens(&wording.prompt(caption))?;
        Ok(Example { features: Vec::new(), latents: Vec::new(), prompt, rivals, states: self.encoder.states(&stock)? })
    }

    fn tokens(&self, text: &str) -> Result<TokenIds> {
        Ok(Arc::from(self.encoder.tokens(text)?))
    }

    fn encode(&mut self, pixels: &[f32]) -> Result<Vec<f32>> {
        let (edge, LatentSpec { channels, downscale, scaling_factor, shift_factor }) =
            (self.size as usize, self.latent);
        let side = (self.size / downscale) as usize;
        let inputs = [("sample", Input::F32(pixels, &[1, 3, edge, edge]))];
        let sample = self.vae_encoder.run(&inputs, &[("latent_sample", &[1, channels, side, side])])?.concat();
        Ok(sample.into_iter().map(|x| ((f64::from(x) - shift_factor) * scaling_factor) as f32).collect())
    }
}

impl Wording {
    /// Returns a caption's prompt for the trained encoder.
    pub fn prompt(&self, caption: &Caption) -> String {
        self.of(&caption.category, &caption.style)
    }

    fn of(&self, category: &str, style: &str) -> String {
        describe(&self.prompt, category, style)
    }

    /// Returns the prompts that `caption` is contrasted with, from `captions` and the bundle's own styles.
    fn rivals(&self, caption: &Caption, captions: &[Caption], contrast: ContrastAxis) -> Vec<String> {
        let mut rivals: Vec<String> = match contrast {
            ContrastAxis::Styles => {
                let stock = template::fill(&self.category, &[("category", &caption.category)]);
                let others = self.looks.iter().filter(|(name, _)| *name != caption.style);
                let described = others.map(|(_, look)| {
                    template::fill(
                        &self.described,
                        &[("prompt", &stock), ("look", look), ("category", &caption.category)],
                    )
                });
                let brands =
                    captions.iter().filter(|l| l.style != caption.style).map(|l| self.of(&caption.category, &l.style));
                described.chain(brands).collect()
            }
            ContrastAxis::Categories => {
                let others = captions.iter().map(|l| &l.category).chain(&self.things);
                others.map(|category| self.of(category, &caption.style)).collect()
            }
        };
        rivals.sort_unstable();
        rivals.dedup();
        rivals.retain(|text| *text != self.prompt(caption));
        rivals
    }
}

/// Returns the picture padded to a square of `size` pixels on white, and four copies moved by a thirty-second of that.
fn copies(image: &RgbImage, size: u32) -> Vec<RgbImage> {
    let (width, height) = image.dimensions();
    let longest = width.max(height).max(1);
    let scaled = |side: u32| (side * size).div_ceil(longest).clamp(1, size);
    let (w, h) = (scaled(width), scaled(height));
    let fitted =
        if (w, h) == (width, height) { image.clone() } else { imageops::resize(image, w, h, FilterType::CatmullRom) };
    let step = i64::from((size / 32).max(1));
    let (left, top) = (i64::from((size - w) / 2), i64::from((size - h) / 2));
    let moved = |(dx, dy): (i64, i64)| {
        let mut canvas = RgbImage::from_pixel(size, size, Rgb([255; 3]));
        imageops::overlay(&mut canvas, &fitted, left + dx, top + dy);
        canvas
    };
    [(0, 0), (step, 0), (-step, 0), (0, step), (0, -step)].map(moved).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caption(category: &str, style: &str) -> Caption {
        Caption { category: category.into(), style: style.into() }
    }

    #[test]
    fn rivals_differ_only_along_the_contrasted_axis() {
        let wording = Wording {
            prompt: "a {category} emoji in {style} style".into(),
            category: "a {category} emoji".into(),
            described: "{prompt}, {look}".into(),
            looks: vec![("flat".into(), "bold shapes".into()), ("acme".into(), "its own look".into())],
            things: vec!["cat".into(), "fox".into()],
        };
        let captions = [caption("fox", "acme"), caption("owl", "acme"), caption("fox", "brand")];
        let rivals = |contrast| wording.rivals(&captions[0], &captions, contrast);
        assert_eq!(rivals(ContrastAxis::Styles), ["a fox emoji in brand style", "a fox emoji, bold shapes"]);
        assert_eq!(rivals(ContrastAxis::Categories), ["a cat emoji in acme style", "a owl emoji in acme style"]);
    }

    #[test]
    fn copies_are_square_on_white_and_moved() {
        let image = RgbImage::from_pixel(64, 32, Rgb([9, 9, 9]));
        let copies = copies(&image, 64);
        assert!(copies.len() == 5 && copies.iter().all(|c| c.dimensions() == (64, 64)));
        assert_eq!((copies[0].get_pixel(5, 15).0, copies[0].get_pixel(5, 16).0), ([255; 3], [9; 3]));
        assert_eq!((copies[1].get_pixel(1, 20).0, copies[1].get_pixel(2, 20).0), ([255; 3], [9; 3]));
    }
}
