//! Samplers: how a latent goes from noise to picture, one algorithm a file.
//!
//! In: a sampler's name, a number of steps and the noise [`Schedule`]. Out: [`Steps`], the whole trajectory as numbers.
//! What always holds: every sampler here is linear in the sample, the UNet's output, the clean latents it predicts and
//! the noise, so a sampler is a pure table of coefficients, made once per batch in `f64`; [`Step::advance`] is the only
//! code that touches latents. The values are diffusers' values to 1e-4.

mod ddim;
mod dpmpp;
mod euler;
mod euler_ancestral;

use super::schedule::{Prediction, Schedule};
use crate::base::error::{Error, Result};
use crate::spec::SamplerName;

/// One step of a sampler. With `x` the sample, `m` the UNet's output and `x0 = clean[0]·x + clean[1]·m` the clean latent
/// it implies (`before` is the previous step's), the next sample is
/// `sample·x + model·m + clean_now·x0 + clean_before·before + noise·n`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Step {
    /// What the UNet is told the time is.
    pub timestep: f64,
    /// The UNet sees the sample times this.
    pub input_scale: f64,
    /// Weights of sample and output in the predicted clean latent.
    pub clean: [f64; 2],
    /// Weight of the sample.
    pub sample: f64,
    /// Weight of the UNet's output.
    pub model: f64,
    /// Weight of the clean latent predicted now.
    pub clean_now: f64,
    /// Weight of the clean latent predicted one step before.
    pub clean_before: f64,
    /// Weight of fresh noise; zero means the step needs none.
    pub noise: f64,
}

/// A sampler's whole trajectory.
#[derive(Clone, Debug, PartialEq)]
pub struct Steps {
    /// Standard normal noise times this is where the sampler starts.
    pub init_scale: f64,
    /// Bound of the predicted clean latent, if there is one.
    pub clip: Option<f64>,
    /// From noisy to clean.
    pub steps: Vec<Step>,
}

impl Steps {
    /// The trajectory of `name` over `schedule` in `count` steps.
    pub fn new(name: SamplerName, count: usize, schedule: &Schedule) -> Result<Self> {
        let most = schedule.train_steps() - 1;
        if !(1..=most).contains(&count) {
            return Err(Error::invalid(format!("sampler steps must lie between 1 and {most}, not {count}")));
        }
        Ok(match name {
            SamplerName::Ddim => ddim::steps(schedule, count),
            SamplerName::Euler => euler::steps(schedule, count, false),
            SamplerName::EulerKarras => euler::steps(schedule, count, true),
            SamplerName::EulerAncestral => euler_ancestral::steps(schedule, count),
            SamplerName::Dpmpp2m => dpmpp::steps(schedule, count, false),
            SamplerName::Dpmpp2mKarras => dpmpp::steps(schedule, count, true),
        })
    }
}

impl Step {
    /// Moves one latent one step on. `before` holds the clean latent of the step before and receives this one's.
    pub fn advance(&self, clip: Option<f64>, sample: &mut [f32], model: &[f32], before: &mut [f32], noise: &[f32]) {
        for (i, x) in sample.iter_mut().enumerate() {
            let (now, m) = (f64::from(*x), f64::from(model[i]));
            let mut clean = self.clean[0] * now + self.clean[1] * m;
            if let Some(bound) = clip {
                clean = clean.clamp(-bound, bound);
            }
            let mut next = self.sample * now + self.model * m + self.clean_now * clean;
            // Skipped when zero, so that neither missing noise nor a first step's empty history can leak in.
            if self.clean_before != 0.0 {
                next += self.clean_before * f64::from(before[i]);
            }
            if self.noise != 0.0 {
                next += self.noise * f64::from(noise[i]);
            }
            before[i] = clean as f32;
            *x = next as f32;
        }
    }
}

