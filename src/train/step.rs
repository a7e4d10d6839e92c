//! One training step: the graph that the bundle carries, run with a batch.
//!
//! Takes a bundle, the vector to train, a [`TrainingBatch`] and [`StepRates`]; returns the losses, and the vector one
//! step further.
//!
//! # Invariants
//!
//! A step is taken whole or not at all. Losses that are not finite stop the training with an error.

use super::layout::TrainingLayout;
use crate::base::error::{Error, Kind, Result};
use crate::pipeline::ModelLoader;
use crate::pipeline::bundle;
use crate::pipeline::session::{Input, Model, Port, Ports};

/// The learning rate, weight decay and loss weights of a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepRates {
    /// AdamW's learning rate; 0 only computes losses.
    pub learning_rate: f32,
    /// AdamW's decoupled weight decay, which for low-rank weights pulls towards the stock encoder.
    pub weight_decay: f32,
    /// The weight of the cross-entropy.
    pub cross_entropy: f32,
    /// The weight of the triplet loss.
    pub triplet: f32,
    /// The weight of the denoising loss.
    pub denoising: f32,
    /// The margin of the triplet loss, in cosine similarity.
    pub margin: f32,
}

/// The losses of one step.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Losses {
    /// The weighted sum that is minimised.
    pub loss: f32,
    /// The cross-entropy of images against the prompts they are compared with.
    pub cross_entropy: f32,
    /// The triplet loss: how far images are from being nearer, by the margin, to their own prompt than to others.
    pub triplet: f32,
    /// The mean squared error of the UNet's prediction; 0 without the UNet.
    pub denoising: f32,
    /// The share of images that find their own prompt.
    pub accuracy: f32,
}

/// Image features and the prompts they are compared with, row-major: `n` images and `m` prompts of the layout's
/// [`BatchSizes`](super::layout::BatchSizes).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ContrastBatch {
    /// The image features from the frozen image encoder, `[n, P]`.
    pub image_features: Vec<f32>,
    /// The token ids of the prompts, `[m, L]`.
    pub input_ids: Vec<i64>,
    /// The share of each prompt that is right for an image, `[n, m]`; a row sums to 1, or to 0 where there is no image.
    pub targets: Vec<f32>,
    /// The mask of prompts that an image is compared with (1) or not (0), `[n, m]`.
    pub allowed: Vec<f32>,
}

/// Noisy latents that the UNet denoises conditioned on the encoder's prompts: `b` pictures of the layout's
/// [`BatchSizes`](super::layout::BatchSizes).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DenoisingBatch {
    /// The noisy latents, `[b, C, h, w]`.
    pub noisy_latents: Vec<f32>,
    /// The timesteps, `[b]`.
    pub timesteps: Vec<f32>,
    /// The targets of the UNet's prediction, `[b, C, h, w]`.
    pub noise_targets: Vec<f32>,
    /// The stock encoder's states of the category's prompts, `[b, L, D]`.
    pub encoder_hidden_states: Vec<f32>,
    /// The token ids of the prompts that the trained encoder reads, `[b, L]`.
    pub style_ids: Vec<i64>,
    /// The style scale of each cross-attention layer, `[b, layers]`.
    pub style_scale: Vec<f32>,
}

/// The data of one step.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainingBatch {
    /// The image features and prompts, which every graph takes.
    pub contrast: ContrastBatch,
    /// The noisy latents, for a graph with the UNet and only for it.
    pub denoising: Option<DenoisingBatch>,
}

/// AdamW's state between steps.
#[derive(Clone, Debug, PartialEq)]
pub struct OptimizerState {
    /// The trained vector.
    pub params: Vec<f32>,
    /// The running mean of the gradients.
    pub first_moment: Vec<f32>,
    /// The running mean of their squares.
    pub second_moment: Vec<f32>,
    /// The number of steps taken.
    pub steps: u32,
}

impl OptimizerState {
    /// Returns the state before the first step.
    pub fn new(params: Vec<f32>) -> Self {
        let zeros = vec![0.0; params.len()];
        Self { params, first_moment: zeros.clone(), second_moment: zeros, steps: 0 }
    }
}

