//! How far whole sets of images lie apart, with how sure that is. Pure.
//!
//! Takes embeddings of both arms and of the references, one by one. Returns [`Distribution`] rows: KID, CMMD, and FID
//! or its refusal.
//!
//! # Invariants
//!
//! Of a set its moments and a draw of bounded size stay, by the seed, so that neither time nor memory grows with it.
//! For KID and FID each vector is first brought to the length √width, the mean square 1 that their kernels expect: an
//! evaluator's embedding has any length.

use crate::eval::evaluation::{Distribution, StatisticsSettings};
use crate::eval::metrics::{self, KID_SUBSET, Kernel, Moments, unit};
use crate::eval::stats::{Random, deviation};

/// Resamples of a distance: its spread is wanted, not its tails.
const RESAMPLES: u32 = 400;
/// How many standard errors an interval of 95 % goes either way.
const Z: f64 = 1.959_964;

/// What is kept of a set of embeddings, however large.
#[derive(Clone, Debug)]
pub(crate) struct VectorSample {
    moments: Moments,
    /// [`KID_SUBSET`] of the vectors, each as likely as any other.
    drawn: Vec<Vec<f32>>,
    random: Random,
}

impl VectorSample {
    /// Creates an empty sample; the seed decides which vectors are kept.
    pub fn new(seed: u64) -> Self {
        Self { moments: Moments::default(), drawn: Vec::new(), random: Random::new(seed) }
    }

    /// Adds an embedding; a vector of length 0 is ignored.
    ///
    /// J. S. Vitter, "Random sampling with a reservoir", ACM Transactions on Mathematical Software 11 (1985),
    /// algorithm R.
    pub fn take(&mut self, embedding: &[f32]) {
        let Some(vector) = scale(embedding) else { return };
        self.moments.take(&vector);
        if self.drawn.len() < KID_SUBSET {
            self.drawn.push(vector);
        } else if let Some(place) = self.drawn.get_mut(self.random.below(self.moments.images())) {
            *place = vector;
        }
    }
}

/// A set of vectors and its name.
pub(crate) type VectorSet = (&'static str, VectorSample);

/// Every distance between each two sets that are there.
pub fn distances(sets: &[VectorSet], settings: &StatisticsSettings) -> Vec<Distribution> {
    let mut rows = Vec::new();
    for (i, a) in sets.iter().enumerate() {
        for b in &sets[i + 1..] {
            if !a.1.drawn.is_empty() && !b.1.drawn.is_empty() {
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

fn between((from, a): &VectorSet, (to, b): &VectorSet, settings: &StatisticsSettings) -> [Distribution; 3] {
    let row = |metric: &str, outcome: Result<(f64, Option<f64>), String>| {
        let (value, error) = match &outcome {
            Ok((value, error)) => (Some(*value), *error),
            Err(_) => (None, None),
        };
        let end = |sign: f64| Some(value? + sign * Z * error?);
        Distribution {
            metric: metric.into(),
            from: (*from).into(),
            to: (*to).into(),
            from_images: a.moments.images(),
            to_images: b.moments.images(),
            value,
            // A squared distance is not below 0; KID's estimate of it may be.
            low: end(-1.0).map(|low| if metric == "cmmd" { low.max(0.0) } else { low }),
            high: end(1.0),
            refused: outcome.err(),
        }
    };
    let [few_a, few_b] = [a, b].map(|sample| sample.drawn.iter().map(Vec::as_slice).collect::<Vec<_>>());
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
    let fid = metrics::fid(&a.moments, &b.moments).map(|value| (value, None));
    [row("kid", kernel(Kernel::Polynomial)), row("cmmd", kernel(Kernel::Gaussian)), row("fid", fid)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::run::settings;

    #[test]
    fn sets_are_compared_or_refused_with_a_reason() {
        let set = |shift: f32, width: usize| {
            let (mut random, mut sample) = (Random::new(5 + shift as u64), VectorSample::new(1));
            for _ in 0..40 {
                let vector: Vec<f32> = (0..width).map(|_| random.below(100) as f32 / 50.0 + shift).collect();
                sample.take(&vector);
            }
            sample
        };
        let sets = [("in_house", set(0.0, 4)), ("outsourced", set(3.0, 4)), ("references", set(0.0, 7))];
        let rows = distances(&sets, &settings());
        assert_eq!(rows.len(), 9);
        let kid = &rows[0];
        assert!(kid.metric == "kid" && kid.low.unwrap() < kid.value.unwrap() && kid.value.unwrap() < kid.high.unwrap());
        assert!(kid.low.unwrap() > 0.0, "they are far apart");
        assert!(rows[2].refused.as_ref().unwrap().contains("40 images") && rows[2].value.is_none());
        assert!(rows[3].refused.as_ref().unwrap().contains("one space"));
    }
    #[test]
    fn of_a_large_set_each_is_as_likely_to_be_drawn() {
        let count = 20 * KID_SUBSET;
        let mut sample = VectorSample::new(3);
        (0..count).for_each(|i| sample.take(&[1.0, i as f32 / count as f32]));
        assert_eq!((sample.drawn.len(), sample.moments.images()), (KID_SUBSET, count));
        let of_second_half = sample.drawn.iter().filter(|v| v[1] / v[0] >= 0.5).count();
        assert!((200..300).contains(&of_second_half), "{of_second_half} of {KID_SUBSET}");
    }
}
