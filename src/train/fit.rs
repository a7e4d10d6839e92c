//! The training loop: steps, validation, early stopping, and a checkpoint to go on from.
//!
//! In: a [`Step`], prepared examples, a [`Recipe`], perhaps a [`Checkpoint`]. Out: the best vector seen and the history. What
//! always holds: which pictures validate is decided by the seed and never learned from; stopped and resumed, it takes the same
//! steps as without a stop; asked to stop, it keeps the best.

use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

use super::batch::{Example, Noise, Random, draw};
use super::step::{Losses, Rates, State, Step};
use crate::base::error::{Error, Result};

/// Steps from one look at the validation pictures to the next.
const LOOK_EVERY: u32 = 10;
/// Batches a look takes: one says little about a noisy loss.
const LOOKS: u32 = 4;
/// Where the looks' random choices lie: far behind any step's, and always the same.
const FIRST_LOOK: u32 = u32::MAX - LOOKS;
/// The step that splits the pictures.
const SPLIT: u32 = u32::MAX;

/// How to train.
#[derive(Clone, Debug, PartialEq)]
pub struct Recipe {
    /// What each step does.
    pub rates: Rates,
    /// Most steps.
    pub steps: u32,
    /// Share of the pictures that only validate.
    pub validation: f64,
    /// Steps without a better validation loss before it stops; 0 never stops early.
    pub patience: u32,
    /// What every random choice derives from.
    pub seed: u64,
}

/// One point of the loss curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Steps taken before it.
    pub step: u32,
    /// Losses of the training pictures, the mean since the last point.
    pub training: Losses,
    /// Losses of the validation pictures; none without any.
    pub validation: Option<Losses>,
}

/// The best vector so far.
#[derive(Clone, Debug, PartialEq)]
pub struct Best {
    /// After this many steps.
    pub step: u32,
    /// Its loss, on the validation pictures where there are any.
    pub loss: f32,
    /// The vector.
    pub params: Vec<f32>,
}

/// Everything needed to go on.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// The optimiser's state.
    pub state: State,
    /// The best so far.
    pub best: Best,
    /// The curve so far.
    pub history: Vec<Point>,
    /// Losses of the steps since its last point.
    pub pending: Vec<Losses>,
}

impl Checkpoint {
    /// Before the first step.
    pub fn new(params: Vec<f32>) -> Self {
        let best = Best { step: 0, loss: f32::INFINITY, params: params.clone() };
        Self { state: State::new(params), best, history: Vec::new(), pending: Vec::new() }
    }
}

/// Which examples learn and which validate.
pub fn split(count: usize, share: f64, seed: u64) -> (Vec<usize>, Vec<usize>) {
    let mut order: Vec<usize> = (0..count).collect();
    Random::new(seed, SPLIT).shuffle(&mut order);
    // At least one picture if any are asked for, and never the last one that could be learned from.
    let held = ((count as f64 * share).round() as usize).max(usize::from(share > 0.0)).min(count.saturating_sub(1));
    let learn = order.split_off(held);
    (learn, order)
}

/// Trains from `checkpoint` on. `observe` is told after every step (true: there is a new point on the curve) and may break off;
/// what is best by then comes back.
pub fn fit(
    step: &mut Step,
    examples: &[Example],
    noise: Option<Noise<'_>>,
    recipe: &Recipe,
    mut checkpoint: Checkpoint,
    observe: &mut dyn FnMut(&Checkpoint, bool) -> ControlFlow<()>,
) -> Result<Checkpoint> {
    let (learn, validate) = split(examples.len(), recipe.validation, recipe.seed);
    let pick = |which: &[usize]| -> Vec<&Example> { which.iter().map(|i| &examples[*i]).collect() };
    let (learn, validate) = (pick(&learn), pick(&validate));
    if learn.is_empty() {
        return Err(Error::invalid("there is no picture to learn from"));
    }
    let sizes = step.layout().batch;
    if checkpoint.state.steps == 0 && checkpoint.history.is_empty() {
        look(step, &learn, &validate, noise, recipe, &mut checkpoint)?;
        if observe(&checkpoint, true).is_break() {
            return Ok(checkpoint);
        }
    }
    while checkpoint.state.steps < recipe.steps && !waited_enough(&checkpoint, recipe) {
        let batch = draw(&learn, sizes, noise, recipe.seed, checkpoint.state.steps);
        let rates = Rates { learning_rate: warmed(recipe, checkpoint.state.steps), ..recipe.rates };
        let losses = step.take(&mut checkpoint.state, &batch, &rates)?;
        checkpoint.pending.push(losses);
        let taken = checkpoint.state.steps;
        let looked = taken.is_multiple_of(LOOK_EVERY) || taken == recipe.steps;
        if looked {
            look(step, &learn, &validate, noise, recipe, &mut checkpoint)?;
        }
        if observe(&checkpoint, looked).is_break() {
            break;
        }
    }
    Ok(checkpoint)
}