/// The fixed axes of a graph's inputs.
#[derive(Clone, Copy, Debug)]
struct Axes {
    length: usize,
    features: usize,
    width: usize,
    latent: [usize; 3],
    layers: usize,
}

/// A loaded training graph.
pub struct TrainingStep {
    model: Model,
    layout: TrainingLayout,
    axes: Axes,
}

const OUTPUTS: [&str; 8] = [
    "loss",
    "cross_entropy",
    "triplet",
    "denoising",
    "accuracy",
    "params_out",
    "first_moment_out",
    "second_moment_out",
];
const SCALARS: [&str; 7] =
    ["step", "learning_rate", "weight_decay", "cross_entropy_weight", "triplet_weight", "denoising_weight", "margin"];

impl TrainingStep {
    /// Loads the bundle's graph, the one through the UNet if `denoising` is asked for.
    ///
    /// # Errors
    ///
    /// [`Kind::Invalid`] if the bundle carries no such graph; as [`ModelLoader::load`].
    pub fn load(loader: &ModelLoader, denoising: bool) -> Result<Self> {
        let (model, layout) = if denoising {
            (bundle::TRAIN_STEP_DENOISING, "train_step_denoising/layout.json")
        } else {
            (bundle::TRAIN_STEP, "train_step/layout.json")
        };
        let (bundle, spec) = (loader.bundle(), loader.spec());
        if !spec.files.contains_key(model) {
            return Err(Error::invalid(format!("the bundle {} carries no training step", bundle.manifest().name))
                .hint("export it with its training steps (models/README.md), or use a bundle that has them"));
        }
        let layout = TrainingLayout::parse(&bundle.read(layout)?, layout)?;
        let (length, n, m, b) =
            (spec.tokenizer.max_length, layout.batch.images, layout.batch.prompts, layout.batch.pictures);
        let edge = spec.sizes.first().map_or(0, |size| (size / spec.latent.downscale) as usize);
        let vector = |name| Port::f32(name, [Some(layout.parameters)]);
        let mut inputs = vec![vector("params"), vector("first_moment"), vector("second_moment")];
        inputs.extend(SCALARS.map(|name| Port::f32(name, [])));
        inputs.push(Port::f32("image_features", [Some(n), None]));
        inputs.push(Port::i64("input_ids", [Some(m), Some(length)]));
        inputs.push(Port::f32("targets", [Some(n), Some(m)]));
        inputs.push(Port::f32("allowed", [Some(n), Some(m)]));
        let latent = [spec.latent.channels, edge, edge];
        if denoising {
            let latents = [Some(b), Some(latent[0]), Some(edge), Some(edge)];
            inputs.push(Port::f32("noisy_latents", latents));
            inputs.push(Port::f32("timesteps", [Some(b)]));
            inputs.push(Port::f32("noise_targets", latents));
            inputs.push(Port::f32("encoder_hidden_states", [Some(b), Some(length), None]));
            inputs.push(Port::i64("style_ids", [Some(b), Some(length)]));
            inputs.push(Port::f32("style_scale", [Some(b), Some(spec.cross_attention_layers)]));
        }
        let outputs: Vec<Port> = OUTPUTS
            .iter()
            .map(|name| if name.ends_with("_out") { vector(name) } else { Port::f32(name, []) })
            .collect();
        let model = loader.load(model, Ports { inputs: &inputs, outputs: &outputs })?;
        let fixed = |name: &str, axis| {
            let size = model.input_axis(name, axis);
            size.ok_or_else(|| Error::invalid(format!("the training step's input {name} has no fixed size")))
        };
        let features = fixed("image_features", 1)?;
        let width = if denoising { fixed("encoder_hidden_states", 2)? } else { 0 };
        let axes = Axes { length, features, width, latent, layers: spec.cross_attention_layers };
        Ok(Self { model, layout, axes })
    }

    /// Returns the layout of the trained vector.
    pub fn layout(&self) -> &TrainingLayout {
        &self.layout
    }

    /// Returns the length of an image feature.
    pub fn features(&self) -> usize {
        self.axes.features
    }

