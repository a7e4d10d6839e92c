//! The Fréchet distance, for those who ask for it, refused where it misleads.
//!
//! Takes vectors, one an image, of which only the [`Moments`] stay. Returns the distance, or why there is none.
//!
//! # Invariants
//!
//! Sets below 1,000 images get none, as its bias there is larger than most differences (M. J. Chong, D. Forsyth,
//! "Effectively unbiased FID and Inception Score", CVPR 2020).

use nalgebra::{DMatrix, DVector};

/// Fewest images of a set.
pub(crate) const LEAST_IMAGES: usize = 1_000;

/// Numbers of a vector at most: an evaluator's has hundreds, and a covariance is as large as their square.
const WIDEST: usize = 4_096;

/// Mean and covariance of vectors that come one by one; what it holds does not grow with them.
#[derive(Clone, Debug, Default)]
pub struct Moments {
    images: usize,
    sum: DVector<f64>,
    products: DMatrix<f64>,
    /// Whether they have different widths, or too large ones, so that they belong to no one space.
    mixed: bool,
}

impl Moments {
    /// Computes the moments of these vectors.
    pub fn of(set: &[&[f32]]) -> Self {
        let mut moments = Self::default();
        set.iter().for_each(|vector| moments.take(vector));
        moments
    }

    /// Adds a vector.
    pub fn take(&mut self, vector: &[f32]) {
        if self.images == 0 {
            self.mixed = vector.len() > WIDEST;
            let width = if self.mixed { 0 } else { vector.len() };
            self.sum = DVector::zeros(width);
            self.products = DMatrix::zeros(width, width);
        }
        self.images += 1;
        self.mixed |= vector.len() != self.sum.len();
        if !self.mixed {
            let vector = DVector::from_iterator(vector.len(), vector.iter().map(|x| f64::from(*x)));
            self.sum += &vector;
            self.products.syger(1.0, &vector, &vector, 1.0);
        }
    }

    /// Returns the number of values.
    pub fn images(&self) -> usize {
        self.images
    }

    fn mean_and_covariance(&self) -> Option<(DVector<f64>, DMatrix<f64>)> {
        if self.images < 2 || self.mixed {
            return None;
        }
        let n = self.images as f64;
        let mean = &self.sum / n;
        let mut covariance = self.products.clone();
        covariance.fill_upper_triangle_with_lower_triangle();
        let covariance = (covariance - &mean * mean.transpose() * n) / (n - 1.0);
        Some((mean, covariance))
    }
}

/// FID in the space of these vectors, or the reason for its refusal.
///
/// M. Heusel et al., "GANs trained by a two time-scale update rule converge to a local Nash equilibrium", NeurIPS 2017.
pub fn fid(a: &Moments, b: &Moments) -> Result<f64, String> {
    let fewest = a.images.min(b.images);
    if fewest < LEAST_IMAGES {
        return Err(format!(
            "{fewest} images; below {LEAST_IMAGES} its bias is larger than most differences, see kid and cmmd"
        ));
    }
    frechet(a, b).ok_or_else(|| "the vectors of the two sets do not belong to one space".into())
}

/// The distance of two sets of whatever size, for sets whose bias is known or equal: |m₁ - m₂|² + tr(C₁ + C₂ - 2 (C₁
/// C₂)^½).
pub fn frechet(a: &Moments, b: &Moments) -> Option<f64> {
    let ((mean_a, cov_a), (mean_b, cov_b)) = (a.mean_and_covariance()?, b.mean_and_covariance()?);
    if mean_a.len() != mean_b.len() {
        return None;
    }
    // The trace of the root of C₁ C₂ is that of C₁^½ C₂ C₁^½, which is symmetric: the sum of the roots of its
    // eigenvalues.
    let eigen = cov_a.clone().symmetric_eigen();
    let roots = DMatrix::from_diagonal(&eigen.eigenvalues.map(|value| value.max(0.0).sqrt()));
    let root = &eigen.eigenvectors * roots * eigen.eigenvectors.transpose();
    let middle = &root * &cov_b * &root;
    let trace: f64 = middle.symmetric_eigenvalues().iter().map(|value| value.max(0.0).sqrt()).sum();
    let value = (mean_a - mean_b).norm_squared() + cov_a.trace() + cov_b.trace() - 2.0 * trace;
    value.is_finite().then(|| value.max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_images_are_refused_and_a_shift_is_its_square() {
        let set: Vec<Vec<f32>> = (0..1000).map(|i| vec![(i % 10) as f32, (i / 10 % 10) as f32]).collect();
        let moved: Vec<Vec<f32>> = set.iter().map(|v| vec![v[0] + 3.0, v[1] - 4.0]).collect();
        let of = |set: &[Vec<f32>]| Moments::of(&set.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let (a, b) = (of(&set), of(&moved));
        assert!((fid(&a, &b).unwrap() - 25.0).abs() < 1e-6);
        assert!(fid(&of(&set[..999]), &b).unwrap_err().contains("999 images"));
        let wide = Moments::of(&[&vec![1.0; 1_000_000], &vec![2.0; 1_000_000]]);
        assert!(frechet(&wide, &wide).is_none(), "no terabytes are asked for");
        assert!(
            frechet(&a, &Moments::of(&[&[1.0], &[2.0]])).is_none()
                && frechet(&a, &Moments::of(&[&[1.0], &[2.0, 1.0]])).is_none()
        );
    }
}
