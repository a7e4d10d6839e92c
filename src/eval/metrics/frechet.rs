//! The Fréchet distance, for those who ask for it, refused where it misleads.
//!
//! In: one vector an image. Out: the distance, or why there is none. Always holds: sets below 1,000 images get none, as its
//! bias there is larger than most differences (M. J. Chong, D. Forsyth, "Effectively unbiased FID and Inception Score", CVPR 2020).

use nalgebra::{DMatrix, DVector};

/// Fewest images of a set.
pub const LEAST_IMAGES: usize = 1_000;

/// FID in the space of these vectors, or the reason for its refusal.
///
/// M. Heusel et al., "GANs trained by a two time-scale update rule converge to a local Nash equilibrium", NeurIPS 2017.
pub fn fid(a: &[&[f32]], b: &[&[f32]]) -> Result<f64, String> {
    let fewest = a.len().min(b.len());
    if fewest < LEAST_IMAGES {
        return Err(format!(
            "{fewest} images; below {LEAST_IMAGES} its bias is larger than most differences, see kid and cmmd"
        ));
    }
    frechet(a, b).ok_or_else(|| "the vectors of the two sets do not belong to one space".into())
}

/// The distance of two sets of whatever size, for sets whose bias is known or equal: |m₁ - m₂|² + tr(C₁ + C₂ - 2 (C₁ C₂)^½).
pub fn frechet(a: &[&[f32]], b: &[&[f32]]) -> Option<f64> {
    let ((mean_a, cov_a), (mean_b, cov_b)) = (moments(a)?, moments(b)?);
    if mean_a.len() != mean_b.len() {
        return None;
    }
    // The trace of the root of C₁ C₂ is that of C₁^½ C₂ C₁^½, which is symmetric: the sum of the roots of its eigenvalues.
    let eigen = cov_a.clone().symmetric_eigen();
    let roots = DMatrix::from_diagonal(&eigen.eigenvalues.map(|value| value.max(0.0).sqrt()));
    let root = &eigen.eigenvectors * roots * eigen.eigenvectors.transpose();
    let middle = &root * &cov_b * &root;
    let trace: f64 = middle.symmetric_eigenvalues().iter().map(|value| value.max(0.0).sqrt()).sum();
    let value = (mean_a - mean_b).norm_squared() + cov_a.trace() + cov_b.trace() - 2.0 * trace;
    value.is_finite().then(|| value.max(0.0))
}

fn moments(set: &[&[f32]]) -> Option<(DVector<f64>, DMatrix<f64>)> {
    let (n, width) = (set.len(), set.first()?.len());
    if n < 2 || set.iter().any(|vector| vector.len() != width) {
        return None;
    }
    let rows = DMatrix::from_fn(n, width, |i, j| f64::from(set[i][j]));
    let mean: DVector<f64> = rows.row_mean().transpose();
    let centred = DMatrix::from_fn(n, width, |i, j| rows[(i, j)] - mean[j]);
    Some((mean, centred.transpose() * &centred / (n - 1) as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_images_are_refused_and_a_shift_is_its_square() {
        let set: Vec<Vec<f32>> = (0..1000).map(|i| vec![(i % 10) as f32, (i / 10 % 10) as f32]).collect();
        let moved: Vec<Vec<f32>> = set.iter().map(|v| vec![v[0] + 3.0, v[1] - 4.0]).collect();
        let views = |set: &[Vec<f32>]| -> Vec<Vec<f32>> { set.to_vec() };
        let (a, b) = (views(&set), views(&moved));
        let (a, b): (Vec<&[f32]>, Vec<&[f32]>) = (a.iter().map(Vec::as_slice).collect(), b.iter().map(Vec::as_slice).collect());
        assert!((fid(&a, &b).unwrap() - 25.0).abs() < 1e-6);
        assert!(fid(&a[..999], &b).unwrap_err().contains("999 images"));
        assert!(frechet(&a, &[&[1.0]]).is_none());
    }
}