    /// Takes one step: advances `state` and returns the losses of the batch before the step.
    ///
    /// # Errors
    ///
    /// [`Kind::Permanent`] if the training diverged; as [`Model::run`].
    pub fn take(&mut self, state: &mut OptimizerState, batch: &TrainingBatch, rates: &StepRates) -> Result<Losses> {
        let (losses, vectors) = self.run(state, batch, rates)?;
        let [params, first_moment, second_moment] = vectors;
        if params.iter().any(|value| !value.is_finite()) {
            return Err(diverged(state.steps + 1));
        }
        *state = OptimizerState { params, first_moment, second_moment, steps: state.steps + 1 };
        Ok(losses)
    }

    /// Returns the losses of a batch without learning.
    ///
    /// # Errors
    ///
    /// As [`TrainingStep::take`].
    pub fn evaluate(&mut self, state: &OptimizerState, batch: &TrainingBatch, rates: &StepRates) -> Result<Losses> {
        Ok(self.run(state, batch, &StepRates { learning_rate: 0.0, ..*rates })?.0)
    }

    fn run(
        &mut self,
        state: &OptimizerState,
        batch: &TrainingBatch,
        rates: &StepRates,
    ) -> Result<(Losses, [Vec<f32>; 3])> {
        let p = [self.layout.parameters];
        let (n, m, b) = (self.layout.batch.images, self.layout.batch.prompts, self.layout.batch.pictures);
        let Axes { length, features, width, latent: [c, h, w], layers } = self.axes;
        let ContrastBatch { image_features, input_ids, targets, allowed } = &batch.contrast;
        let number = (state.steps + 1) as f32;
        let scalars = [
            [number],
            [rates.learning_rate],
            [rates.weight_decay],
            [rates.cross_entropy],
            [rates.triplet],
            [rates.denoising],
            [rates.margin],
        ];
        let (images, prompts, pairs) = ([n, features], [m, length], [n, m]);
        let (latents, states, tokens, scales) = ([b, c, h, w], [b, length, width], [b, length], [b, layers]);
        let mut inputs = vec![
            ("params", Input::F32(&state.params, &p)),
            ("first_moment", Input::F32(&state.first_moment, &p)),
            ("second_moment", Input::F32(&state.second_moment, &p)),
            ("image_features", Input::F32(image_features, &images)),
            ("input_ids", Input::I64(input_ids, &prompts)),
            ("targets", Input::F32(targets, &pairs)),
            ("allowed", Input::F32(allowed, &pairs)),
        ];
        inputs.extend(SCALARS.iter().zip(&scalars).map(|(name, value)| (*name, Input::F32(value, &[]))));
        if let Some(noise) = &batch.denoising {
            inputs.extend([
                ("noisy_latents", Input::F32(&noise.noisy_latents, &latents)),
                ("timesteps", Input::F32(&noise.timesteps, &latents[..1])),
                ("noise_targets", Input::F32(&noise.noise_targets, &latents)),
                ("encoder_hidden_states", Input::F32(&noise.encoder_hidden_states, &states)),
                ("style_ids", Input::I64(&noise.style_ids, &tokens)),
                ("style_scale", Input::F32(&noise.style_scale, &scales)),
            ]);
        }
        let wanted = OUTPUTS.map(|name| (name, if name.ends_with("_out") { &p[..] } else { &[] }));
        let mut outputs = self.model.run(&inputs, &wanted)?.into_iter();
        let mut next = || outputs.next().unwrap_or_default();
        let [loss, cross_entropy, triplet, denoising, accuracy] =
            std::array::from_fn(|_| next().first().copied().unwrap_or(f32::NAN));
        let losses = Losses { loss, cross_entropy, triplet, denoising, accuracy };
        if !loss.is_finite() {
            return Err(diverged(state.steps + 1));
        }
        Ok((losses, [next(), next(), next()]))
    }
}

fn diverged(step: u32) -> Error {
    Error::new(Kind::Permanent, format!("the training diverged at step {step}: its numbers are not finite"))
        .hint("lower training.learning_rate")
}
