//! The noise schedule a UNet was trained with, and the timesteps at which samplers stop on it.
//!
//! Takes a bundle's `scheduler/scheduler_config.json` (diffusers' own names) and a number of steps; returns cumulative
//! alphas, sigmas and timesteps, from which each sampler makes its steps.
//!
//! # Invariants
//!
//! The values are diffusers' values. A schedule that this file cannot reproduce is refused, not approximated.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::base::error::{Context, Error, Kind, Result};

/// The growth of the betas over the training steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BetaSchedule {
    /// Evenly spaced betas (Ho et al. 2020, arXiv 2006.11239).
    Linear,
    /// Evenly spaced square roots of betas (Rombach et al. 2022, arXiv 2112.10752): Stable Diffusion's.
    ScaledLinear,
    /// The cosine schedule (Nichol and Dhariwal 2021, arXiv 2102.09672).
    #[serde(rename = "squaredcos_cap_v2")]
    SquaredcosCapV2,
}

/// The quantity that the UNet predicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prediction {
    /// The noise.
    Epsilon,
    /// The velocity (Salimans and Ho 2022, arXiv 2202.00512).
    VPrediction,
}

/// The placement of the steps on the training schedule (Lin et al. 2024, arXiv 2305.08891, table 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spacing {
    /// From the first training step upwards; the noisiest step is left out.
    Leading,
    /// Both ends included.
    Linspace,
    /// From the last training step downwards.
    Trailing,
}

/// The fields of diffusers' `scheduler_config.json` that matter here; other keys are ignored.
#[derive(Deserialize)]
#[serde(default)]
struct Config {
    num_train_timesteps: usize,
    beta_start: f64,
    beta_end: f64,
    beta_schedule: BetaSchedule,
    prediction_type: Prediction,
    timestep_spacing: Option<Spacing>,
    steps_offset: usize,
    set_alpha_to_one: bool,
    clip_sample: bool,
    clip_sample_range: f64,
    rescale_betas_zero_snr: bool,
    thresholding: bool,
    trained_betas: Option<Vec<f64>>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            num_train_timesteps: 1000,
            beta_start: 0.0001,
            beta_end: 0.02,
            beta_schedule: BetaSchedule::Linear,
            prediction_type: Prediction::Epsilon,
            timestep_spacing: None,
            steps_offset: 0,
            set_alpha_to_one: true,
            // diffusers' DDIM class says true, its Stable Diffusion pipelines say false: latents are not in [-1, 1].
            clip_sample: false,
            clip_sample_range: 1.0,
            rescale_betas_zero_snr: false,
            thresholding: false,
            trained_betas: None,
        }
    }
}

/// A checked noise schedule.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// The quantity that the UNet predicts.
    pub prediction: Prediction,
    /// The placement of the steps; `None` means each sampler's own default, as in diffusers.
    pub spacing: Option<Spacing>,
    /// The offset added to every timestep of leading spacing.
    pub steps_offset: usize,
    /// The bound of the predicted clean latent, if it is bounded; DDIM only.
    pub clip: Option<f64>,
    /// The cumulative alpha after the last step; DDIM only.
    pub final_alpha: f64,
    beta_schedule: BetaSchedule,
    // Tables of f32 values, as training and diffusers have them: what is rounded or cut later must fall the same way.
    alphas: Vec<f64>,
    sigmas: Vec<f64>,
    log_sigmas: Vec<f64>,
}

