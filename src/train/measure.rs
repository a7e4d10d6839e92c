//! Measurement of a trained version: generates images with it, which the bundle's independent evaluator scores.
//!
//! Takes a pipeline that has adopted the version, and the categories to draw; returns [`PictureMarks`] image by
//! image, and mean scores by name for the card and for promotion: `style` (share of images in which the evaluator
//! finds the style), `consistency` (cosine of the evaluator's embedding with that of the brand's own pictures),
//! `category` (share whose category is among the five most probable), `pictures` (their number).
//!
//! # Invariants
//!
//! A style that the evaluator does not know has no `style`. The seeds are the same for every version, so that two can
//! be compared brief by brief.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use crate::base::digest::Digest;
use crate::base::error::Result;
use crate::base::names::Name;
use crate::base::version::Branch;
use crate::pipeline::bundle::manifest;
use crate::pipeline::{Bundle, Pipeline, Request};
use crate::plan::Prompts;
use crate::spec::{Guidance, Sampler, StyleScale, describe, template, words};
use crate::train::probe::{dot, unit};

/// The maximum number of images that are drawn.
pub const PICTURES: usize = 48;
/// The number of images denoised together.
const BATCH: usize = 16;
/// The seed of the first image; the others count up from it.
const SEED: u64 = 20_250_216;

/// The encoder that is measured, and how it is prompted.
#[derive(Clone, Copy, Debug)]
pub struct MeasuredEncoder<'a> {
    /// The brand's name.
    pub name: &'a Name,
    /// The encoder's kind: for styles or for categories.
    pub branch: Branch,
    /// The template of its prompts.
    pub prompt: &'a str,
    /// The style scale λ it was trained with.
    pub style_scale: f32,
    /// The digest of its weights, which the pipeline has adopted; `None` for the stock encoder, with the same prompts.
    pub version: Option<&'a Digest>,
    /// The mean of the evaluator's embeddings of the brand's own pictures, if known.
    pub look: Option<&'a [f32]>,
}

/// The evaluator's findings on one image, from 0 to 1 (`consistency`: a cosine).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PictureMarks {
    /// Whether the evaluator finds the style; `None` if it does not know it.
    pub style: Option<f64>,
    /// The cosine with the brand's own pictures; `None` if those are not known.
    pub consistency: Option<f64>,
    /// Whether the category is among the five most probable.
    pub category: f64,
}

/// Selects the categories to draw: evenly from all of them, or each several times if they are few.
pub fn briefs<'a>(categories: &[&'a str]) -> Vec<&'a str> {
    let count = categories.len();
    match count {
        0 => Vec::new(),
        _ if count >= PICTURES => (0..PICTURES).map(|i| categories[i * count / PICTURES]).collect(),
        _ => categories.iter().copied().cycle().take((PICTURES / count) * count).collect(),
    }
}

/// Draws and scores every brief; `None` where no image came out. `stop` is asked at every step.
///
/// # Errors
///
/// As [`Pipeline::generate`] and [`Pipeline::classify`].
pub fn draw(
    pipeline: &mut Pipeline,
    bundle: &Bundle,
    subject: MeasuredEncoder<'_>,
    briefs: &[&str],
    stop: &dyn Fn() -> bool,
) -> Result<Vec<Option<PictureMarks>>> {
    let styles = &bundle.manifest().spec.styles;
    let style_of = |i: usize| match subject.branch {
        Branch::Style => None,
        // A category encoder is drawn in all of the bundle's styles in turn.
        Branch::Category => styles.get(i % styles.len().max(1)),
    };
    let requests: Vec<Request> =
        briefs.iter().enumerate().map(|(i, category)| request(bundle, subject, i, category, style_of(i))).collect();
    let mut marks = Vec::with_capacity(briefs.len());
    for (first, requests) in (0..).step_by(BATCH).zip(requests.chunks(BATCH)) {
        let pictures = pipeline
            .generate(requests, &mut |_| if stop() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })?;
        for (i, picture) in (first..).zip(pictures) {
            let Ok(picture) = picture else {
                marks.push(None);
                continue;
            };
            let style = style_of(i).map_or(subject.name, |style| &style.name);
            let seen = pipeline.classify(&picture.image)?;
            let knows = seen.classes.styles.iter().any(|known| known == style.as_str());
            let found = seen.top_styles(1).first().is_some_and(|(name, _)| *name == style.as_str());
            let near = subject.look.map(|look| dot(&unit(&seen.embedding), &unit(look)));
            let category = seen.top_categories(5).iter().any(|(name, _)| *name == briefs[i]);
            marks.push(Some(PictureMarks {
                style: knows.then_some(f64::from(u8::from(found))),
                consistency: near.map(f64::from),
                category: f64::from(u8::from(category)),
            }));
        }
    }
    Ok(marks)
}

