//! Steps of a sampler: tables of coefficients, and the one function that applies them to latents.

use crate::pipeline::schedule::Prediction;

/// One step of a sampler. With `x` the sample, `m` the UNet's output and `x0 = clean[0]·x + clean[1]·m` the clean
/// latent it implies (`before` is the previous step's), the next sample is `sample·x + model·m + clean_now·x0 +
/// clean_before·before + noise·n`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SamplerStep {
    /// The timestep that the UNet gets.
    pub timestep: f64,
    /// The factor on the sample before the UNet gets it.
    pub input_scale: f64,
    /// The weights of sample and output in the predicted clean latent.
    pub clean: [f64; 2],
    /// The weight of the sample.
    pub sample: f64,
    /// The weight of the UNet's output.
    pub model: f64,
    /// The weight of the clean latent predicted now.
    pub clean_now: f64,
    /// The weight of the clean latent predicted one step before.
    pub clean_before: f64,
    /// The weight of fresh noise; zero means that the step needs none.
    pub noise: f64,
}

/// A sampler's whole trajectory.
#[derive(Clone, Debug, PartialEq)]
pub struct SamplerSteps {
    /// The factor on standard normal noise that gives the sampler's first sample.
    pub init_scale: f64,
    /// The bound of the predicted clean latent, if there is one.
    pub clip: Option<f64>,
    /// The steps, from noisy to clean.
    pub steps: Vec<SamplerStep>,
}

impl SamplerStep {
    /// Advances one latent by one step. `before` holds the clean latent of the step before and receives this one's.
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

/// Returns the weights of sample and output in the clean latent implied by a variance-exploding sample (`clean +
/// sigma·noise`) and the UNet's output.
pub(super) fn clean_from_exploding(prediction: Prediction, sigma: f64) -> [f64; 2] {
    let variance = sigma * sigma + 1.0;
    match prediction {
        Prediction::Epsilon => [1.0, -sigma],
        Prediction::VPrediction => [1.0 / variance, -sigma / variance.sqrt()],
    }
}

/// Returns the weights of sample and output in the clean latent implied by a variance-preserving sample
/// (`signal·clean + noise·eps`) and the UNet's output.
pub(super) fn clean_from_preserving(prediction: Prediction, signal: f64, noise: f64) -> [f64; 2] {
    match prediction {
        Prediction::Epsilon => [1.0 / signal, -noise / signal],
        Prediction::VPrediction => [signal, -noise],
    }
}
