//! Samplers: how a latent goes from noise to an image, one algorithm a file.
//!
//! Takes a sampler's name, a number of steps and the noise schedule; returns [`SamplerSteps`], the whole trajectory as
//! numbers.
//!
//! # Invariants
//!
//! Every sampler here is linear in the sample, the UNet's output, the clean latents it predicts and the noise, so a
//! sampler is a pure table of coefficients, made once per batch in `f64`; [`SamplerStep::advance`] is the only code
//! that touches latents. The values are diffusers' values to 1e-4.

mod ddim;
mod dpmpp;
mod euler;
mod euler_ancestral;
mod step;
mod trajectory;

pub use step::{SamplerStep, SamplerSteps};
