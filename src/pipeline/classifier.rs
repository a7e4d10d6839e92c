//! The evaluator's classifier: how probable each style and each category is for an image.
//!
//! Takes an image; returns a [`Classification`].
//!
//! # Invariants
//!
//! The evaluator never guides what it scores. Every image is classified alone, so a result does not depend on its
//! neighbours.

use std::sync::Arc;

use image::RgbImage;

use super::bundle::EVALUATOR;
use super::decode::fitted;
use super::loader::ModelLoader;
use super::session::{Input, Model, Port, Ports};
use crate::base::error::{Error, Kind, Result};

/// The classes an evaluator knows, in logit order.
#[derive(Debug, PartialEq, Eq)]
pub struct Classes {
    /// The style classes.
    pub styles: Vec<String>,
    /// The category classes.
    pub categories: Vec<String>,
}

/// The classifier's result for one image.
#[derive(Clone, Debug, PartialEq)]
pub struct Classification {
    /// The probability of each style, in the order of `classes`.
    pub styles: Vec<f32>,
    /// The probability of each category, in the order of `classes`.
    pub categories: Vec<f32>,
    /// The image's embedding.
    pub embedding: Vec<f32>,
    /// The classes that the probabilities belong to.
    pub classes: Arc<Classes>,
}

impl Classification {
    /// Returns the probability of a style; `None` if the evaluator does not know it.
    pub fn style(&self, name: &str) -> Option<f32> {
        probability(&self.classes.styles, &self.styles, name)
    }

    /// Returns the probability of a category; `None` if the evaluator does not know it.
    pub fn category(&self, name: &str) -> Option<f32> {
        probability(&self.classes.categories, &self.categories, name)
    }

    /// Returns the rank of a category among all by probability, from 1; `None` if the evaluator does not know it.
    pub fn category_rank(&self, name: &str) -> Option<usize> {
        let own = self.category(name)?;
        Some(1 + self.categories.iter().filter(|other| **other > own).count())
    }

    /// Returns the `count` most probable styles.
    pub fn top_styles(&self, count: usize) -> Vec<(&str, f32)> {
        top(&self.classes.styles, &self.styles, count)
    }

    /// Returns the `count` most probable categories.
    pub(crate) fn top_categories(&self, count: usize) -> Vec<(&str, f32)> {
        top(&self.classes.categories, &self.categories, count)
    }
}

/// A bundle's evaluator model.
pub struct Classifier {
    model: Model,
    size: u32,
    width: usize,
    classes: Arc<Classes>,
}

impl Classifier {
    /// Loads the evaluator; `None` if the bundle has none.
    ///
    /// # Errors
    ///
    /// As [`ModelLoader::load`].
    pub fn load(loader: &ModelLoader) -> Result<Option<Self>> {
        let spec = loader.spec();
        let Some(evaluator) = &spec.evaluator else { return Ok(None) };
        let classes = Classes { styles: evaluator.styles.clone(), categories: spec.categories.clone() };
        let edge = Some(evaluator.size as usize);
        let inputs = [Port::f32("pixel_values", [None, Some(3), edge, edge])];
        let outputs = [
            Port::f32("style_logits", [None, Some(classes.styles.len())]),
            Port::f32("category_logits", [None, Some(classes.categories.len())]),
            Port::f32("embedding", [None, None]),
        ];
        let model = loader.load(EVALUATOR, Ports { inputs: &inputs, outputs: &outputs })?;
        let width = model.output_axis("embedding", 1);
        let width = width
            .ok_or_else(|| Error::invalid(format!("{EVALUATOR}: the width of output \"embedding\" is not fixed")))?;
        Ok(Some(Self { model, size: evaluator.size, width, classes: Arc::new(classes) }))
    }

    /// Classifies one image; an image of another size than the evaluator's is resized first.
    ///
    /// # Errors
    ///
    /// [`Kind::Permanent`] if an output is not finite; as [`Model::run`] if the model fails.
    pub fn classify(&mut self, image: &RgbImage) -> Result<Classification> {
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
        let (styles, categories) = (softmax(&style), softmax(&category));
        Ok(Classification { styles, categories, embedding, classes: Arc::clone(&self.classes) })
    }
}

fn probability(names: &[String], probabilities: &[f32], name: &str) -> Option<f32> {
    names.iter().position(|known| known == name).and_then(|i| probabilities.get(i).copied())
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

    fn classification() -> Classification {
        let names = |list: &[&str]| list.iter().map(|name| name.to_string()).collect();
        Classification {
            styles: softmax(&[2.0, 0.0]),
            categories: softmax(&[0.0, 3.0, 1.0]),
            embedding: vec![],
            classes: Arc::new(Classes { styles: names(&["flat", "line"]), categories: names(&["fox", "owl", "cat"]) }),
        }
    }

    #[test]
    fn probabilities_and_ranks_are_those_of_the_named_class() {
        let found = classification();
        assert!((found.style("flat").unwrap() - 0.880_797).abs() < 1e-5);
        assert_eq!(found.category_rank("cat"), Some(2));
        assert_eq!(
            (found.style("unknown"), found.category("unknown"), found.category_rank("unknown")),
            (None, None, None)
        );
    }

    #[test]
    fn the_most_probable_come_first() {
        let found = classification();
        assert_eq!(found.top_categories(2).iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["owl", "cat"]);
        assert_eq!(found.top_styles(5).len(), 2);
    }

    #[test]
    fn large_logits_do_not_overflow() {
        assert_eq!(softmax(&[1e30, 0.0]), [1.0, 0.0]);
    }
}
