//! Euler ancestral: Euler steps that overshoot the next noise level and add fresh noise to return to it.
//!
//! Paper: the ancestral step of Song et al. 2020, "Score-Based Generative Modeling through SDEs", arXiv 2011.13456,
//! appendix F, in the noise levels of Karras et al. 2022, arXiv 2206.00364 (k-diffusion's `sample_euler_ancestral`).
//! Settings: as Euler. More varied, and it does not converge: more steps give another picture, not a better one.

use super::euler;
use super::step::SamplerSteps;
use crate::pipeline::schedule::Schedule;

pub(super) fn steps(schedule: &Schedule, count: usize) -> SamplerSteps {
    let (timesteps, sigmas, spacing) = euler::levels(schedule, count);
    let steps = (0..count).map(|i| {
        let (from, to) = (sigmas[i], sigmas.get(i + 1).copied().unwrap_or(0.0));
        let up = (to * to * (from * from - to * to) / (from * from)).sqrt();
        let down = (to * to - up * up).max(0.0).sqrt();
        euler::step(schedule, timesteps[i], from, down / from, up)
    });
    SamplerSteps { init_scale: euler::init_scale(&sigmas, spacing), clip: None, steps: steps.collect() }
}
