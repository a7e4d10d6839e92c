//! Means, deviations, quantiles, Wilson's interval and the normal distribution.

use statrs::distribution::{ContinuousCDF as _, Normal};

/// Returns the mean; `None` of an empty list.
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The standard deviation of a sample (n - 1); `None` of fewer than two values.
pub fn deviation(values: &[f64]) -> Option<f64> {
    let centre = mean(values)?;
    let squares: f64 = values.iter().map(|value| (value - centre) * (value - centre)).sum();
    (values.len() > 1).then(|| (squares / (values.len() - 1) as f64).sqrt())
}

/// The quantile of sorted values at `share` (0 to 1), linear between neighbours as NumPy's default.
pub(crate) fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let place = share.clamp(0.0, 1.0) * last as f64;
    let below = (place.floor() as usize).min(last);
    let above = (below + 1).min(last);
    Some(sorted[below] + (place - below as f64) * (sorted[above] - sorted[below]))
}

/// Wilson's interval of a share: `(low, high)`; `None` of nothing.
///
/// E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927). Unlike the
/// textbook interval it stays within 0 and 1 and has some width when all or none succeed.
pub fn wilson(successes: f64, trials: f64, confidence: f64) -> Option<(f64, f64)> {
    if !(trials > 0.0 && (0.0..=trials).contains(&successes)) {
        return None;
    }
    let z = normal_quantile(0.5 + confidence / 2.0)?;
    let (share, spread) = (successes / trials, z * z / trials);
    let centre = (share + spread / 2.0) / (1.0 + spread);
    let half = (spread * (share * (1.0 - share) + spread / 4.0)).sqrt() / (1.0 + spread);
    Some(((centre - half).max(0.0), (centre + half).min(1.0)))
}

/// Where the standard normal distribution has this share below; `None` at 0 and 1.
pub(super) fn normal_quantile(share: f64) -> Option<f64> {
    let normal = Normal::new(0.0, 1.0).ok()?;
    (share > 0.0 && share < 1.0).then(|| normal.inverse_cdf(share))
}

/// The share of the standard normal distribution below `z`.
pub(super) fn normal_below(z: f64) -> f64 {
    0.5 * libm::erfc(-z / std::f64::consts::SQRT_2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_none() {
        assert!(mean(&[]).is_none() && deviation(&[1.0]).is_none() && quantile(&[], 0.5).is_none());
        assert!(
            wilson(0.0, 0.0, 0.95).is_none()
                && wilson(2.0, 1.0, 0.95).is_none()
                && wilson(f64::NAN, 1.0, 0.95).is_none()
        );
        assert_eq!(wilson(0.0, 10.0, 0.95).unwrap().0, 0.0);
        assert!(normal_quantile(0.0).is_none() && normal_quantile(f64::NAN).is_none());
    }
}
