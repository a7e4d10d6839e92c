//! DDIM with eta 0: deterministic steps along the variance-preserving trajectory.
//!
//! Paper: Song, Meng, Ermon 2020, "Denoising Diffusion Implicit Models", arXiv 2010.02502, equation 12.
//! Settings: leading spacing unless the bundle says otherwise; the bundle's `clip_sample` bounds the clean latent and
//! `set_alpha_to_one` says where the last step ends. The cheapest choice that needs many steps (20 and more).

use super::step::{SamplerStep, SamplerSteps, clean_from_preserving};
use crate::pipeline::schedule::{Prediction, Schedule, Spacing};

pub(super) fn steps(schedule: &Schedule, count: usize) -> SamplerSteps {
    let spacing = schedule.spacing.unwrap_or(Spacing::Leading);
    let stride = (schedule.train_steps() / count) as f64;
    let steps = schedule.timesteps(spacing, count).into_iter().map(|timestep| {
        let timestep = timestep.round_ties_even();
        let alpha = schedule.alpha(timestep as usize);
        let next = if timestep >= stride { schedule.alpha((timestep - stride) as usize) } else { schedule.final_alpha };
        let (signal, noise) = (alpha.sqrt(), (1.0 - alpha).sqrt());
        let direction = (1.0 - next).sqrt();
        // The noise the output implies is the output itself, or signal·m + noise·x for a velocity.
        let (sample, model) = match schedule.prediction {
            Prediction::Epsilon => (0.0, direction),
            Prediction::VPrediction => (direction * noise, direction * signal),
        };
        SamplerStep {
            timestep,
            input_scale: 1.0,
            clean: clean_from_preserving(schedule.prediction, signal, noise),
            sample,
            model,
            clean_now: next.sqrt(),
            ..SamplerStep::default()
        }
    });
    SamplerSteps { init_scale: 1.0, clip: schedule.clip, steps: steps.collect() }
}
