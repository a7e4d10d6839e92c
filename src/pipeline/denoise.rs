//! The denoising loop: noise to clean latents, a whole batch at once.
//!
//! Takes one [`LatentRequest`] per image and one [`SamplerSteps`] for all of them; returns clean latents.
//!
//! # Invariants
//!
//! Every step is one UNet run with all branches of all images. Images never mix: ONNX Runtime's CPU kernels give a
//! row the same bits in any batch (checked by `tests/it/parity.rs`), and all other arithmetic is per image.

use std::ops::ControlFlow;

use super::bundle::UNET;
use super::generated::{OnStep, StepProgress};
use super::guidance::{Condition, WeightedBranch, combine};
use super::loader::ModelLoader;
use super::noise::{Stream, normals};
use super::sampler::SamplerSteps;
use super::session::{Input, Model, Port, Ports};
use super::text_encoder::{StatesShape, TokenStates};
use crate::base::error::{Error, Kind, Result};

/// The token states of an image's three prompts.
pub struct PromptStates {
    /// The states of the negative prompt.
    pub negative: TokenStates,
    /// The states of the category prompt.
    pub category: TokenStates,
    /// The states of the style prompt.
    pub style: TokenStates,
}

/// The inputs that decide one image's latent.
pub struct LatentRequest {
    /// The job's seed.
    pub seed: u64,
    /// The number of the attempt.
    pub attempt: u32,
    /// The branches to run.
    pub branches: Vec<WeightedBranch>,
    /// The token states of the prompts.
    pub states: PromptStates,
    /// The style scale of each cross-attention layer; for the styled branch only.
    pub style_scale: Vec<f32>,
}

/// The starting point of a batch's denoising.
pub struct Start<'a> {
    /// A standard normal latent for each image.
    pub latents: Vec<Vec<f32>>,
    /// The edge of the latents, in cells.
    pub edge: usize,
    /// The noise that an ancestral sampler adds to an image after a step.
    pub noise: &'a dyn Fn(&LatentRequest, usize) -> Vec<f32>,
}

/// A bundle's UNet.
pub struct Denoiser {
    model: Model,
    channels: usize,
    layers: usize,
    states: StatesShape,
}

/// The UNet's inputs besides sample and time, the same in every step.
struct Conditions {
    category: Vec<f32>,
    style: Vec<f32>,
    scale: Vec<f32>,
}

impl Denoiser {
    /// Loads the UNet, which must read token states of the given shape.
    ///
    /// # Errors
    ///
    /// As [`ModelLoader::load`].
    pub fn load(loader: &ModelLoader, states: StatesShape) -> Result<Self> {
        let (spec, width) = (loader.spec(), states.width);
        let (channels, layers) = (spec.latent.channels, spec.cross_attention_layers);
        let latent = [None, Some(channels), None, None];
        let inputs = [
            Port::f32("sample", latent),
            Port::f32("timestep", [None]),
            Port::f32("encoder_hidden_states", [None, None, Some(width)]),
            Port::f32("encoder_hidden_states_style", [None, None, Some(width)]),
            Port::f32("style_scale", [None, Some(layers)]),
        ];
        let outputs = [Port::f32("out_sample", latent)];
        let model = loader.load(UNET, Ports { inputs: &inputs, outputs: &outputs })?;
        Ok(Self { model, channels, layers, states })
    }

    /// Draws each item's initial latent from its seed and denoises it; `edge` is the latents' edge.
    ///
    /// # Errors
    ///
    /// [`Kind::Transient`] if `on_step` breaks off; as [`Model::run`] if the UNet fails.
    pub fn run(
        &mut self,
        items: &[LatentRequest],
        edge: usize,
        steps: &SamplerSteps,
        on_step: OnStep<'_>,
    ) -> Result<Vec<Vec<f32>>> {
        let count = self.channels * edge * edge;
        let initial = |item: &LatentRequest| normals(item.seed, item.attempt, Stream::Initial, count);
        let noise = |item: &LatentRequest, step| normals(item.seed, item.attempt, Stream::Step(step), count);
        let start = Start { latents: items.iter().map(initial).collect(), edge, noise: &noise };
        self.run_from(items, start, steps, on_step)
    }

