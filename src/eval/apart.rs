//! How far whole sets of images lie apart, with how sure that is. Pure.
//!
//! In: embeddings of both arms and of the references. Out: [`Distribution`] rows: KID, CMMD, and FID or its refusal.
//! Always holds: large sets are drawn from, with the seed, so that time and memory stay bounded. For KID and FID each vector is
//! first brought to the length √width, the mean square 1 that their kernels expect: an evaluator's embedding has any length.

use super::evaluation::{Distribution, Settings};
use super::metrics::{self, KID_SUBSET, Kernel, unit};
use super::stats::{Random, deviation};

/// Resamples of a distance: its spread is wanted, not its tails.
const RESAMPLES: u32 = 400;
/// How many standard errors an interval of 95 % goes either way.
const Z: f64 = 1.959_964;

/// A named set of embeddings.
pub type Set<'a> = (&'a str, Vec<&'a [f32]>);

/// Every distance between each two sets that are there.
pub fn distances(sets: &[Set<'_>], settings: &Settings) -> Vec<Distribution> {
    let scaled: Vec<(&str, Vec<Vec<f32>>)> =
        sets.iter().map(|(name, set)| (*name, set.iter().filter_map(|v| scale(v)).collect())).collect();
    let sets: Vec<Set<'_>> = scaled.iter().map(|(name, set)| (*name, set.iter().map(Vec::as_slice).collect())).collect();
    let mut rows = Vec::new();
    for (i, a) in sets.iter().enumerate() {
        for b in &sets[i + 1..] {
            if !a.1.is_empty() && !b.1.is_empty() {
                rows.extend(between(a, b, settings));
            }
        }
    }
    rows
}

/// The vector at length √width; `None` if it has none.
fn scale(vector: &[f32]) -> Option<Vec<f32>> {
    let length = (vector.len() as f64).sqrt();
    Some(unit(vector)?.into_iter().map(|x| (x * length) as f32).collect())
}

fn between(a: &Set<'_>, b: &Set<'_>, settings: &Settings) -> [Distribution; 3] {
    let row = |metric: &str, outcome: Result<(f64, Option<f64>), String>| {
        let (value, error) = match &outcome {
            Ok((value, error)) => (Some(*value), *error),
            Err(_) => (None, None),
        };
        let end = |sign: f64| Some(value? + sign * Z * error?);
        Distribution {
            metric: metric.into(),
            from: a.0.into(),
            to: b.0.into(),
            from_images: a.1.len(),
            to_images: b.1.len(),
            value,
            // A squared distance is not below 0; KID's estimate of it may be.
            low: end(-1.0).map(|low| if metric == "cmmd" { low.max(0.0) } else { low }),
            high: end(1.0),
            refused: outcome.err(),
        }
    };
    let (few_a, few_b) = (drawn(&a.1, settings.seed), drawn(&b.1, settings.seed.wrapping_add(1)));
    let same_space = few_a.iter().chain(&few_b).all(|vector| vector.len() == few_a[0].len());
    let kernel = |kernel: Kernel| {
        if !same_space {
            return Err("the vectors of the two sets do not belong to one space".to_owned());
        }
        let distance = kernel.between(&few_a, &few_b).ok_or("a set has fewer than two images")?;
        let mut random = Random::new(settings.seed);
        let drawn: Vec<f64> = (0..RESAMPLES).filter_map(|_| distance.resampled(&mut random)).collect();
        Ok((distance.value(), deviation(&drawn)))
    };
    let fid = metrics::fid(&a.1, &b.1).map(|value| (value, None));
    [row("kid", kernel(Kernel::Polynomial)), row("cmmd", kernel(Kernel::Gaussian)), row("fid", fid)]
}

/// At most [`KID_SUBSET`] of the vectors, each as likely as any other.
fn drawn<'a>(vectors: &[&'a [f32]], seed: u64) -> Vec<&'a [f32]> {
    let mut all = vectors.to_vec();
    let mut random = Random::new(seed);
    for i in 0..KID_SUBSET.min(all.len()) {
        let other = i + random.below(all.len() - i);
        all.swap(i, other);
    }
    all.truncate(KID_SUBSET);
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::evaluate::settings;

    #[test]
    fn sets_are_compared_or_refused_with_a_reason() {
        let set = |shift: f32| -> Vec<Vec<f32>> {
            let mut random = Random::new(5 + shift as u64);
            (0..40).map(|_| (0..4).map(|_| random.below(100) as f32 / 50.0 + shift).collect()).collect()
        };
        let (a, b, other) = (set(0.0), set(3.0), vec![vec![1.0f32; 7]; 5]);
        let views = |set: &'_ [Vec<f32>]| -> Vec<Vec<f32>> { set.to_vec() };
        let (a, b) = (views(&a), views(&b));
        let view = |set: &'static str, of: &'_ Vec<Vec<f32>>| (set, of.clone());
        let all = [view("in_house", &a), view("outsourced", &b), view("references", &other)];
        let sets: Vec<Set<'_>> = all.iter().map(|(name, set)| (*name, set.iter().map(Vec::as_slice).collect())).collect();
        let rows = distances(&sets, &settings());
        assert_eq!(rows.len(), 9);
        let kid = &rows[0];
        assert!(kid.metric == "kid" && kid.low.unwrap() < kid.value.unwrap() && kid.value.unwrap() < kid.high.unwrap());
        assert!(kid.low.unwrap() > 0.0, "they are far apart");
        assert!(rows[2].refused.as_ref().unwrap().contains("40 images") && rows[2].value.is_none());
        assert!(rows[3].refused.as_ref().unwrap().contains("one space"));
    }
}
