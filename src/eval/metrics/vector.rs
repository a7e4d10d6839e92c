//! Unit vectors, dot products and means of the largest values, in double precision.

pub use crate::base::math::unit;

use crate::eval::stats::mean;

/// The product of two vectors: the cosine, if both are of length 1.
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// Mean of the largest `count` values (of all, if there are fewer); `None` of none.
pub(super) fn mean_of_largest(mut values: Vec<f64>, count: usize) -> Option<f64> {
    values.sort_unstable_by(|a, b| b.total_cmp(a));
    values.truncate(count.max(1));
    mean(&values)
}
