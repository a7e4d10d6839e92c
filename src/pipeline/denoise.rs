//! The loop: noise to clean latents, a whole batch at once.
//!
//! In: per image its branches, prompt states, style scales and seed; for all of them one [`Steps`]. Out: clean latents.
//! What always holds: every step is one UNet run with all branches of all images. Images never mix: ONNX Runtime's CPU
//! kernels give a row the same bits in any batch (checked by `tests/it/parity.rs`), and all other arithmetic is per image.

use std::ops::ControlFlow;

use super::bundle::{Bundle, UNET};
use super::guidance::{Branch, combine};
use super::noise::{Stream, normals};
use super::runtime::Runtime;
use super::sampler::Steps;
use super::session::{Input, Model, Port, SessionSettings, Stop};
use super::{Progress, Report};
use crate::base::error::{Error, Kind, Result};
use crate::pipeline::text_encoder::States;

/// One image on its way.
pub struct Item {
    /// The job's seed.
    pub seed: u64,
    /// Its attempt.
    pub attempt: u32,
    /// Branches to run, with their weights.
    pub branches: Vec<(Branch, f64)>,
    /// States of the negative, the category and the style prompt.
    pub states: [States; 3],
    /// One for each cross-attention layer; for the styled branch only.
    pub style_scale: Vec<f32>,
}

/// A bundle's UNet.
pub struct Denoiser {
    model: Model,
    channels: usize,
    layers: usize,
    length: usize,
    width: usize,
}

/// What the UNet reads beside sample and time; the same in every step.
struct Conditions {
    category: Vec<f32>,
    style: Vec<f32>,
    scale: Vec<f32>,
}

impl Denoiser {
    /// Loads it. `(length, width)` is the shape of the text encoder's states.
    pub fn load(
        bundle: &Bundle,
        runtime: &Runtime,
        settings: &SessionSettings,
        stop: &Stop,
        (length, width): (usize, usize),
    ) -> Result<Self> {
        let spec = &bundle.manifest().spec;
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
        let model = Model::load(runtime, settings, stop, UNET, &bundle.read(UNET)?, (&inputs, &outputs))?;
        Ok(Self { model, channels, layers, length, width })
    }

    /// Draws each item's initial latent and denoises it; `edge` is the latents' edge.
    pub fn run(&mut self, items: &[Item], edge: usize, steps: &Steps, report: Report<'_>) -> Result<Vec<Vec<f32>>> {
        let count = self.channels * edge * edge;
        let initial = |item: &Item| normals(item.seed, item.attempt, Stream::Initial, count);
        let noise = |item: &Item, step| normals(item.seed, item.attempt, Stream::Step(step), count);
        self.run_from(items, items.iter().map(initial).collect(), edge, steps, &noise, report)
    }

    /// As [`Denoiser::run`], from given standard normal latents and step noise.
    pub fn run_from(
        &mut self,
        items: &[Item],
        mut latents: Vec<Vec<f32>>,
        edge: usize,
        steps: &Steps,
        noise: &dyn Fn(&Item, usize) -> Vec<f32>,
        report: Report<'_>,
    ) -> Result<Vec<Vec<f32>>> {
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
                    item.branches.iter().zip(&mut outputs).map(|((_, weight), out)| (out, *weight)).collect();
                combine(&branches, &mut guided);
                let fresh = if step.noise == 0.0 { Vec::new() } else { noise(item, index) };
                step.advance(steps.clip, &mut latents[image], &guided, &mut before[image], &fresh);
            }
            let progress = Progress { step: index + 1, steps: steps.steps.len(), images: items.len() };
            if report(progress) == ControlFlow::Break(()) {
                return Err(Error::new(Kind::Transient, "generation was stopped"));
            }
        }
        Ok(latents)
    }

    fn conditions(&self, items: &[Item]) -> Conditions {
        let rows = || items.iter().flat_map(|item| item.branches.iter().map(move |(branch, _)| (item, *branch)));
        let none = vec![0.0; self.layers];
        // The styled branch alone reads two prompts; scale 0 elsewhere keeps the UNet's plain path to the bit.
        let pick = |item: &Item, branch| match branch {
            Branch::Negative => (item.states[0].clone(), item.states[0].clone()),
            Branch::Category => (item.states[1].clone(), item.states[1].clone()),
            Branch::Styled => (item.states[1].clone(), item.states[2].clone()),
        };
        Conditions {
            category: rows().flat_map(|(item, branch)| pick(item, branch).0.to_vec()).collect(),
            style: rows().flat_map(|(item, branch)| pick(item, branch).1.to_vec()).collect(),
            scale: rows()
                .flat_map(|(item, branch)| if branch == Branch::Styled { item.style_scale.clone() } else { none.clone() })
                .collect(),
        }
    }

    fn predict(&mut self, sample: &[f32], timestep: f32, conditions: &Conditions, edge: usize) -> Result<Vec<f32>> {
        let rows = conditions.scale.len() / self.layers;
        let latent = [rows, self.channels, edge, edge];
        let states = [rows, self.length, self.width];
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
