//! Training batches: random choices among prepared pictures, all derived from the seed. Pure.
//!
//! Takes [`Example`]s (a picture's features, latents and prompts), sizes, seed and step; returns [`TrainingBatch`]es.
//!
//! # Invariants
//!
//! The same seed and step give the same batch. Masked rows and columns do not count. An image is compared only with its
//! own prompt and its own rivals.

use std::collections::HashMap;
use std::sync::Arc;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::layout::BatchSizes;
use super::step::{ContrastBatch, DenoisingBatch, TrainingBatch};
use crate::pipeline::noise::{Stream, normals};
use crate::pipeline::schedule::{Prediction, Schedule};

/// The domain of training's random numbers, which keeps them apart from every image's noise.
const DOMAIN: &[u8; 20] = b"housestyle/train/v1\0";

/// One prompt, tokenized to the encoder's length.
pub type TokenIds = Arc<[i64]>;

/// A prepared training picture.
#[derive(Clone, Debug)]
pub struct Example {
    /// The image encoder's feature of each slightly moved copy.
    pub features: Vec<Vec<f32>>,
    /// The scaled latents of each copy.
    pub latents: Vec<Vec<f32>>,
    /// The picture's prompt for the trained encoder.
    pub prompt: TokenIds,
    /// The rival prompts, from which the picture must be told apart.
    pub rivals: Vec<TokenIds>,
    /// The stock encoder's states of the category's prompt, `[L, D]`.
    pub states: Arc<[f32]>,
}

/// Settings of the denoising loss.
#[derive(Clone, Copy, Debug)]
pub struct DenoisingTerm<'a> {
    /// The UNet's noise schedule.
    pub schedule: &'a Schedule,
    /// The style scale λ in every layer.
    pub style_scale: f32,
    /// The number of cross-attention layers.
    pub layers: usize,
}

/// Draws a batch of `examples` for a step.
pub fn draw(
    examples: &[&Example],
    sizes: BatchSizes,
    noise: Option<DenoisingTerm<'_>>,
    seed: u64,
    step: u32,
) -> TrainingBatch {
    let mut random = StepRng::new(seed, step);
    TrainingBatch {
        contrast: contrast(examples, sizes, &mut random),
        denoising: noise.map(|noise| denoising(examples, sizes.pictures, noise, seed, step, &mut random)),
    }
}

fn contrast(examples: &[&Example], sizes: BatchSizes, random: &mut StepRng) -> ContrastBatch {
    let (n, m) = (sizes.images, sizes.prompts);
    let mut order: Vec<usize> = (0..examples.len()).collect();
    random.shuffle(&mut order);
    order.truncate(n.min((m / 2).max(1)));
    let each = m / order.len().max(1);
    let mut columns = Columns::default();
    let picks: Vec<(usize, usize, Vec<usize>)> = order
        .iter()
        .map(|&i| {
            let own = columns.of(&examples[i].prompt);
            let mut rivals: Vec<usize> = (0..examples[i].rivals.len()).collect();
            random.shuffle(&mut rivals);
            let rivals = rivals.into_iter().take(each.saturating_sub(1)).map(|r| columns.of(&examples[i].rivals[r]));
            (i, own, rivals.collect())
        })
        .collect();
    let width = examples.first().and_then(|e| e.features.first()).map_or(0, Vec::len);
    let length = examples.first().map_or(0, |e| e.prompt.len());
    let mut batch = ContrastBatch {
        image_features: Vec::with_capacity(n * width),
        input_ids: columns.tokens.iter().flat_map(|tokens| tokens.iter().copied()).collect(),
        targets: vec![0.0; n * m],
        allowed: vec![0.0; n * m],
    };
    for row in 0..n {
        let Some((i, own, rivals)) = picks.get(row % picks.len().max(1)) else { break };
        let copies = &examples[*i].features;
        batch.image_features.extend_from_slice(&copies[random.below(copies.len())]);
        batch.targets[row * m + own] = 1.0;
        // A rival that is another image's prompt in the batch is compared with at no cost.
        let shared = examples[*i].rivals.iter().filter_map(|tokens| columns.places.get(tokens));
        for column in rivals.iter().chain([own]).chain(shared) {
            batch.allowed[row * m + column] = 1.0;
        }
    }
    batch.image_features.resize(n * width, 0.0);
    // Unused columns hold the first prompt again; the mask keeps them out of the loss.
    let spare: Vec<i64> = columns.tokens.first().map(|t| t.to_vec()).unwrap_or_default();
    while batch.input_ids.len() < m * length {
        batch.input_ids.extend_from_slice(&spare);
    }
    batch
}