/// The clean latent implied by a variance-exploding sample (`clean + sigma·noise`) and the UNet's output.
fn clean_from_exploding(prediction: Prediction, sigma: f64) -> [f64; 2] {
    let variance = sigma * sigma + 1.0;
    match prediction {
        Prediction::Epsilon => [1.0, -sigma],
        Prediction::VPrediction => [1.0 / variance, -sigma / variance.sqrt()],
    }
}

/// The clean latent implied by a variance-preserving sample (`signal·clean + noise·eps`) and the UNet's output.
fn clean_from_preserving(prediction: Prediction, signal: f64, noise: f64) -> [f64; 2] {
    match prediction {
        Prediction::Epsilon => [1.0 / signal, -noise / signal],
        Prediction::VPrediction => [signal, -noise],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [SamplerName; 6] = [
        SamplerName::Ddim,
        SamplerName::Euler,
        SamplerName::EulerAncestral,
        SamplerName::EulerKarras,
        SamplerName::Dpmpp2m,
        SamplerName::Dpmpp2mKarras,
    ];

    /// A UNet that always predicts the same clean latent must lead every sampler there.
    #[test]
    fn every_sampler_arrives_at_the_clean_latent() {
        for prediction in ["epsilon", "v_prediction"] {
            let json = format!(r#"{{"prediction_type": "{prediction}", "clip_sample": false}}"#);
            let schedule = Schedule::parse(json.as_bytes()).unwrap();
            for (name, count) in ALL.into_iter().flat_map(|name| [1, 2, 3, 7, 20].map(|count| (name, count))) {
                let plan = Steps::new(name, count, &schedule).unwrap();
                assert_eq!(plan.steps.len(), count);
                let (mut x, mut before) = ([plan.init_scale as f32 * 0.7], [0.0]);
                for step in &plan.steps {
                    // Solve x0 = clean[0]·x + clean[1]·m for the output m that implies x0 = 0.25.
                    let m = (0.25 - step.clean[0] * f64::from(x[0])) / step.clean[1];
                    step.advance(plan.clip, &mut x, &[m as f32], &mut before, &[0.5]);
                }
                let tolerance = if name == SamplerName::Ddim { 0.02 } else { 1e-4 };
                assert!((x[0] - 0.25).abs() < tolerance, "{name:?} {prediction} {count}: {}", x[0]);
            }
        }
    }

    #[test]
    fn a_clipped_schedule_bounds_the_clean_latent_of_ddim_only() {
        let schedule = Schedule::parse(br#"{"clip_sample": true, "clip_sample_range": 0.5}"#).unwrap();
        for name in ALL {
            let plan = Steps::new(name, 1, &schedule).unwrap();
            let (mut x, mut before) = ([100.0], [0.0]);
            plan.steps[0].advance(plan.clip, &mut x, &[0.0], &mut before, &[]);
            assert_eq!(before[0] == 0.5, name == SamplerName::Ddim, "{name:?}: {}", before[0]);
        }
    }

    #[test]
    fn only_the_ancestral_sampler_asks_for_noise_and_not_at_the_end() {
        let schedule = Schedule::parse(b"{}").unwrap();
        for name in ALL {
            let steps = Steps::new(name, 5, &schedule).unwrap().steps;
            let noisy: Vec<bool> = steps.iter().map(|step| step.noise != 0.0).collect();
            let expected = name == SamplerName::EulerAncestral;
            assert_eq!(noisy, [expected, expected, expected, expected, false], "{name:?}");
        }
    }

    #[test]
    fn impossible_step_counts_are_refused() {
        let schedule = Schedule::parse(b"{}").unwrap();
        for (name, count) in ALL.into_iter().flat_map(|name| [0, 1000, usize::MAX].map(|count| (name, count))) {
            assert!(Steps::new(name, count, &schedule).is_err(), "{name:?} {count}");
        }
        for name in ALL {
            let steps = Steps::new(name, 999, &schedule).unwrap().steps;
            assert!(
                steps.iter().all(|s| s.sample.is_finite() && s.clean_now.is_finite() && s.clean_before.is_finite()),
                "{name:?}"
            );
        }
    }
}
