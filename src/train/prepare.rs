//! From reference pictures to [`Example`]s: everything that frozen models say about them, once.
//!
//! In: pictures with their category and style, and a bundle. Out: image features and latents of a few slightly moved copies,
//! token ids of each picture's prompt and of what it must be told apart from, and the stock encoder's states of its category.
//! What always holds: pictures are seen as the bundle draws them, square, of its size, on white.

use std::sync::Arc;

use image::imageops::{self, FilterType};
use image::{Rgb, RgbImage};

use super::batch::{Example, Tokens};
use crate::base::error::{Error, Result};
use crate::pipeline::bundle::manifest::Latent;
use crate::pipeline::bundle::{IMAGE_ENCODER, VAE_ENCODER};
use crate::pipeline::decode::from_rgb;
use crate::pipeline::session::{Input, Model, Port, Ports};
use crate::pipeline::{ImageEncoder, ModelLoader, TextEncoder};
use crate::spec::{describe, template};

/// A reference picture in words.
#[derive(Clone, Debug)]
pub struct Lesson {
    /// What it shows, in words.
    pub category: String,
    /// The style it is an example of.
    pub style: String,
}

/// How pictures are put into words.
#[derive(Clone, Debug)]
pub struct Wording {
    /// For the trained encoder, with `{category}` and `{style}`.
    pub prompt: String,
    /// For the stock encoder, with `{category}`.
    pub category: String,
    /// Looks, with `{prompt}` and `{look}`: how rivals are described.
    pub described: String,
    /// The bundle's own styles: name and look.
    pub looks: Vec<(String, String)>,
    /// Further things that a thing must be told apart from, in words.
    pub things: Vec<String>,
}

/// What the frozen models say about a picture.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The image tower's feature of the picture and of each slightly moved copy.
    pub features: Vec<Vec<f32>>,
    /// The scaled latents of the same.
    pub latents: Vec<Vec<f32>>,
}

/// What an example must be told apart from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contrast {
    /// The same thing in other looks.
    Looks,
    /// Other things in the same look.
    Things,
}

/// The frozen models that look at pictures.
pub struct Prepare {
    encoder: TextEncoder,
    image_encoder: ImageEncoder,
    vae_encoder: Model,
    size: u32,
    latent: Latent,
}

