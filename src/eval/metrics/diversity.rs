//! CLIPScore of one image, and the diversity of the images of one brief.

use super::vector::unit;

/// CLIPScore of a cosine as torchmetrics gives it: 100 × the cosine, never below 0.
///
/// J. Hessel et al., "CLIPScore: a reference-free evaluation metric for image captioning", EMNLP 2021 (there × 2.5).
pub(crate) fn clip_score(cosine: f64) -> f64 {
    (100.0 * cosine).max(0.0)
}

/// How different images of one brief are: 1 minus the mean cosine of all their pairs; `None` below two images.
///
/// The mean pairwise distance that LPIPS diversity is built on (J.-Y. Zhu et al., "Toward multimodal image-to-image
/// translation", NeurIPS 2017), in the evaluator's embedding.
pub fn diversity(vectors: &[&[f32]]) -> Option<f64> {
    let mut found = Diversity::default();
    vectors.iter().for_each(|vector| found.take(vector));
    found.value()
}

/// [`diversity`] of images that come one by one: the mean over pairs from the length of their sum, n² terms in n steps.
#[derive(Clone, Debug, Default)]
pub(crate) struct Diversity {
    sum: Vec<f64>,
    images: usize,
}

impl Diversity {
    /// Adds an image; a vector of length 0 is ignored.
    pub fn take(&mut self, vector: &[f32]) {
        let Some(unit) = unit(vector) else { return };
        self.sum.resize(self.sum.len().max(unit.len()), 0.0);
        self.sum.iter_mut().zip(&unit).for_each(|(sum, x)| *sum += x);
        self.images += 1;
    }

    /// Returns the number of images with a direction.
    pub fn images(&self) -> usize {
        self.images
    }

    /// Returns the diversity; `None` below two images.
    pub fn value(&self) -> Option<f64> {
        let n = self.images;
        let all: f64 = self.sum.iter().map(|x| x * x).sum();
        (n > 1).then(|| (1.0 - (all - n as f64) / (n * (n - 1)) as f64).max(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn diversity_by_hand() {
        let (a, b, c) = ([1.0f32, 0.0], [0.0f32, 2.0], [3.0f32, 0.0]);
        assert_eq!(diversity(&[&a, &b]), Some(1.0));
        assert_eq!(diversity(&[&a, &c]), Some(0.0));
        assert!((diversity(&[&a, &b, &c]).unwrap() - 2.0 / 3.0).abs() < 1e-12);
        assert!(diversity(&[&a]).is_none() && diversity(&[&a, &[0.0, 0.0]]).is_none());
        assert_eq!((clip_score(0.25), clip_score(-0.1)), (25.0, 0.0));
    }
}
