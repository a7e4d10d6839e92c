//! Whether a paired difference is more than chance, and how large it is beside its own spread.
//!
//! Takes one difference a brief. Returns p-values and effect sizes.
//!
//! # Invariants
//!
//! A p-value is never 0, as no finite number of briefs proves anything; several p-values looked at together are
//! corrected together.

use super::{Random, deviation, mean};

/// Up to so many differences every one of the 2ⁿ sign patterns is tried.
const EXACT: usize = 16;

/// The two-sided p-value of the mean difference: how often as large a mean comes out if every difference could as
/// well have had the other sign. Exact up to 16 differences, from `resamples` random patterns above. 1 of nothing.
///
/// R. A. Fisher, "The design of experiments" (1935), §21; `scipy.stats.permutation_test(permutation_type="samples")`.
pub fn sign_flip(differences: &[f64], resamples: u32, seed: u64) -> f64 {
    let n = differences.len();
    let total: f64 = differences.iter().sum();
    // Sums of the same numbers in another order differ in their last digits; such are as large.
    let size: f64 = differences.iter().map(|d| d.abs()).sum();
    let least = total.abs() - 1e-12 * size.max(f64::MIN_POSITIVE);
    if n <= EXACT {
        // Gray code: from one pattern to the next a single sign changes.
        let (mut sum, mut signs, mut extreme) = (total, vec![1.0; n], 0u32);
        for pattern in 0u32..1 << n {
            extreme += u32::from(sum.abs() >= least);
            let flip = (pattern + 1).trailing_zeros() as usize;
            if flip < n {
                signs[flip] = -signs[flip];
                sum += 2.0 * signs[flip] * differences[flip];
            }
        }
        return f64::from(extreme) / f64::from(1u32 << n);
    }
    let mut random = Random::new(seed);
    let mut extreme = 0u32;
    for _ in 0..resamples {
        let mut sum = 0.0;
        for chunk in differences.chunks(64) {
            let bits = random.bits();
            sum += chunk.iter().enumerate().map(|(i, d)| if bits >> i & 1 == 1 { -d } else { *d }).sum::<f64>();
        }
        extreme += u32::from(sum.abs() >= least);
    }
    // The pattern that was found is one of them.
    f64::from(extreme + 1) / f64::from(resamples + 1)
}

/// P-values corrected for being looked at together: the chance that any of them is below by accident stays at the
/// level.
///
/// S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6 (1979).
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|a, b| p[*a].total_cmp(&p[*b]));
    let (mut corrected, mut highest) = (vec![1.0; p.len()], 0.0f64);
    for (rank, index) in order.into_iter().enumerate() {
        highest = highest.max(p[index] * (p.len() - rank) as f64).min(1.0);
        corrected[index] = highest;
    }
    corrected
}

/// Mean difference in units of the differences' own spread, corrected for few of them (Hedges' g of paired samples);
/// `None` where they do not vary.
///
/// L. V. Hedges, "Distribution theory for Glass's estimator of effect size", Journal of Educational Statistics 6
/// (1981).
pub fn hedges_g(differences: &[f64]) -> Option<f64> {
    let (centre, spread) = (mean(differences)?, deviation(differences)?);
    let freedom = (differences.len() - 1) as f64;
    // A spread of rounding errors is none.
    (spread > 1e-12 * centre.abs().max(1e-300)).then(|| centre / spread * (1.0 - 3.0 / (4.0 * freedom - 1.0)))
}

/// Share of favourable evidence minus unfavourable, by Wilcoxon's signed ranks: 1 if every difference is above 0, -1
/// if every one is below; ties are left out, `None` if nothing else is there.
///
/// D. S. Kerby, "The simple difference formula", Comprehensive Psychology 3 (2014).
pub fn rank_biserial(differences: &[f64]) -> Option<f64> {
    let mut sizes: Vec<(f64, bool)> = differences.iter().filter(|d| **d != 0.0).map(|d| (d.abs(), *d > 0.0)).collect();
    sizes.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut above, mut below, mut start) = (0.0, 0.0, 0);
    while start < sizes.len() {
        let end = start + sizes[start..].partition_point(|(size, _)| *size <= sizes[start].0);
        let rank = (start + 1 + end) as f64 / 2.0; // the mean rank of equal sizes
        for (_, positive) in &sizes[start..end] {
            *(if *positive { &mut above } else { &mut below }) += rank;
        }
        start = end;
    }
    (above + below > 0.0).then(|| (above - below) / (above + below))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sign_pattern_counts_once() {
        assert_eq!(sign_flip(&[1.0, 1.0, 1.0], 9, 0), 2.0 / 8.0);
        assert_eq!(sign_flip(&[1.0, -1.0], 9, 0), 1.0);
        assert_eq!((sign_flip(&[], 9, 0), sign_flip(&[0.0; 20], 99, 0)), (1.0, 1.0));
        assert_eq!(sign_flip(&[1.0; 40], 999, 0), 1.0 / 1000.0, "never 0");
    }

    #[test]
    fn holm_by_hand() {
        assert_eq!(holm(&[0.01, 0.04, 0.03]), [0.03, 0.06, 0.06]);
        assert_eq!(holm(&[0.9, 0.8]), [1.0, 1.0]);
        assert!(holm(&[]).is_empty());
    }

    #[test]
    fn effect_sizes_by_hand() {
        assert_eq!(rank_biserial(&[1.0, 2.0, -3.0]), Some(0.0));
        assert_eq!(rank_biserial(&[0.0, 0.5]), Some(1.0));
        assert!(rank_biserial(&[0.0]).is_none() && hedges_g(&[0.1; 3]).is_none() && hedges_g(&[1.0]).is_none());
    }
}
