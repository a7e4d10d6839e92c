//! Numerics that give the same bits on every machine.
//!
//! The standard library's `ln`, `exp`, `sin` and the like may differ in their last bit from one system to another; what
//! is promised to be the same everywhere uses these, which are `libm`'s, and these few formulas.

pub use libm::{cos, exp, log as ln, log10, pow, sin};

use std::f64::consts::TAU;

/// Returns a number in [0, 1) made of the upper 53 of 64 random bits, which is as many as a double holds.
pub(crate) fn uniform(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1u64 << 53) as f64
}

/// Turns two numbers in [0, 1) into two independent standard normal ones (Box and Muller 1958).
pub(crate) fn normal_pair(u: f64, v: f64) -> [f64; 2] {
    // In (0, 1]: the logarithm must stay finite.
    let radius = libm::sqrt(-2.0 * ln(1.0 - u));
    let angle = TAU * v;
    [radius * cos(angle), radius * sin(angle)]
}

/// Returns the dot product of two vectors, summed in double precision.
pub fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum()
}

/// Returns the cosine of two vectors; `None` if either is zero or their lengths differ.
pub fn cosine(a: &[f32], b: &[f32]) -> Option<f64> {
    let lengths = (dot(a, a) * dot(b, b)).sqrt();
    (a.len() == b.len() && lengths > 0.0).then(|| dot(a, b) / lengths)
}

/// Returns the vector at length 1; `None` if it has no finite length above 0.
pub fn unit(vector: &[f32]) -> Option<Vec<f64>> {
    let length = dot(vector, vector).sqrt();
    (length > 0.0 && length.is_finite()).then(|| vector.iter().map(|x| f64::from(*x) / length).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cosine_of_a_zero_or_shorter_vector_is_none() {
        assert_eq!(cosine(&[1.0, 0.0], &[2.0, 0.0]), Some(1.0));
        assert_eq!(cosine(&[1.0, 0.0], &[0.0, 3.0]), Some(0.0));
        assert!(cosine(&[0.0, 0.0], &[1.0, 0.0]).is_none() && cosine(&[1.0], &[1.0, 0.0]).is_none());
    }

    #[test]
    fn a_unit_vector_has_length_one_and_its_direction() {
        assert_eq!(unit(&[3.0, 4.0]), Some(vec![0.6, 0.8]));
        assert!(unit(&[0.0, 0.0]).is_none() && unit(&[f32::INFINITY]).is_none());
    }

    #[test]
    fn uniform_numbers_stay_below_one_and_normal_ones_finite() {
        assert_eq!((uniform(0), uniform(1 << 63)), (0.0, 0.5));
        assert!(uniform(u64::MAX) < 1.0);
        assert!(normal_pair(uniform(u64::MAX), 0.25).iter().all(|n| n.is_finite()));
        let side = 0.832_554_611_157_697_8; // √(ln 2)
        assert!(normal_pair(0.5, 0.125).iter().all(|n| (n - side).abs() < 1e-15));
    }
}
