//! Euler: first-order steps of the probability-flow ODE in the noise level.
//!
//! Paper: Karras, Aittala, Aila, Laine 2022, "Elucidating the Design Space of Diffusion-Based Generative Models",
//! arXiv 2206.00364, algorithm 1 with second-order correction and churn left out; Karras noise levels are its
//! equation 5. Settings: linspace spacing unless the bundle says otherwise; the last step ends at noise level zero.

use super::step::{SamplerStep, SamplerSteps, clean_from_exploding};
use crate::pipeline::schedule::{Schedule, Spacing, karras};

pub(super) fn steps(schedule: &Schedule, count: usize, use_karras: bool) -> SamplerSteps {
    let (mut timesteps, mut sigmas, spacing) = levels(schedule, count);
    if use_karras {
        sigmas = karras(sigmas[0], sigmas[count - 1], count);
        timesteps = sigmas.iter().map(|sigma| schedule.timestep_of(*sigma)).collect();
    }
    let steps = (0..count).map(|i| {
        let ratio = sigmas.get(i + 1).copied().unwrap_or(0.0) / sigmas[i];
        step(schedule, timesteps[i], sigmas[i], ratio, 0.0)
    });
    SamplerSteps { init_scale: init_scale(&sigmas, spacing), clip: None, steps: steps.collect() }
}

/// Returns timesteps and noise levels from noisy to clean, without the final zero. diffusers rounds the timesteps to
/// `f32`.
pub(super) fn levels(schedule: &Schedule, count: usize) -> (Vec<f64>, Vec<f64>, Spacing) {
    let spacing = schedule.spacing.unwrap_or(Spacing::Linspace);
    let timesteps: Vec<f64> = schedule.timesteps(spacing, count).into_iter().map(|t| f64::from(t as f32)).collect();
    let sigmas = timesteps.iter().map(|t| schedule.sigma(*t)).collect();
    (timesteps, sigmas, spacing)
}

/// Returns one step to `ratio` times the noise level, plus `noise`: with `x - x0` the noise in the sample, what remains
/// of it.
pub(super) fn step(schedule: &Schedule, timestep: f64, sigma: f64, ratio: f64, noise: f64) -> SamplerStep {
    SamplerStep {
        timestep,
        input_scale: 1.0 / (sigma * sigma + 1.0).sqrt(),
        clean: clean_from_exploding(schedule.prediction, sigma),
        sample: ratio,
        clean_now: 1.0 - ratio,
        noise,
        ..SamplerStep::default()
    }
}

/// Leading spacing starts below the full noise level, so the clean latent's own variance counts.
pub(super) fn init_scale(sigmas: &[f64], spacing: Spacing) -> f64 {
    let max = sigmas.iter().copied().fold(0.0, f64::max);
    if spacing == Spacing::Leading { (max * max + 1.0).sqrt() } else { max }
}