/// Returns the style scale at which a version has the same weight as in training. There its prompt was the style's
/// stream, at λ; a category encoder has the other stream, at 1 − λ.
fn drawn_at(branch: Branch, trained_at: f32) -> f32 {
    match branch {
        Branch::Style => trained_at,
        Branch::Category => 1.0 - trained_at,
    }
}

fn request(
    bundle: &Bundle,
    subject: MeasuredEncoder<'_>,
    i: usize,
    category: &str,
    style: Option<&manifest::BundleStyle>,
) -> Request {
    let spec = &bundle.manifest().spec;
    let words = words(category);
    let plain = template::fill(&spec.prompt.category, &[("category", &words)]);
    let spoken = describe(subject.prompt, category, subject.name.as_str());
    let scale = drawn_at(subject.branch, subject.style_scale);
    let guidance = Guidance { style_scale: StyleScale::Uniform(scale), ..Guidance::default() };
    let negative = String::new();
    let (prompts, style_encoder, category_encoder) = match style {
        None => (Prompts { category: plain, style: spoken, negative }, subject.version, None),
        Some(style) => {
            let look =
                template::fill(&spec.prompt.style, &[("prompt", &plain), ("look", &style.look), ("category", &words)]);
            (Prompts { category: spoken, style: look, negative }, None, subject.version)
        }
    };
    Request {
        prompts,
        seed: SEED + i as u64,
        attempt: 1,
        size: spec.sizes.first().copied().unwrap_or_default(),
        sampler: Sampler::default(),
        guidance,
        style_encoder: style_encoder.cloned(),
        category_encoder: category_encoder.cloned(),
    }
}

/// Returns the mean scores, by name.
pub fn scores(marks: &[Option<PictureMarks>]) -> BTreeMap<String, f64> {
    let seen: Vec<PictureMarks> = marks.iter().flatten().copied().collect();
    let mut scores = BTreeMap::from([("pictures".to_owned(), seen.len() as f64)]);
    let mut add = |name: &str, of: &dyn Fn(&PictureMarks) -> Option<f64>| {
        let values: Vec<f64> = seen.iter().filter_map(of).collect();
        if !values.is_empty() {
            scores.insert(name.into(), values.iter().sum::<f64>() / values.len() as f64);
        }
    };
    add("style", &|marks| marks.style);
    add("consistency", &|marks| marks.consistency);
    add("category", &|marks| Some(marks.category));
    scores
}

/// Returns the mean of the pictures' unit embeddings; `None` without any.
pub fn look(embeddings: &[Vec<f32>]) -> Option<Vec<f32>> {
    let sum = embeddings.iter().map(|e| unit(e)).reduce(|a, b| a.iter().zip(&b).map(|(x, y)| x + y).collect());
    sum.map(|sum| unit(&sum))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_style_scale_weighs_a_version_as_in_training() {
        for (branch, trained_at, drawn) in
            [(Branch::Style, 1.0, 1.0), (Branch::Category, 1.0, 0.0), (Branch::Category, 0.25, 0.75)]
        {
            assert_eq!(drawn_at(branch, trained_at), drawn, "{branch} {trained_at}");
        }
    }

    #[test]
    fn briefs_are_spread_evenly_and_scores_are_means_of_what_is_known() {
        let names: Vec<String> = (0..100).map(|i| i.to_string()).collect();
        let all: Vec<&str> = names.iter().map(String::as_str).collect();
        let drawn = briefs(&all);
        assert_eq!((drawn.len(), drawn[0], drawn[47]), (PICTURES, "0", "97"));
        assert_eq!((briefs(&["fox", "owl", "cat", "dog", "ant"]).len(), briefs(&[]).len()), (45, 0));
        let marks = |category| Some(PictureMarks { style: None, consistency: Some(0.5), category });
        let found = scores(&[marks(1.0), None, marks(0.0)]);
        assert_eq!((found["pictures"], found["category"], found["consistency"]), (2.0, 0.5, 0.5));
        assert_eq!(found.get("style"), None);
        assert_eq!(look(&[vec![2.0, 0.0], vec![0.0, 1.0]]).map(|l| l[0] == l[1]), Some(true));
    }
}
