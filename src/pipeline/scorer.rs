//! Scores an image: the independent evaluator's probabilities, a fingerprint, and how far the bundle's own CLIP finds
//! the prompt.
//!
//! Takes an image and what was expected of it; returns [`Scores`], as sidecars keep them.
//!
//! # Invariants
//!
//! Each image is scored alone, an imported one exactly as a generated one. CLIP's agreement is only reported, never
//! used by the gate, as that CLIP guided the image.

use std::collections::HashMap;

use image::RgbImage;

use super::classifier::{Classification, Classifier};
use super::image_encoder::ImageEncoder;
use super::loader::ModelLoader;
use super::scores::Scores;
use super::text_encoder::TextEncoder;
use crate::appearance::{Fingerprint, Vector};
use crate::base::error::{Error, Result};
use crate::base::math::cosine;
use crate::plan::Unscored;

/// The number of prompts whose embedding is cached.
const CACHE: usize = 1_024;

/// The content that an image is expected to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScoringTarget<'a> {
    /// The style, by the evaluator's name for it.
    pub style: &'a str,
    /// The category, by the evaluator's name for it.
    pub category: &'a str,
    /// The category's prompt.
    pub prompt: &'a str,
}

impl<'a> From<&'a Unscored> for ScoringTarget<'a> {
    fn from(Unscored { style, category, prompt, .. }: &'a Unscored) -> Self {
        Self { style, category, prompt }
    }
}

/// The models that score images: the evaluator and, if the bundle has one, CLIP's image encoder.
pub(super) struct ScoringModels {
    classifier: Classifier,
    image_encoder: Option<ImageEncoder>,
    texts: HashMap<String, Vec<f32>>,
}

impl ScoringModels {
    /// Loads the models; `None` if the bundle has no evaluator.
    ///
    /// # Errors
    ///
    /// As [`ModelLoader::load`].
    pub fn load(loader: &ModelLoader) -> Result<Option<Self>> {
        let Some(classifier) = Classifier::load(loader)? else { return Ok(None) };
        Ok(Some(Self { classifier, image_encoder: ImageEncoder::load(loader)?, texts: HashMap::new() }))
    }

    /// Returns the evaluator's classification of an image.
    ///
    /// # Errors
    ///
    /// As [`Classifier::classify`].
    pub fn classify(&mut self, image: &RgbImage) -> Result<Classification> {
        self.classifier.classify(image)
    }

    /// Scores an image; `encoder` reads the prompt that it is compared with.
    ///
    /// # Errors
    ///
    /// As [`Classifier::classify`] and [`ImageEncoder::embed`]; also if the prompt cannot be encoded.
    pub fn score(
        &mut self,
        encoder: &mut TextEncoder,
        expected: ScoringTarget<'_>,
        image: &RgbImage,
    ) -> Result<Scores> {
        let found = self.classifier.classify(image)?;
        let agreement = match &mut self.image_encoder {
            None => None,
            Some(image_encoder) => {
                if !self.texts.contains_key(expected.prompt) {
                    if self.texts.len() >= CACHE {
                        self.texts.clear();
                    }
                    self.texts.insert(expected.prompt.to_owned(), encoder.embedding(expected.prompt)?);
                }
                let embedding = image_encoder.embed(image)?;
                self.texts.get(expected.prompt).and_then(|text| cosine(text, &embedding)).map(|cosine| cosine as f32)
            }
        };
        Ok(record(&found, expected, agreement))
    }
}

/// Scores images without generating any: the evaluator with a text encoder of its own.
pub(crate) struct Scorer {
    models: ScoringModels,
    encoder: TextEncoder,
}

impl Scorer {
    /// Loads only the models that scoring needs.
    ///
    /// # Errors
    ///
    /// [`Kind::Invalid`](crate::base::error::Kind::Invalid) if the bundle has no evaluator; as [`ModelLoader::load`].
    pub fn load(loader: &ModelLoader) -> Result<Self> {
        let models = ScoringModels::load(loader)?.ok_or_else(|| {
            let name = &loader.bundle().manifest().name;
            Error::invalid(format!("the bundle {name} has no evaluator, so nothing can be scored"))
                .hint("evaluate with a bundle that has one")
        })?;
        Ok(Self { models, encoder: TextEncoder::load(loader)? })
    }

    /// Scores an image against what was expected of it.
    ///
    /// # Errors
    ///
    /// As [`Classifier::classify`]; also if the prompt is longer than the text encoder takes.
    pub fn score(&mut self, expected: ScoringTarget<'_>, image: &RgbImage) -> Result<Scores> {
        self.models.score(&mut self.encoder, expected, image)
    }
}

/// Returns the scores as sidecars keep them.
fn record(found: &Classification, expected: ScoringTarget<'_>, agreement: Option<f32>) -> Scores {
    let likeliest = |top: Vec<(&str, f32)>| top.first().map_or_else(String::new, |(name, _)| (*name).to_owned());
    Scores {
        style: found.style(expected.style),
        category: found.category(expected.category),
        style_found: likeliest(found.top_styles(1)),
        category_found: likeliest(found.top_categories(1)),
        category_rank: found.category_rank(expected.category).and_then(|rank| u32::try_from(rank).ok()),
        agreement,
        fingerprint: Some(Fingerprint { styles: Vector::new(&found.styles), embedding: Vector::new(&found.embedding) }),
    }
}
