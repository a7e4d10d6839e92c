//! What the independent evaluator says about a picture.
//!
//! In: an image. Out: a [`Score`]: how probable each style and each category is, and an embedding. What always holds: the
//! evaluator never guided what it scores; every picture is scored alone, so a score does not depend on its neighbours.

use std::sync::Arc;
use std::time::Instant;

use image::RgbImage;

use super::bundle::{Bundle, EVALUATOR};
use super::decode::fitted;
use super::runtime::Runtime;
use super::session::{Input, Model, Port, SessionSettings, Stop};
use crate::base::error::{Error, Kind, Result};

/// The classes an evaluator knows, in logit order.
#[derive(Debug, PartialEq, Eq)]
pub struct Classes {
    /// Styles.
    pub styles: Vec<String>,
    /// Categories.
    pub categories: Vec<String>,
}

/// One picture's score.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    /// Probability of each style, in the order of `classes`.
    pub styles: Vec<f32>,
    /// Probability of each category.
    pub categories: Vec<f32>,
    /// The evaluator's embedding of the picture.
    pub embedding: Vec<f32>,
    /// What the probabilities belong to.
    pub classes: Arc<Classes>,
    /// How long scoring took.
    pub seconds: f64,
}

/// What a score says about the style and category that were asked for; none where the evaluator does not know them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Marks {
    /// Probability of the style.
    pub style: Option<f32>,
    /// Probability of the category.
    pub category: Option<f32>,
    /// Place of the category among all, from 1.
    pub category_rank: Option<usize>,
}

impl Score {
    /// The marks for a style and a category.
    pub fn of(&self, style: &str, category: &str) -> Marks {
        let place = |names: &[String], name: &str| names.iter().position(|known| known == name);
        let style = place(&self.classes.styles, style).map(|i| self.styles[i]);
        let category = place(&self.classes.categories, category).map(|i| self.categories[i]);
        let better = |p: f32| 1 + self.categories.iter().filter(|other| **other > p).count();
        Marks { style, category, category_rank: category.map(better) }
    }

    /// The most probable styles.
    pub fn top_styles(&self, count: usize) -> Vec<(&str, f32)> {
        top(&self.classes.styles, &self.styles, count)
    }

    /// The most probable categories.
    pub fn top_categories(&self, count: usize) -> Vec<(&str, f32)> {
        top(&self.classes.categories, &self.categories, count)
    }
}

/// A bundle's evaluator.
pub struct Evaluator {
    model: Model,
    size: u32,
    width: usize,
    classes: Arc<Classes>,
}

impl Evaluator {
    /// Loads it, if the bundle has one.
    pub fn load(bundle: &Bundle, runtime: &Runtime, settings: &SessionSettings, stop: &Stop) -> Result<Option<Self>> {
        let spec = &bundle.manifest().spec;
        let Some(evaluator) = &spec.evaluator else { return Ok(None) };
        let classes = Classes { styles: evaluator.styles.clone(), categories: spec.categories.clone() };
        let edge = Some(evaluator.size as usize);
        let inputs = [Port::f32("pixel_values", [None, Some(3), edge, edge])];
        let outputs = [
            Port::f32("style_logits", [None, Some(classes.styles.len())]),
            Port::f32("category_logits", [None, Some(classes.categories.len())]),
            Port::f32("embedding", [None, None]),
        ];
        let model = Model::load(runtime, settings, stop, EVALUATOR, &bundle.read(EVALUATOR)?, (&inputs, &outputs))?;
        let width = model.output_axis("embedding", 1);
        let width =
            width.ok_or_else(|| Error::invalid(format!("{EVALUATOR}: the width of output \"embedding\" is not fixed")))?;
        Ok(Some(Self { model, size: evaluator.size, width, classes: Arc::new(classes) }))
    }

    /// Scores one picture; another size than the evaluator's is resized first.
    pub fn score(&mut self, image: &RgbImage) -> Result<Score> {
        let start = Instant::now();
        let pixels = fitted(image, self.size);
        let edge = self.size as usize;
        let inputs = [("pixel_values", Input::F32(&pixels, &[1, 3, edge, edge]))];
        let (styles, categories) = (self.classes.styles.len(), self.classes.categories.len());
        let wanted: [(&'static str, &[usize]); 3] =
            [("style_logits", &[1, styles]), ("category_logits", &[1, categories]), ("embedding", &[1, self.width])];
        let mut outputs = self.model.run(&inputs, &wanted)?.into_iter();
        let mut next = || outputs.next().unwrap_or_default();
        let (style, category, embedding) = (next(), next(), next());
        if [&style, &category, &embedding].into_iter().flatten().any(|value| !value.is_finite()) {
            return Err(Error::new(Kind::Permanent, "the evaluator's scores are not finite"));
        }
        Ok(Score {
            styles: softmax(&style),
            categories: softmax(&category),
            embedding,
            classes: self.classes.clone(),
            seconds: start.elapsed().as_secs_f64(),
        })
    }
}

fn softmax(logits: &[f32]) -> Vec<f32> {
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f64> = logits.iter().map(|logit| libm::exp(f64::from(logit - max))).collect();
    let sum: f64 = powers.iter().sum();
    powers.iter().map(|power| (power / sum) as f32).collect()
}

fn top<'a>(names: &'a [String], probabilities: &[f32], count: usize) -> Vec<(&'a str, f32)> {
    let mut ranked: Vec<(&str, f32)> = names.iter().map(String::as_str).zip(probabilities.iter().copied()).collect();
    // Equal probabilities stay in logit order, so that the list never changes between runs.
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    ranked.truncate(count);
    ranked
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score() -> Score {
        let names = |list: &[&str]| list.iter().map(|name| name.to_string()).collect();
        Score {
            styles: softmax(&[2.0, 0.0]),
            categories: softmax(&[0.0, 3.0, 1.0]),
            embedding: vec![],
            classes: Arc::new(Classes { styles: names(&["flat", "line"]), categories: names(&["fox", "owl", "cat"]) }),
            seconds: 0.0,
        }
    }

    #[test]
    fn marks_say_what_was_asked_for() {
        let marks = score().of("flat", "cat");
        assert!((marks.style.unwrap() - 0.880_797).abs() < 1e-5);
        assert_eq!(marks.category_rank, Some(2));
        assert_eq!(score().of("unknown", "unknown"), Marks::default());
    }

    #[test]
    fn the_most_probable_come_first() {
        assert_eq!(score().top_categories(2).iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["owl", "cat"]);
        assert_eq!(score().top_styles(5).len(), 2);
    }

    #[test]
    fn large_logits_do_not_overflow() {
        assert_eq!(softmax(&[1e30, 0.0]), [1.0, 0.0]);
    }
}
