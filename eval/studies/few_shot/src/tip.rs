//! Tip-Adapter (Zhang et al., ECCV 2022, arXiv 2207.09519): stock CLIP and a cache of the few pictures' features.
//!
//! `logits = scale·cos(x, text) + α·Σᵢ exp(−β(1 − cos(x, keyᵢ)))·labelᵢ`, nothing is trained. As in the paper, α and β
//! are searched on drawings kept for that, here few-shot names that no brand brought: the baseline is at its best.

use housestyle::train::probe::dot;

/// Sharpness and weight of the cache.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weights {
    /// How much the cache says beside the texts.
    pub alpha: f32,
    /// How near a picture must be to a key.
    pub beta: f32,
}

const ALPHAS: [f32; 8] = [0.0, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0];
const BETAS: [f32; 6] = [1.0, 2.5, 5.5, 10.0, 20.0, 40.0];

/// The few pictures: unit features and what each shows, as a place among the candidates.
#[derive(Clone, Debug, Default)]
pub struct Cache {
    /// Unit features and labels.
    pub keys: Vec<(Vec<f32>, usize)>,
}

/// A picture to be judged: its unit feature, the texts' logits, the right place.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The unit feature.
    pub image: Vec<f32>,
    /// Stock CLIP's logits of the candidates.
    pub logits: Vec<f32>,
    /// Where the right one stands.
    pub right: usize,
}

impl Cache {
    /// The logits of all candidates, with the cache.
    pub fn logits(&self, asked: &Asked, weights: Weights) -> Vec<f32> {
        let mut logits = asked.logits.clone();
        for (key, label) in &self.keys {
            let near = (-weights.beta * (1.0 - dot(&asked.image, key))).exp();
            if let Some(logit) = logits.get_mut(*label) {
                *logit += weights.alpha * near;
            }
        }
        logits
    }

    /// The weights that are right most often on `kept`; the first of equals.
    pub fn search(&self, kept: &[Asked]) -> Weights {
        let pairs = BETAS.iter().flat_map(|beta| ALPHAS.iter().map(|alpha| Weights { alpha: *alpha, beta: *beta }));
        let mut best = (0, Weights { alpha: 1.0, beta: 5.5 });
        for weights in pairs {
            let right = kept.iter().filter(|asked| best_of(&self.logits(asked, weights)) == Some(asked.right)).count();
            if right > best.0 {
                best = (right, weights);
            }
        }
        best.1
    }
}

/// The place of the largest value, the first of equals.
pub fn best_of(values: &[f32]) -> Option<usize> {
    let better = |best: Option<usize>, i: usize| match best {
        Some(best) if values[best] >= values[i] => Some(best),
        _ => Some(i),
    };
    (0..values.len()).fold(None, better)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_speaks_where_texts_say_nothing() {
        let cache = Cache { keys: vec![(vec![1.0, 0.0], 0), (vec![0.0, 1.0], 1)] };
        let asked = |image: [f32; 2], right| Asked { image: image.into(), logits: vec![0.0; 2], right };
        let logits = cache.logits(&asked([1.0, 0.0], 0), Weights { alpha: 2.0, beta: 3.0 });
        assert!((logits[0] - 2.0).abs() < 1e-6 && (logits[1] - 2.0 * (-3.0f32).exp()).abs() < 1e-6, "{logits:?}");
        let found = cache.search(&[asked([0.8, 0.6], 0), asked([0.6, 0.8], 1)]);
        assert!(found.alpha > 0.0, "a cache that helps is used: {found:?}");
        assert_eq!((best_of(&[1.0, 3.0, 3.0]), best_of(&[])), (Some(1), None));
    }
}
