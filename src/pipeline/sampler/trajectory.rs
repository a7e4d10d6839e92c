//! The trajectory of each sampler: selects the algorithm that computes the steps of a sampler's name.

use super::step::SamplerSteps;
use super::{ddim, dpmpp, euler, euler_ancestral};
use crate::base::error::{Error, Result};
use crate::pipeline::schedule::Schedule;
use crate::spec::SamplerName;

impl SamplerSteps {
    /// Computes the trajectory of `name` over `schedule` in `count` steps.
    ///
    /// # Errors
    ///
    /// [`Kind::Invalid`](crate::base::error::Kind::Invalid) if the schedule has no room for so many steps.
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

    /// Checks that a UNet that always predicts the same clean latent leads every sampler to it.
    #[test]
    fn every_sampler_arrives_at_the_clean_latent() {
        for prediction in ["epsilon", "v_prediction"] {
            let json = format!(r#"{{"prediction_type": "{prediction}", "clip_sample": false}}"#);
            let schedule = Schedule::parse(json.as_bytes()).unwrap();
            for (name, count) in ALL.into_iter().flat_map(|name| [1, 2, 3, 7, 20].map(|count| (name, count))) {
                let plan = SamplerSteps::new(name, count, &schedule).unwrap();
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
            let plan = SamplerSteps::new(name, 1, &schedule).unwrap();
            let (mut x, mut before) = ([100.0], [0.0]);
            plan.steps[0].advance(plan.clip, &mut x, &[0.0], &mut before, &[]);
            assert_eq!(before[0] == 0.5, name == SamplerName::Ddim, "{name:?}: {}", before[0]);
        }
    }

    #[test]
    fn only_the_ancestral_sampler_asks_for_noise_and_not_at_the_end() {
        let schedule = Schedule::parse(b"{}").unwrap();
        for name in ALL {
            let steps = SamplerSteps::new(name, 5, &schedule).unwrap().steps;
            let noisy: Vec<bool> = steps.iter().map(|step| step.noise != 0.0).collect();
            let expected = name == SamplerName::EulerAncestral;
            assert_eq!(noisy, [expected, expected, expected, expected, false], "{name:?}");
        }
    }

    #[test]
    fn impossible_step_counts_are_refused() {
        let schedule = Schedule::parse(b"{}").unwrap();
        for (name, count) in ALL.into_iter().flat_map(|name| [0, 1000, usize::MAX].map(|count| (name, count))) {
            assert!(SamplerSteps::new(name, count, &schedule).is_err(), "{name:?} {count}");
        }
        for name in ALL {
            let steps = SamplerSteps::new(name, 999, &schedule).unwrap().steps;
            assert!(
                steps.iter().all(|s| s.sample.is_finite() && s.clean_now.is_finite() && s.clean_before.is_finite()),
                "{name:?}"
            );
        }
    }
}