/// Ten steps of warm-up, then a cosine down to a tenth.
fn warmed(recipe: &Recipe, taken: u32) -> f32 {
    let progress = f64::from(taken) / f64::from(recipe.steps.max(1));
    let cosine = 0.1 + 0.9 * 0.5 * (1.0 + libm::cos(std::f64::consts::PI * progress));
    let warm = (f64::from(taken) + 1.0).min(10.0) / 10.0;
    (f64::from(recipe.rates.learning_rate) * cosine * warm) as f32
}

fn waited_enough(checkpoint: &Checkpoint, recipe: &Recipe) -> bool {
    recipe.patience > 0 && checkpoint.state.steps.saturating_sub(checkpoint.best.step) >= recipe.patience
}

/// Adds a point to the curve and keeps the vector if it is the best.
fn look(
    step: &mut Step,
    learn: &[&Example],
    validate: &[&Example],
    noise: Option<Noise<'_>>,
    recipe: &Recipe,
    checkpoint: &mut Checkpoint,
) -> Result<()> {
    let sizes = step.layout().batch;
    let mut looks = |pictures: &[&Example]| -> Result<Losses> {
        let losses: Result<Vec<Losses>> = (0..LOOKS)
            .map(|i| step.look(&checkpoint.state, &draw(pictures, sizes, noise, recipe.seed, FIRST_LOOK + i), &recipe.rates))
            .collect();
        Ok(mean(&losses?))
    };
    let validation = if validate.is_empty() { None } else { Some(looks(validate)?) };
    let training = if checkpoint.pending.is_empty() { looks(learn)? } else { mean(&checkpoint.pending) };
    checkpoint.pending.clear();
    let loss = validation.unwrap_or(training).loss;
    if loss < checkpoint.best.loss {
        checkpoint.best = Best { step: checkpoint.state.steps, loss, params: checkpoint.state.params.clone() };
    }
    checkpoint.history.push(Point { step: checkpoint.state.steps, training, validation });
    Ok(())
}

fn mean(losses: &[Losses]) -> Losses {
    let of = |value: fn(&Losses) -> f32| losses.iter().map(value).sum::<f32>() / losses.len().max(1) as f32;
    Losses {
        loss: of(|l| l.loss),
        cross_entropy: of(|l| l.cross_entropy),
        triplet: of(|l| l.triplet),
        denoising: of(|l| l.denoising),
        accuracy: of(|l| l.accuracy),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_are_disjoint_whole_and_repeatable() {
        for (count, share, held) in [(16, 0.2, 3), (16, 0.0, 0), (2, 0.1, 1), (1, 0.5, 0), (0, 0.2, 0)] {
            let (learn, validate) = split(count, share, 7);
            assert_eq!(validate.len(), held, "{count} {share}");
            let mut all = [learn.clone(), validate].concat();
            all.sort_unstable();
            assert_eq!(all, (0..count).collect::<Vec<_>>());
            assert_eq!(split(count, share, 7).0, learn);
        }
        assert_ne!(split(16, 0.2, 7).0, split(16, 0.2, 8).0);
    }

    #[test]
    fn the_rate_warms_up_and_falls() {
        let rates =
            Rates { learning_rate: 1.0, weight_decay: 0.0, cross_entropy: 1.0, triplet: 0.0, denoising: 0.0, margin: 0.2 };
        let recipe = Recipe { rates, steps: 100, validation: 0.0, patience: 0, seed: 0 };
        let at = |step| warmed(&recipe, step);
        assert!(at(0) < 0.11 && at(9) > 0.95 && at(50) < at(20) && (at(100) - 0.1).abs() < 1e-6);
    }
}
