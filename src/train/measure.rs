//! How well a version draws: pictures of the set's own things, judged by the bundle's independent evaluator.
//!
//! In: a pipeline that holds the version. Out: scores by name, for the card and for promotion: `style` (share of pictures in which
//! the evaluator finds the style), `category` (share whose category is among its first five), `pictures`. What always holds: a
//! style that the evaluator does not know has no score; the seeds are the same for every version of a style.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use crate::error::Result;
use crate::pipeline::{Bundle, Pipeline, Request};
use crate::plan::Prompts;
use crate::spec::{Digest, Guidance, Reference, Sampler, StyleScale, StyleSet, describe, template, words};

/// Pictures that are drawn at most.
const PICTURES: usize = 48;
/// Pictures denoised together.
const BATCH: usize = 16;
/// Key of the measuring pictures' noise.
const SEED: u64 = 20_250_216;

/// Draws and judges; `stop` is asked at every step.
pub fn measure(
    pipeline: &mut Pipeline,
    bundle: &Bundle,
    set: &StyleSet,
    references: &[Reference],
    version: &Digest,
    stop: &dyn Fn() -> bool,
) -> Result<BTreeMap<String, f64>> {
    let facts = bundle.facts();
    let spec = &bundle.manifest().spec;
    let mut categories: Vec<&str> = references.iter().filter_map(|r| facts.category(&r.category)).collect();
    categories.sort_unstable();
    categories.dedup();
    let rounds = PICTURES.div_ceil(categories.len().max(1));
    let asked: Vec<&str> = categories.iter().copied().cycle().take((categories.len() * rounds).min(PICTURES)).collect();
    let size = spec.sizes.first().copied().unwrap_or_default();
    let request = |(i, category): (usize, &&str)| {
        let words = words(category);
        let prompts = Prompts {
            category: template::fill(&spec.prompt.category, &[("category", &words)]),
            style: describe(&set.prompt, category, set.name.as_str()),
            negative: String::new(),
        };
        Request {
            prompts,
            seed: SEED + i as u64,
            attempt: 1,
            size,
            sampler: Sampler::default(),
            guidance: Guidance { style_scale: StyleScale::Uniform(set.training.style_scale as f32), ..Guidance::default() },
            style_encoder: Some(version.clone()),
            category_encoder: None,
        }
    };
    let requests: Vec<Request> = asked.iter().enumerate().map(request).collect();
    let (mut style, mut category, mut seen) = (0usize, 0usize, 0usize);
    for (requests, asked) in requests.chunks(BATCH).zip(asked.chunks(BATCH)) {
        let pictures =
            pipeline.generate(requests, &mut |_| if stop() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })?;
        for (picture, asked) in pictures.into_iter().zip(asked) {
            let Ok(picture) = picture else { continue }; // not finite: nothing to judge
            for score in pipeline.score(&[picture.image])? {
                let score = score?;
                seen += 1;
                style += usize::from(score.top_styles(1).first().is_some_and(|(name, _)| *name == set.name.as_str()));
                category += usize::from(score.top_categories(5).iter().any(|(name, _)| name == asked));
            }
        }
    }
    let share = |count: usize| count as f64 / seen.max(1) as f64;
    let mut scores = BTreeMap::from([("pictures".to_owned(), seen as f64)]);
    let known = spec.evaluator.as_ref().is_some_and(|evaluator| evaluator.styles.iter().any(|s| s == set.name.as_str()));
    if known && seen > 0 {
        scores.insert("style".into(), share(style));
    }
    if seen > 0 {
        scores.insert("category".into(), share(category));
    }
    Ok(scores)
}