impl Schedule {
    /// Parses and checks a `scheduler_config.json`.
    ///
    /// # Errors
    ///
    /// [`Kind::Invalid`] if the file is not a schedule that this program can reproduce.
    pub fn parse(json: &[u8]) -> Result<Self> {
        let unknown = || "scheduler/scheduler_config.json is not a schedule this program knows";
        // Python writes numbers that are no JSON (diffusers' `lambda_min_clipped` is -Infinity); none is needed.
        let json = std::str::from_utf8(json).context(Kind::Invalid, unknown)?;
        let json = json.replace("-Infinity", "null").replace("Infinity", "null").replace("NaN", "null");
        let object: Map<String, Value> = serde_json::from_str(&json).context(Kind::Invalid, unknown)?;
        let config = Config::deserialize(Value::Object(object)).context(Kind::Invalid, unknown)?;
        let refuse = |what: &str| Err(Error::invalid(format!("scheduler/scheduler_config.json: {what}")));
        if config.rescale_betas_zero_snr || config.thresholding || config.trained_betas.is_some() {
            return refuse("rescale_betas_zero_snr, thresholding and trained_betas are not supported");
        }
        if !(2..=100_000).contains(&config.num_train_timesteps) {
            return refuse("num_train_timesteps must lie between 2 and 100000");
        }
        if !(config.beta_start > 0.0 && config.beta_start <= config.beta_end && config.beta_end < 1.0) {
            return refuse("betas must satisfy 0 < beta_start <= beta_end < 1");
        }
        if config.steps_offset >= config.num_train_timesteps {
            return refuse("steps_offset must be smaller than num_train_timesteps");
        }
        if !(config.clip_sample_range > 0.0 && config.clip_sample_range.is_finite()) {
            return refuse("clip_sample_range must be a positive number");
        }
        let alphas = cumulative_alphas(&config);
        let sigmas: Vec<f64> = alphas.iter().map(|alpha| single(((1.0 - alpha) / alpha).sqrt())).collect();
        let log_sigmas = sigmas.iter().map(|sigma| single(libm::log(*sigma))).collect();
        Ok(Self {
            prediction: config.prediction_type,
            spacing: config.timestep_spacing,
            steps_offset: config.steps_offset,
            clip: config.clip_sample.then_some(config.clip_sample_range),
            final_alpha: if config.set_alpha_to_one { 1.0 } else { alphas[0] },
            beta_schedule: config.beta_schedule,
            alphas,
            sigmas,
            log_sigmas,
        })
    }

    /// Returns the number of steps that the UNet was trained on.
    pub(crate) fn train_steps(&self) -> usize {
        self.alphas.len()
    }

    /// Returns the cumulative alpha at a training timestep (beyond the last one: the last one's).
    pub fn alpha(&self, timestep: usize) -> f64 {
        self.alphas[timestep.min(self.alphas.len() - 1)]
    }

    /// Returns the noise level `sqrt((1 - alpha) / alpha)` at a timestep, interpolated between training steps.
    pub(crate) fn sigma(&self, timestep: f64) -> f64 {
        let last = self.alphas.len() - 1;
        let timestep = timestep.clamp(0.0, last as f64);
        let low = (timestep as usize).min(last - 1);
        let weight = timestep - low as f64;
        self.sigmas[low] + weight * (self.sigmas[low + 1] - self.sigmas[low])
    }

    /// Returns the (fractional) training timestep whose noise level is `sigma`, interpolated in the logarithm.
    pub(crate) fn timestep_of(&self, sigma: f64) -> f64 {
        let target = libm::log(sigma.max(1e-10));
        let table = &self.log_sigmas;
        let above = table.partition_point(|log_sigma| *log_sigma <= target);
        let low = above.saturating_sub(1).min(table.len() - 2);
        let weight = (table[low] - target) / (table[low] - table[low + 1]);
        low as f64 + weight.clamp(0.0, 1.0)
    }

    /// Returns whether diffusers' DPM-Solver++ keeps fractional timesteps with Karras sigmas.
    pub(crate) fn is_cosine(&self) -> bool {
        self.beta_schedule == BetaSchedule::SquaredcosCapV2
    }

    /// Returns `steps` timesteps from noisy to clean, spaced over the whole schedule (DDIM, Euler).
    pub fn timesteps(&self, spacing: Spacing, steps: usize) -> Vec<f64> {
        let train = self.train_steps();
        match spacing {
            Spacing::Linspace => linspace(0.0, (train - 1) as f64, steps).into_iter().rev().collect(),
            Spacing::Leading => self.leading(train / steps, 0, steps),
            Spacing::Trailing => trailing(train, steps),
        }
    }

    /// Returns `steps` timesteps from noisy to clean as DPM-Solver++ spaces them: of `steps + 1` places the last is the
    /// end.
    pub(crate) fn timesteps_before_end(&self, spacing: Spacing, steps: usize) -> Vec<f64> {
        let train = self.train_steps();
        match spacing {
            Spacing::Linspace => linspace(0.0, (train - 1) as f64, steps + 1)
                .into_iter()
                .skip(1)
                .rev()
                .map(f64::round_ties_even)
                .collect(),
            Spacing::Leading => self.leading(train / (steps + 1), 1, steps),
            Spacing::Trailing => trailing(train, steps),
        }
    }

    fn leading(&self, ratio: usize, first: usize, steps: usize) -> Vec<f64> {
        (first..first + steps).rev().map(|i| (i * ratio + self.steps_offset) as f64).collect()
    }
}

/// Returns noise levels spaced as in Karras et al. 2022 (arXiv 2206.00364, equation 5, rho 7) from `max` down to `min`.
pub fn karras(max: f64, min: f64, steps: usize) -> Vec<f64> {
    const RHO: f64 = 7.0;
    let (from, to) = (libm::pow(max, 1.0 / RHO), libm::pow(min, 1.0 / RHO));
    linspace(0.0, 1.0, steps).into_iter().map(|ramp| libm::pow(from + ramp * (to - from), RHO)).collect()
}