    /// Denoises from given latents with given step noise.
    ///
    /// # Errors
    ///
    /// As [`Denoiser::run`].
    pub fn run_from(
        &mut self,
        items: &[LatentRequest],
        start: Start<'_>,
        steps: &SamplerSteps,
        on_step: OnStep<'_>,
    ) -> Result<Vec<Vec<f32>>> {
        let Start { mut latents, edge, noise } = start;
        if items.is_empty() {
            return Ok(Vec::new());
        }
        let count = self.channels * edge * edge;
        latents.iter_mut().flatten().for_each(|x| *x = (f64::from(*x) * steps.init_scale) as f32);
        let conditions = self.conditions(items);
        let mut before = vec![vec![0.0; count]; items.len()];
        let mut guided = vec![0.0; count];
        for (index, step) in steps.steps.iter().enumerate() {
            let sample: Vec<f32> = items
                .iter()
                .zip(&latents)
                .flat_map(|(item, latent)| item.branches.iter().flat_map(move |_| latent))
                .map(|x| (f64::from(*x) * step.input_scale) as f32)
                .collect();
            let output = self.predict(&sample, step.timestep as f32, &conditions, edge)?;
            let mut outputs = output.chunks_exact(count);
            for (image, item) in items.iter().enumerate() {
                let branches: Vec<(&[f32], f64)> =
                    item.branches.iter().zip(&mut outputs).map(|(branch, out)| (out, branch.weight)).collect();
                combine(&branches, &mut guided);
                let fresh = if step.noise == 0.0 { Vec::new() } else { noise(item, index) };
                step.advance(steps.clip, &mut latents[image], &guided, &mut before[image], &fresh);
            }
            let progress = StepProgress { step: index + 1, steps: steps.steps.len(), images: items.len() };
            if on_step(progress) == ControlFlow::Break(()) {
                return Err(Error::new(Kind::Transient, "generation was stopped"));
            }
        }
        Ok(latents)
    }

    fn conditions(&self, items: &[LatentRequest]) -> Conditions {
        let rows = || items.iter().flat_map(|item| item.branches.iter().map(move |branch| (item, branch.condition)));
        let none = vec![0.0; self.layers];
        // The styled branch alone reads two prompts; scale 0 elsewhere keeps the UNet's plain path to the bit.
        let category = |(item, condition): (&LatentRequest, Condition)| match condition {
            Condition::Negative => item.states.negative.to_vec(),
            Condition::Category | Condition::Styled => item.states.category.to_vec(),
        };
        let style = |(item, condition): (&LatentRequest, Condition)| match condition {
            Condition::Negative => item.states.negative.to_vec(),
            Condition::Category => item.states.category.to_vec(),
            Condition::Styled => item.states.style.to_vec(),
        };
        Conditions {
            category: rows().flat_map(category).collect(),
            style: rows().flat_map(style).collect(),
            scale: rows()
                .flat_map(
                    |(item, condition)| {
                        if condition == Condition::Styled { item.style_scale.clone() } else { none.clone() }
                    },
                )
                .collect(),
        }
    }

    fn predict(&mut self, sample: &[f32], timestep: f32, conditions: &Conditions, edge: usize) -> Result<Vec<f32>> {
        let rows = conditions.scale.len() / self.layers;
        let latent = [rows, self.channels, edge, edge];
        let states = [rows, self.states.length, self.states.width];
        let time = vec![timestep; rows];
        let inputs = [
            ("sample", Input::F32(sample, &latent)),
            ("timestep", Input::F32(&time, &[rows])),
            ("encoder_hidden_states", Input::F32(&conditions.category, &states)),
            ("encoder_hidden_states_style", Input::F32(&conditions.style, &states)),
            ("style_scale", Input::F32(&conditions.scale, &[rows, self.layers])),
        ];
        Ok(self.model.run(&inputs, &[("out_sample", &latent)])?.concat())
    }
}
