//! Everything that is said of a finished picture: the independent evaluator's scores, its fingerprint, and how far the bundle's
//! own CLIP finds the prompt in it.
//!
//! In: a picture and what was asked for. Out: [`Scores`], as sidecars keep them. What always holds: each picture is judged
//! alone, a bought one exactly as one of ours; CLIP's agreement is only reported, as that CLIP guided the picture.

use std::collections::HashMap;
use std::time::Instant;

use image::RgbImage;

use crate::appearance::{Fingerprint, Vector};
use crate::base::error::{Error, Result};
use crate::pipeline::bundle::Bundle;
use crate::pipeline::image_encoder::ImageEncoder;
use crate::pipeline::runtime::Runtime;
use crate::pipeline::score::{Evaluator, Score};
use crate::pipeline::scores::Scores;
use crate::pipeline::session::{SessionSettings, Stop};
use crate::pipeline::text_encoder::Encoder;
use crate::plan::Unscored;

/// Prompts whose embedding is remembered.
const CACHE: usize = 1_024;

/// What a picture was meant to be.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The style, by the evaluator's name for it.
    pub style: &'a str,
    /// The category, likewise.
    pub category: &'a str,
    /// The category's prompt.
    pub prompt: &'a str,
}

impl<'a> From<&'a Unscored> for Wanted<'a> {
    fn from(Unscored { style, category, prompt, .. }: &'a Unscored) -> Self {
        Self { style, category, prompt }
    }
}

/// A bundle's evaluator and, if it has one, its image tower.
pub struct Judge {
    evaluator: Evaluator,
    tower: Option<ImageEncoder>,
    texts: HashMap<String, Vec<f32>>,
}

impl Judge {
    /// Loads it, if the bundle has an evaluator.
    pub fn load(bundle: &Bundle, runtime: &Runtime, settings: &SessionSettings, stop: &Stop) -> Result<Option<Self>> {
        let Some(evaluator) = Evaluator::load(bundle, runtime, settings, stop)? else { return Ok(None) };
        let tower = ImageEncoder::load(bundle, runtime, settings, stop)?;
        Ok(Some(Self { evaluator, tower, texts: HashMap::new() }))
    }

    /// The evaluator's view alone.
    pub fn score(&mut self, image: &RgbImage) -> Result<Score> {
        self.evaluator.score(image)
    }

    /// Everything, and the seconds it took.
    pub fn scores(&mut self, encoder: &mut Encoder, wanted: Wanted<'_>, image: &RgbImage) -> Result<(Scores, f64)> {
        let start = Instant::now();
        let score = self.evaluator.score(image)?;
        let agreement = match &mut self.tower {
            None => None,
            Some(tower) => {
                if !self.texts.contains_key(wanted.prompt) {
                    if self.texts.len() >= CACHE {
                        self.texts.clear();
                    }
                    self.texts.insert(wanted.prompt.to_owned(), encoder.embedding(wanted.prompt)?);
                }
                let seen = tower.embed(image)?;
                self.texts.get(wanted.prompt).and_then(|text| cosine(text, &seen))
            }
        };
        Ok((in_words(&score, wanted, agreement), start.elapsed().as_secs_f64()))
    }
}

/// A judge with a text encoder of its own, for pictures that nobody here draws.
pub struct Critic {
    judge: Judge,
    encoder: Encoder,
}

impl Critic {
    /// Loads the models that judging takes, and no other.
    pub fn load(bundle: &Bundle, runtime: &Runtime, settings: &SessionSettings) -> Result<Self> {
        let stop = Stop::new(runtime)?;
        let judge = Judge::load(bundle, runtime, settings, &stop)?.ok_or_else(|| {
            Error::invalid(format!("the bundle {} has no evaluator, so nothing can be scored", bundle.manifest().name))
                .hint("evaluate with a bundle that has one")
        })?;
        Ok(Self { judge, encoder: Encoder::load(bundle, runtime, settings, &stop)? })
    }

    /// What is said of a picture.
    pub fn scores(&mut self, wanted: Wanted<'_>, image: &RgbImage) -> Result<Scores> {
        Ok(self.judge.scores(&mut self.encoder, wanted, image)?.0)
    }
}

fn in_words(score: &Score, wanted: Wanted<'_>, agreement: Option<f32>) -> Scores {
    let marks = score.of(wanted.style, wanted.category);
    let likeliest = |top: Vec<(&str, f32)>| top.first().map_or_else(String::new, |(name, _)| (*name).to_owned());
    Scores {
        style: marks.style,
        category: marks.category,
        style_found: likeliest(score.top_styles(1)),
        category_found: likeliest(score.top_categories(1)),
        category_rank: marks.category_rank.and_then(|rank| u32::try_from(rank).ok()),
        agreement,
        fingerprint: Some(Fingerprint { styles: Vector::new(&score.styles), embedding: Vector::new(&score.embedding) }),
    }
}

/// `None` where either is zero or they do not belong to one space.
fn cosine(a: &[f32], b: &[f32]) -> Option<f32> {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>();
    let lengths = (dot(a, a) * dot(b, b)).sqrt();
    (a.len() == b.len() && lengths > 0.0).then(|| (dot(a, b) / lengths) as f32)
}

#[cfg(test)]
mod tests {
    use super::cosine;

    #[test]
    fn agreement_is_an_angle_or_nothing() {
        assert_eq!(cosine(&[1.0, 0.0], &[2.0, 0.0]), Some(1.0));
        assert_eq!(cosine(&[1.0, 0.0], &[0.0, 3.0]), Some(0.0));
        assert!(cosine(&[0.0, 0.0], &[1.0, 0.0]).is_none() && cosine(&[1.0], &[1.0, 0.0]).is_none());
    }
}
