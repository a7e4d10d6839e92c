//! How far two sets of images lie apart: kernel distances, which are honest for small sets.
//!
//! Takes one vector an image. Returns a distance; `None` where a set is too small.
//!
//! # Invariants
//!
//! KID's expectation is 0 for two sets of one kind, however small; a resample never compares an image with itself.

use super::{dot, unit};
use crate::eval::stats::Random;

/// Width of CMMD's kernel.
const SIGMA: f64 = 10.0;
/// CMMD is printed times this.
const SCALE: f64 = 1000.0;
/// Vectors of a set that a distance is taken of at most: larger sets are drawn from, which bounds time and memory.
pub(crate) const KID_SUBSET: usize = 500;

/// Which kernel, and with it which metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kernel {
    /// KID: the unbiased squared maximum mean discrepancy with the kernel (x·y / width + 1)³. It can lie a little
    /// below 0.
    ///
    /// M. Bińkowski et al., "Demystifying MMD GANs", ICLR 2018; as `torchmetrics.image.kid.poly_mmd`, of whole sets.
    Polynomial,
    /// CMMD: the squared maximum mean discrepancy with a Gaussian kernel of width 10 between vectors of length 1,
    /// times 1000. Published with CLIP's image embeddings; here with the evaluator's, which guided nothing.
    ///
    /// S. Jayasumana et al., "Rethinking FID: towards a better evaluation metric for image generation", CVPR 2024.
    Gaussian,
}

/// A distance that was taken, with what resampling it takes.
#[derive(Clone, Debug)]
pub(crate) struct Distance {
    kernel: Kernel,
    /// The kernel within each set and across, row by row.
    within: [Vec<f64>; 2],
    across: Vec<f64>,
    sizes: [usize; 2],
    value: f64,
}

/// KID of two sets; `None` below two vectors a set.
pub fn kid(a: &[&[f32]], b: &[&[f32]]) -> Option<f64> {
    Kernel::Polynomial.between(a, b).map(|distance| distance.value)
}

/// CMMD of two sets; `None` below two vectors a set.
pub fn cmmd(a: &[&[f32]], b: &[&[f32]]) -> Option<f64> {
    Kernel::Gaussian.between(a, b).map(|distance| distance.value)
}

impl Kernel {
    /// The distance of two sets; `None` below two vectors a set.
    pub fn between(self, a: &[&[f32]], b: &[&[f32]]) -> Option<Distance> {
        let prepare = |set: &[&[f32]]| -> Vec<Vec<f64>> {
            match self {
                Self::Polynomial => set.iter().map(|v| v.iter().map(|x| f64::from(*x)).collect()).collect(),
                Self::Gaussian => set.iter().filter_map(|v| unit(v)).collect(),
            }
        };
        let (a, b) = (prepare(a), prepare(b));
        let sizes = [a.len(), b.len()];
        if sizes.iter().any(|size| *size < 2) {
            return None;
        }
        let width = a[0].len() as f64;
        let table = |x: &[Vec<f64>], y: &[Vec<f64>]| -> Vec<f64> {
            x.iter().flat_map(|x| y.iter().map(move |y| self.of(dot(x, y), width))).collect()
        };
        let (within, across) = ([table(&a, &a), table(&b, &b)], table(&a, &b));
        let mut distance = Distance { kernel: self, within, across, sizes, value: 0.0 };
        distance.value = distance.weighted([&vec![1.0; sizes[0]], &vec![1.0; sizes[1]]], self == Self::Polynomial)?;
        Some(distance)
    }

    fn of(self, product: f64, width: f64) -> f64 {
        match self {
            Self::Polynomial => (product / width + 1.0).powi(3),
            // Between vectors of length 1 the squared distance is 2 - 2 cos.
            Self::Gaussian => libm::exp(-(2.0 - 2.0 * product).max(0.0) / (2.0 * SIGMA * SIGMA)),
        }
    }
}

impl Distance {
    /// The distance of the whole sets.
    pub fn value(&self) -> f64 {
        self.value
    }

    /// The distance of sets drawn from these; pairs of an image with itself, which the data have none of, do not count.
    pub(crate) fn resampled(&self, random: &mut Random) -> Option<f64> {
        let mut draw = |size: usize| {
            let mut weights = vec![0.0; size];
            (0..size).for_each(|_| weights[random.below(size)] += 1.0);
            weights
        };
        let weights = self.sizes.map(&mut draw);
        self.weighted([&weights[0], &weights[1]], true)
    }

    fn weighted(&self, weights: [&[f64]; 2], unbiased: bool) -> Option<f64> {
        let mean_within = |i: usize| {
            let (table, weights, n) = (&self.within[i], weights[i], self.sizes[i]);
            let mut sum = weighted_rows(table, n, weights, weights);
            let mut total = weights.iter().sum::<f64>().powi(2);
            if unbiased {
                sum -= (0..n).map(|i| weights[i] * weights[i] * table[i * n + i]).sum::<f64>();
                total -= weights.iter().map(|w| w * w).sum::<f64>();
            }
            sum / total
        };
        let across = weighted_rows(&self.across, self.sizes[1], weights[0], weights[1]);
        let across = across / (weights[0].iter().sum::<f64>() * weights[1].iter().sum::<f64>());
        let value = mean_within(0) + mean_within(1) - 2.0 * across;
        let value = if self.kernel == Kernel::Gaussian { SCALE * value } else { value };
        value.is_finite().then_some(value)
    }
}

/// The weighted sum of a table. Of a resample's weights a third are zero, whose rows need no look.
fn weighted_rows(table: &[f64], width: usize, rows: &[f64], columns: &[f64]) -> f64 {
    let rows = table.chunks(width).zip(rows).filter(|(_, weight)| **weight != 0.0);
    rows.map(|(row, weight)| weight * dot(row, columns)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(seed: u64, n: usize, shift: f32) -> Vec<Vec<f32>> {
        let mut random = Random::new(seed);
        (0..n).map(|_| (0..8).map(|_| random.below(1000) as f32 / 500.0 - 1.0 + shift).collect()).collect()
    }

    fn views(set: &[Vec<f32>]) -> Vec<&[f32]> {
        set.iter().map(Vec::as_slice).collect()
    }

    #[test]
    fn sets_of_one_kind_are_near_and_others_far() {
        let (a, b, far) = (set(1, 60, 0.0), set(2, 60, 0.0), set(3, 60, 0.8));
        for metric in [kid, cmmd] {
            let near = metric(&views(&a), &views(&b)).unwrap();
            assert!(metric(&views(&a), &views(&far)).unwrap() > 5.0 * near.abs(), "{near}");
            assert_eq!(metric(&views(&a), &[]), None);
            assert!(metric(&views(&a[..1]), &views(&b)).is_none());
        }
        assert!(cmmd(&views(&a), &views(&a)).unwrap().abs() < 1e-9);
    }

    #[test]
    fn resamples_scatter_around_the_distance() {
        let (a, b) = (set(1, 50, 0.0), set(2, 50, 0.5));
        let distance = Kernel::Polynomial.between(&views(&a), &views(&b)).unwrap();
        let mut random = Random::new(1);
        let drawn: Vec<f64> = (0..200).filter_map(|_| distance.resampled(&mut random)).collect();
        let mean = drawn.iter().sum::<f64>() / drawn.len() as f64;
        assert!((mean - distance.value()).abs() < 0.2 * distance.value(), "{mean} around {}", distance.value());
    }
}
