//! DPM-Solver++ 2M: second-order multistep in the half-log signal-to-noise ratio, predicting the clean latent.
//!
//! Paper: Lu, Zhou, Bao, Chen, Li, Zhu 2022, "DPM-Solver++: Fast Solver for Guided Sampling of Diffusion Probabilistic
//! Models", arXiv 2211.01095, algorithm 2 (midpoint). Settings: linspace spacing unless the bundle says otherwise; the
//! first and the last step are first order and the last ends at noise level zero, as diffusers' defaults have it.
//! Good pictures from 10 to 20 steps: the default sampler.

use super::step::{SamplerStep, SamplerSteps, clean_from_preserving};
use crate::pipeline::schedule::{Schedule, Spacing, karras};

pub(super) fn steps(schedule: &Schedule, count: usize, use_karras: bool) -> SamplerSteps {
    let (timesteps, sigmas) = if use_karras {
        let last = (schedule.train_steps() - 1) as f64;
        let sigmas = karras(schedule.sigma(last), schedule.sigma(0.0), count);
        let timesteps = sigmas.iter().map(|sigma| schedule.timestep_of(*sigma));
        // diffusers keeps whole timesteps: rounded, or cut where the schedule is the cosine one.
        let whole = if schedule.is_cosine() { f64::trunc } else { f64::round_ties_even };
        (timesteps.map(whole).collect::<Vec<_>>(), sigmas)
    } else {
        let timesteps = schedule.timesteps_before_end(schedule.spacing.unwrap_or(Spacing::Linspace), count);
        let sigmas = timesteps.iter().map(|t| schedule.sigma(*t)).collect();
        (timesteps, sigmas)
    };
    let steps = (0..count).map(|i| {
        let sigma = sigmas[i];
        let signal = 1.0 / (sigma * sigma + 1.0).sqrt();
        let clean = clean_from_preserving(schedule.prediction, signal, sigma * signal);
        let base = SamplerStep { timestep: timesteps[i], input_scale: 1.0, clean, ..SamplerStep::default() };
        let Some(next) = sigmas.get(i + 1) else {
            return SamplerStep { clean_now: 1.0, ..base };
        };
        // With lambda = -ln(sigma), exp(-h) is the ratio of the noise levels.
        let (shrink, next_signal) = (next / sigma, 1.0 / (next * next + 1.0).sqrt());
        let gain = next_signal * (1.0 - shrink);
        let correction = match i.checked_sub(1) {
            None => 0.0,
            Some(before) => 0.5 * gain * libm::log(shrink) / libm::log(sigma / sigmas[before]),
        };
        SamplerStep {
            sample: shrink * next_signal / signal,
            clean_now: gain + correction,
            clean_before: -correction,
            ..base
        }
    });
    SamplerSteps { init_scale: 1.0, clip: None, steps: steps.collect() }
}
