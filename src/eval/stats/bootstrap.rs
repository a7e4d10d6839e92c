//! Bootstrap intervals: bias-corrected and accelerated.
//!
//! Takes one value a brief (so that briefs, not images, are what is drawn), or any statistic of drawn briefs. Returns
//! an [`Interval`].
//!
//! # Invariants
//!
//! The interval is finite and holds no value that no resample gave.
//!
//! B. Efron, "Better bootstrap confidence intervals", JASA 82 (1987); as `scipy.stats.bootstrap(method="BCa")`
//! computes it.

use super::basics::{mean, normal_below, normal_quantile, quantile};
use super::random::Random;
use crate::base::math;

/// Settings of a bootstrap.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bootstrap {
    /// Resamples: more give ends that shake less (10,000 leave about 1 % of the width).
    pub resamples: u32,
    /// Share of such intervals that hold the truth, such as 0.95.
    pub confidence: f64,
    /// Seed of the random numbers.
    pub seed: u64,
}

/// An interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Bootstrap {
    /// The interval of the mean of `values`; `None` below two.
    pub fn mean(&self, values: &[f64]) -> Option<Interval> {
        let (n, centre) = (values.len(), mean(values)?);
        if n < 2 {
            return None;
        }
        let mut random = Random::new(self.seed);
        let mut draw = || (0..n).map(|_| values[random.below(n)]).sum::<f64>() / n as f64;
        let drawn = (0..self.resamples).map(|_| draw()).collect();
        let total = centre * n as f64;
        let left_out: Vec<f64> = values.iter().map(|value| (total - value) / (n - 1) as f64).collect();
        bca(centre, drawn, &left_out, self.confidence)
    }
}

/// The interval of a statistic that is `found` in the data, `drawn` in the resamples and `left_out` with each value
/// left out.
pub fn bca(found: f64, mut drawn: Vec<f64>, left_out: &[f64], confidence: f64) -> Option<Interval> {
    drawn.retain(|value| value.is_finite());
    drawn.sort_unstable_by(f64::total_cmp);
    let tail = (1.0 - confidence) / 2.0;
    let ends = |low: f64, high: f64| Some(Interval { low: quantile(&drawn, low)?, high: quantile(&drawn, high)? });
    // How far the resamples lie to one side of what was found …
    let below = drawn.partition_point(|value| *value < found);
    let not_above = drawn.partition_point(|value| *value <= found);
    let side = (below + not_above) as f64 / (2 * drawn.len().max(1)) as f64;
    // … and how fast the spread changes with the value.
    let centre = mean(left_out)?;
    let n = left_out.len() as f64;
    let power = |k: i32| left_out.iter().map(|value| ((n - 1.0) * (centre - value) / n).powi(k)).sum::<f64>();
    let (squares, cubes) = (power(2), power(3));
    let acceleration = if squares > 0.0 { cubes / (6.0 * math::pow(squares, 1.5)) } else { 0.0 };
    let Some(bias) = normal_quantile(side) else {
        return ends(tail, 1.0 - tail); // all resamples on one side: there is nothing to correct by
    };
    let corrected = |share: f64| {
        let z = bias + normal_quantile(share)?;
        Some(normal_below(bias + z / (1.0 - acceleration * z)))
    };
    ends(corrected(tail)?, corrected(1.0 - tail)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FEW: Bootstrap = Bootstrap { resamples: 2_000, confidence: 0.95, seed: 7 };

    #[test]
    fn same_values_leave_no_doubt_to_resampling_and_few_say_nothing() {
        assert_eq!(FEW.mean(&[0.5; 9]), Some(Interval { low: 0.5, high: 0.5 }));
        assert!(FEW.mean(&[0.5]).is_none() && FEW.mean(&[]).is_none());
        assert!(bca(0.0, vec![], &[], 0.95).is_none() && bca(0.0, vec![f64::NAN], &[1.0, 2.0], 0.95).is_none());
    }

    #[test]
    fn the_interval_is_repeatable_and_around_the_mean() {
        let values: Vec<f64> = (0..40).map(|i| f64::from(i % 7) / 7.0).collect();
        let found = FEW.mean(&values).unwrap();
        assert_eq!(Some(found), FEW.mean(&values));
        let centre = mean(&values).unwrap();
        assert!(found.low < centre && centre < found.high && found.high - found.low < 0.3);
    }

    #[test]
    fn ninety_five_of_a_hundred_intervals_hold_the_truth() {
        let mut random = Random::new(3);
        let few = Bootstrap { resamples: 400, ..FEW };
        let held = (0..300).filter(|_| {
            let values: Vec<f64> = (0..30).map(|_| random.below(1 << 16) as f64 / 65_536.0).collect();
            few.mean(&values).is_some_and(|i| i.low <= 0.5 && 0.5 <= i.high)
        });
        let held = held.count();
        assert!((270..=297).contains(&held), "{held} of 300");
    }
}
