//! Unit vectors, dot products and means of the largest values, in double precision.

use crate::eval::stats::mean;

/// The vector at length 1; `None` if it has none.
pub fn unit(vector: &[f32]) -> Option<Vec<f64>> {
    let length = vector.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>().sqrt();
    (length > 0.0 && length.is_finite()).then(|| vector.iter().map(|x| f64::from(*x) / length).collect())
}

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
