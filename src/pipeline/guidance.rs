//! Classifier-free guidance on two axes: towards the category, then towards the style.
//!
//! Takes a job's [`Guidance`]; returns the branches that the UNet must run for one image and the weight of each in
//! `v = v_none + g_c·(v_category − v_none) + g_s·(v_styled − v_category)`.
//! Category axis: classifier-free guidance (Ho and Salimans 2022, arXiv 2207.12598); two axes as in InstructPix2Pix
//! (Brooks et al. 2023, arXiv 2211.09800).
//!
//! # Invariants
//!
//! Weights sum to one. No branch of weight zero is run. With equal scales on both axes, or without style, this is
//! classic guidance in two branches.

use crate::base::error::{Error, Result};
use crate::spec::{Guidance, StyleScale};

/// The prompts that one row of the UNet's batch is conditioned on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// The negative prompt in both streams.
    Negative,
    /// The category prompt in both streams.
    Category,
    /// The category prompt and the style prompt, blended by the style scale.
    Styled,
}

/// A branch and its weight in the guided prediction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WeightedBranch {
    /// The prompts of the branch.
    pub condition: Condition,
    /// The weight of the branch.
    pub weight: f64,
}

/// Returns the branches to run for one image.
pub fn branches(guidance: &Guidance) -> Vec<WeightedBranch> {
    let (category, style) = (f64::from(guidance.category), f64::from(guidance.style));
    let weights = if styleless(&guidance.style_scale) {
        // Without a second stream the styled branch is the category branch: both weights meet there.
        [(Condition::Negative, 1.0 - category), (Condition::Category, category), (Condition::Styled, 0.0)]
    } else {
        [(Condition::Negative, 1.0 - category), (Condition::Category, category - style), (Condition::Styled, style)]
    };
    let branches = weights.into_iter().map(|(condition, weight)| WeightedBranch { condition, weight });
    branches.filter(|branch| branch.weight != 0.0).collect()
}

/// Returns one style scale for each of the UNet's cross-attention layers.
///
/// # Errors
///
/// [`Kind::Invalid`](crate::base::error::Kind::Invalid) if a list has another length than the UNet has layers.
pub fn per_layer(scale: &StyleScale, layers: usize) -> Result<Vec<f32>> {
    match scale {
        StyleScale::Uniform(value) => Ok(vec![*value; layers]),
        StyleScale::PerLayer(values) if values.len() == layers => Ok(values.clone()),
        StyleScale::PerLayer(values) => Err(Error::invalid(format!(
            "style_scale lists {} values, but the bundle's UNet has {layers} cross-attention layers",
            values.len()
        ))),
    }
}

/// Writes the weighted sum of the branches' outputs to `guided`. They are added in `f64`, always in the order of
/// [`branches`].
pub(crate) fn combine(outputs: &[(&[f32], f64)], guided: &mut [f32]) {
    for (i, value) in guided.iter_mut().enumerate() {
        *value = outputs.iter().map(|(output, weight)| weight * f64::from(output[i])).sum::<f64>() as f32;
    }
}

fn styleless(scale: &StyleScale) -> bool {
    match scale {
        StyleScale::Uniform(value) => *value == 0.0,
        StyleScale::PerLayer(values) => values.iter().all(|value| *value == 0.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guidance(category: f32, style: f32, scale: f32) -> Guidance {
        Guidance { category, style, style_scale: StyleScale::Uniform(scale) }
    }

    #[test]
    fn weights_sum_to_one_and_equal_the_formula() {
        let (none, cat, styled) = (0.3f32, -0.8f32, 1.7f32);
        for (g_c, g_s) in [(3.0, 6.0), (3.0, 3.0), (1.0, 1.0), (0.0, 2.0), (7.5, 0.0), (1.0, 4.0)] {
            let branches = branches(&guidance(g_c, g_s, 0.5));
            assert!((branches.iter().map(|branch| branch.weight).sum::<f64>() - 1.0).abs() < 1e-9);
            let value = |condition| match condition {
                Condition::Negative => [none],
                Condition::Category => [cat],
                Condition::Styled => [styled],
            };
            let values: Vec<_> = branches.iter().map(|branch| (value(branch.condition), branch.weight)).collect();
            let outputs: Vec<(&[f32], f64)> =
                values.iter().map(|(value, weight)| (value.as_slice(), *weight)).collect();
            let mut guided = [0.0];
            combine(&outputs, &mut guided);
            let expected = none + g_c * (cat - none) + g_s * (styled - cat);
            assert!((guided[0] - expected).abs() < 1e-4, "{g_c} {g_s}");
        }
    }

    #[test]
    fn branches_that_weigh_nothing_are_not_run() {
        let run = |g: Guidance| branches(&g).into_iter().map(|branch| branch.condition).collect::<Vec<_>>();
        use Condition::{Category, Negative, Styled};
        assert_eq!(run(guidance(3.0, 6.0, 0.5)), [Negative, Category, Styled]);
        assert_eq!(run(guidance(3.0, 3.0, 0.5)), [Negative, Styled]);
        assert_eq!(run(guidance(3.0, 6.0, 0.0)), [Negative, Category]);
        assert_eq!(run(guidance(1.0, 1.0, 0.5)), [Styled]);
        assert_eq!(run(guidance(1.0, 0.0, 0.5)), [Category]);
    }

    #[test]
    fn a_list_must_name_every_layer() {
        assert_eq!(per_layer(&StyleScale::Uniform(0.5), 3).unwrap(), [0.5; 3]);
        assert_eq!(per_layer(&StyleScale::PerLayer(vec![0.0, 1.0]), 2).unwrap(), [0.0, 1.0]);
        assert!(per_layer(&StyleScale::PerLayer(vec![0.0]), 2).is_err());
    }
}