fn trailing(train: usize, steps: usize) -> Vec<f64> {
    let ratio = train as f64 / steps as f64;
    (0..steps).map(|i| (train as f64 - i as f64 * ratio).round_ties_even() - 1.0).collect()
}

fn linspace(from: f64, to: f64, count: usize) -> Vec<f64> {
    let step = (to - from) / (count.max(2) - 1) as f64;
    (0..count).map(|i| if i > 0 && i + 1 == count { to } else { from + i as f64 * step }).collect()
}

/// Rounds a number to what an `f32` can hold.
fn single(value: f64) -> f64 {
    f64::from(value as f32)
}

fn cumulative_alphas(config: &Config) -> Vec<f64> {
    let count = config.num_train_timesteps;
    let betas: Vec<f64> = match config.beta_schedule {
        BetaSchedule::Linear => linspace(config.beta_start, config.beta_end, count),
        BetaSchedule::ScaledLinear => linspace(config.beta_start.sqrt(), config.beta_end.sqrt(), count)
            .into_iter()
            .map(|root| root * root)
            .collect(),
        BetaSchedule::SquaredcosCapV2 => {
            let root = |t: f64| libm::cos((t + 0.008) / 1.008 * std::f64::consts::FRAC_PI_2);
            let at = |i: usize| root(i as f64 / count as f64) * root(i as f64 / count as f64);
            (0..count).map(|i| (1.0 - at(i + 1) / at(i)).min(0.999)).collect()
        }
    };
    let mut product = 1.0;
    betas
        .into_iter()
        .map(|beta| {
            product *= f64::from(1.0 - beta as f32);
            single(product)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(json: &str) -> Schedule {
        Schedule::parse(json.as_bytes()).unwrap()
    }

    #[test]
    fn noise_grows_with_time_on_every_schedule() {
        for kind in ["linear", "scaled_linear", "squaredcos_cap_v2"] {
            let schedule = schedule(&format!(r#"{{"beta_schedule": "{kind}"}}"#));
            let sigmas: Vec<f64> = (0..1000).map(|t| schedule.sigma(f64::from(t))).collect();
            assert!(sigmas.windows(2).all(|pair| pair[0] < pair[1]), "{kind}");
        }
    }

    #[test]
    fn timestep_of_inverts_sigma() {
        let schedule = schedule("{}");
        for t in [0.0, 1.0, 250.0, 998.0, 999.0] {
            assert!((schedule.timestep_of(schedule.sigma(t)) - t).abs() < 1e-4, "{t}");
        }
        assert_eq!(schedule.timestep_of(0.0), 0.0);
        assert_eq!(schedule.timestep_of(1e9), 999.0);
    }

    #[test]
    fn spacings_are_those_of_the_paper() {
        let schedule = schedule(r#"{"steps_offset": 1}"#);
        assert_eq!(schedule.timesteps(Spacing::Leading, 4), [751.0, 501.0, 251.0, 1.0]);
        assert_eq!(schedule.timesteps(Spacing::Linspace, 4), [999.0, 666.0, 333.0, 0.0]);
        assert_eq!(schedule.timesteps(Spacing::Trailing, 4), [999.0, 749.0, 499.0, 249.0]);
        assert_eq!(schedule.timesteps_before_end(Spacing::Linspace, 4), [999.0, 749.0, 500.0, 250.0]);
    }

    #[test]
    fn what_python_writes_for_infinity_is_no_obstacle() {
        assert_eq!(schedule(r#"{"lambda_min_clipped": -Infinity, "sigma_max": NaN}"#).train_steps(), 1000);
    }

    #[test]
    fn schedules_it_cannot_reproduce_are_refused() {
        for json in [
            r#"{"prediction_type": "sample"}"#,
            r#"{"beta_schedule": "exotic"}"#,
            r#"{"rescale_betas_zero_snr": true}"#,
            r#"{"num_train_timesteps": 1}"#,
            r#"{"num_train_timesteps": 999999999}"#,
            r#"{"beta_start": 0.5, "beta_end": 0.1}"#,
            r#"{"beta_end": 1e999}"#,
            r#"{"beta_end": Infinity}"#,
            r#"{"steps_offset": 5000}"#,
            "[]",
            "",
        ] {
            assert_eq!(Schedule::parse(json.as_bytes()).unwrap_err().kind(), Kind::Invalid, "{json}");
        }
    }
}