impl Prepare {
    /// Loads them.
    pub fn load(loader: &ModelLoader) -> Result<Self> {
        let spec = loader.spec();
        let size = spec.sizes.first().copied().unwrap_or_default();
        let missing = |file: &str| {
            Error::invalid(format!("the bundle {} has no {file}", loader.bundle().manifest().name))
                .hint("few-shot training needs a bundle with image tower and VAE encoder")
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

    /// Looks at every lesson; `picture` is asked for one at a time, as large ones would not all fit into memory. A lesson that
    /// nothing could be told apart from is an error: there would be nothing to learn.
    pub fn examples(
        &mut self,
        lessons: &[Lesson],
        wording: &Wording,
        contrast: Contrast,
        picture: &mut dyn FnMut(usize) -> Result<RgbImage>,
    ) -> Result<Vec<Example>> {
        let mut examples = Vec::with_capacity(lessons.len());
        for (i, lesson) in lessons.iter().enumerate() {
            // What nothing can be learned from is refused before the next picture is looked at.
            let example = self.example(lesson, lessons, wording, contrast)?;
            let Seen { features, latents } = self.see(&picture(i)?)?;
            examples.push(Example { features, latents, ..example });
        }
        Ok(examples)
    }

    /// Looks at one picture.
    pub fn see(&mut self, picture: &RgbImage) -> Result<Seen> {
        let mut seen = Seen { features: Vec::new(), latents: Vec::new() };
        for copy in copies(picture, self.size) {
            seen.features.push(self.image_encoder.embed(&copy)?);
            seen.latents.push(self.encode(&from_rgb(&copy))?);
        }
        Ok(seen)
    }

    /// One of `lessons` in words; its picture is still to be looked at.
    pub fn example(&mut self, lesson: &Lesson, lessons: &[Lesson], wording: &Wording, contrast: Contrast) -> Result<Example> {
        let mut rivals = Vec::new();
        for text in wording.rivals(lesson, lessons, contrast) {
            rivals.push(self.tokens(&text)?);
        }
        if rivals.is_empty() {
            let others = if contrast == Contrast::Looks { "look" } else { "category" };
            return Err(Error::invalid(format!("there is no other {others} to tell \"{}\" apart from", lesson.category))
                .hint(format!("add pictures of another {others}")));
        }
        let stock = template::fill(&wording.category, &[("category", &lesson.category)]);
        let prompt = self.tokens(&wording.prompt(lesson))?;
        Ok(Example { features: Vec::new(), latents: Vec::new(), prompt, rivals, states: self.encoder.states(&stock)? })
    }

    fn tokens(&self, text: &str) -> Result<Tokens> {
        Ok(Arc::from(self.encoder.tokens(text)?))
    }

    fn encode(&mut self, pixels: &[f32]) -> Result<Vec<f32>> {
        let (edge, Latent { channels, downscale, scaling_factor, shift_factor }) = (self.size as usize, self.latent);
        let side = (self.size / downscale) as usize;
        let inputs = [("sample", Input::F32(pixels, &[1, 3, edge, edge]))];
        let sample = self.vae_encoder.run(&inputs, &[("latent_sample", &[1, channels, side, side])])?.concat();
        Ok(sample.into_iter().map(|x| ((f64::from(x) - shift_factor) * scaling_factor) as f32).collect())
    }
}

impl Wording {
    /// How the trained encoder is asked for a lesson.
    pub fn prompt(&self, lesson: &Lesson) -> String {
        self.of(&lesson.category, &lesson.style)
    }

    fn of(&self, category: &str, style: &str) -> String {
        describe(&self.prompt, category, style)
    }

    /// What `lesson` must be told apart from, among `lessons` and the bundle's own looks.
    fn rivals(&self, lesson: &Lesson, lessons: &[Lesson], contrast: Contrast) -> Vec<String> {
        let mut rivals: Vec<String> = match contrast {
            Contrast::Looks => {
                let stock = template::fill(&self.category, &[("category", &lesson.category)]);
                let others = self.looks.iter().filter(|(name, _)| *name != lesson.style);
                let described = others.map(|(_, look)| {
                    template::fill(&self.described, &[("prompt", &stock), ("look", look), ("category", &lesson.category)])
                });
                let brands = lessons.iter().filter(|l| l.style != lesson.style).map(|l| self.of(&lesson.category, &l.style));
                described.chain(brands).collect()
            }
            Contrast::Things => {
                let others = lessons.iter().map(|l| &l.category).chain(&self.things);
                others.map(|category| self.of(category, &lesson.style)).collect()
            }
        };
        rivals.sort_unstable();
        rivals.dedup();
        rivals.retain(|text| *text != self.prompt(lesson));
        rivals
    }
}

/// The picture on white, square, `size` pixels wide, and four copies moved by a thirty-second of that.
fn copies(image: &RgbImage, size: u32) -> Vec<RgbImage> {
    let (width, height) = image.dimensions();
    let longest = width.max(height).max(1);
    let scaled = |side: u32| (side * size).div_ceil(longest).clamp(1, size);
    let (w, h) = (scaled(width), scaled(height));
    let fitted = if (w, h) == (width, height) { image.clone() } else { imageops::resize(image, w, h, FilterType::CatmullRom) };
    let step = i64::from((size / 32).max(1));
    let (left, top) = (i64::from((size - w) / 2), i64::from((size - h) / 2));
    let moved = |(dx, dy): (i64, i64)| {
        let mut paper = RgbImage::from_pixel(size, size, Rgb([255; 3]));
        imageops::overlay(&mut paper, &fitted, left + dx, top + dy);
        paper
    };
    [(0, 0), (step, 0), (-step, 0), (0, step), (0, -step)].map(moved).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lesson(category: &str, style: &str) -> Lesson {
        Lesson { category: category.into(), style: style.into() }
    }

    #[test]
    fn rivals_share_all_but_what_is_learned() {
        let wording = Wording {
            prompt: "a {category} emoji in {style} style".into(),
            category: "a {category} emoji".into(),
            described: "{prompt}, {look}".into(),
            looks: vec![("flat".into(), "bold shapes".into()), ("acme".into(), "its own look".into())],
            things: vec!["cat".into(), "fox".into()],
        };
        let lessons = [lesson("fox", "acme"), lesson("owl", "acme"), lesson("fox", "brand")];
        let rivals = |contrast| wording.rivals(&lessons[0], &lessons, contrast);
        assert_eq!(rivals(Contrast::Looks), ["a fox emoji in brand style", "a fox emoji, bold shapes"]);
        assert_eq!(rivals(Contrast::Things), ["a cat emoji in acme style", "a owl emoji in acme style"]);
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