fn denoising(
    examples: &[&Example],
    count: usize,
    noise: DenoisingTerm<'_>,
    seed: u64,
    step: u32,
    random: &mut StepRng,
) -> DenoisingBatch {
    let mut batch =
        DenoisingBatch { style_scale: vec![noise.style_scale; count * noise.layers], ..DenoisingBatch::default() };
    for i in 0..count {
        let example = examples[random.below(examples.len())];
        let clean = &example.latents[random.below(example.latents.len())];
        let timestep = random.below(noise.schedule.train_steps());
        let alpha = noise.schedule.alpha(timestep);
        let (signal, spread) = (alpha.sqrt() as f32, (1.0 - alpha).sqrt() as f32);
        let drawn = normals(seed ^ u64::from_le_bytes(*b"training"), step, Stream::Step(i), clean.len());
        batch.noisy_latents.extend(clean.iter().zip(&drawn).map(|(x, e)| signal * x + spread * e));
        batch.noise_targets.extend(clean.iter().zip(&drawn).map(|(x, e)| match noise.schedule.prediction {
            Prediction::Epsilon => *e,
            Prediction::VPrediction => signal * e - spread * x,
        }));
        batch.timesteps.push(timestep as f32);
        batch.encoder_hidden_states.extend_from_slice(&example.states);
        batch.style_ids.extend_from_slice(&example.prompt);
    }
    batch
}

/// The batch's distinct prompts, in the order of their first use.
#[derive(Default)]
struct Columns {
    tokens: Vec<TokenIds>,
    places: HashMap<TokenIds, usize>,
}

impl Columns {
    fn of(&mut self, tokens: &TokenIds) -> usize {
        *self.places.entry(Arc::clone(tokens)).or_insert_with(|| {
            self.tokens.push(Arc::clone(tokens));
            self.tokens.len() - 1
        })
    }
}

/// The random generator of one training step.
pub struct StepRng(ChaCha20Rng);

impl StepRng {
    /// Returns the generator of `step`.
    pub fn new(seed: u64, step: u32) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[12..].copy_from_slice(DOMAIN);
        let mut random = ChaCha20Rng::from_seed(key);
        random.set_stream(u64::from(step));
        Self(random)
    }

    /// Draws a number under `bound`; 0 for a bound of 0.
    pub fn below(&mut self, bound: usize) -> usize {
        // The bias of 64 bits over a few thousand is far below what could be measured.
        if bound == 0 { 0 } else { (self.0.next_u64() % bound as u64) as usize }
    }

    /// Shuffles `items` (Fisher-Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: BatchSizes = BatchSizes { images: 6, prompts: 9, pictures: 2 };

    fn example(id: i64) -> Example {
        Example {
            features: vec![vec![id as f32; 2]; 3],
            latents: vec![vec![id as f32; 4]],
            prompt: Arc::from([id, 0]),
            rivals: vec![Arc::from([100 + id, 0]), Arc::from([200, 0]), Arc::from([300, 0])],
            states: Arc::from([id as f32]),
        }
    }

    #[test]
    fn images_are_compared_with_their_own_prompt_and_rivals_alone() {
        let examples: Vec<Example> = (1..=3).map(example).collect();
        let refs: Vec<&Example> = examples.iter().collect();
        let batch = draw(&refs, SIZES, None, 5, 1).contrast;
        assert_eq!((batch.input_ids.len(), batch.image_features.len()), (9 * 2, 6 * 2));
        for row in 0..6 {
            let id = batch.image_features[row * 2] as i64;
            let pairs = |mask: &[f32]| -> Vec<i64> {
                (0..9).filter(|c| mask[row * 9 + c] == 1.0).map(|c| batch.input_ids[c * 2]).collect()
            };
            assert_eq!(pairs(&batch.targets), [id]);
            let compared = pairs(&batch.allowed);
            assert!(
                compared.len() >= 3 && compared.iter().all(|p| [id, 100 + id, 200, 300].contains(p)),
                "{compared:?}"
            );
            // Rivals that the batch holds for another image are compared with as well.
            let shared = [200, 300].iter().filter(|p| batch.input_ids.chunks(2).any(|column| column[0] == **p)).count();
            assert_eq!(compared.iter().filter(|p| [200, 300].contains(p)).count(), shared);
        }
        assert_eq!(draw(&refs, SIZES, None, 5, 1), draw(&refs, SIZES, None, 5, 1));
        assert_ne!(draw(&refs, SIZES, None, 5, 1), draw(&refs, SIZES, None, 5, 2));
    }

    #[test]
    fn noise_is_mixed_as_the_schedule_says() {
        let schedule = Schedule::parse(br#"{"prediction_type": "v_prediction", "beta_schedule": "linear"}"#).unwrap();
        let examples = [example(1)];
        let noise = DenoisingTerm { schedule: &schedule, style_scale: 0.5, layers: 3 };
        let batch = draw(&[&examples[0]], SIZES, Some(noise), 5, 1).denoising.unwrap();
        assert_eq!((batch.style_scale.len(), batch.style_ids.len(), batch.timesteps.len()), (6, 4, 2));
        for i in 0..2 {
            let alpha = schedule.alpha(batch.timesteps[i] as usize);
            let (a, b) = (alpha.sqrt() as f32, (1.0 - alpha).sqrt() as f32);
            for k in i * 4..i * 4 + 4 {
                // From noisy and velocity back to the clean latent: x = a·noisy − b·v.
                let clean = a * batch.noisy_latents[k] - b * batch.noise_targets[k];
                assert!((clean - 1.0).abs() < 1e-5, "{clean}");
            }
        }
    }
}
