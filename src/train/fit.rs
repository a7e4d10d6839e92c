//! The training loop: steps, validation, early stopping, and checkpoints to resume from.
//!
//! Takes a [`TrainingStep`], prepared examples, a [`Recipe`] and a [`Checkpoint`]; returns the best vector and the
//! history.
//!
//! # Invariants
//!
//! The seed decides which pictures validate, and those are never trained on. Stopped and resumed, training takes the
//! same steps as without a stop. A training that is asked to stop keeps the best vector.

use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

use super::batch::{DenoisingTerm, Example, StepRng, draw};
use super::step::{Losses, OptimizerState, StepRates, TrainingStep};
use crate::base::error::{Error, Result};

/// The number of steps between two evaluations on the validation pictures.
const EVALUATE_EVERY: u32 = 10;
/// The number of batches of an evaluation; one alone would be too noisy.
const EVALUATION_BATCHES: u32 = 4;
/// The steps whose random numbers evaluations use: beyond every real step, and always the same.
const FIRST_EVALUATION: u32 = u32::MAX - EVALUATION_BATCHES;
/// The step whose random numbers split the pictures.
const SPLIT: u32 = u32::MAX;

/// The settings of a training.
#[derive(Clone, Debug, PartialEq)]
pub struct Recipe {
    /// The learning rate and loss weights of each step.
    pub rates: StepRates,
    /// The maximum number of steps.
    pub steps: u32,
    /// The share of the pictures that only validate.
    pub validation: f64,
    /// The number of steps without a better validation loss before training stops; 0 never stops early.
    pub patience: u32,
    /// The seed of every random choice.
    pub seed: u64,
}

/// One point of the loss curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// The number of steps taken before this point.
    pub step: u32,
    /// The losses of the training pictures, the mean since the last point.
    pub training: Losses,
    /// The losses of the validation pictures; `None` without any.
    pub validation: Option<Losses>,
}

/// The best vector so far.
#[derive(Clone, Debug, PartialEq)]
pub struct BestVector {
    /// The number of steps after which it was reached.
    pub step: u32,
    /// The loss, on the validation pictures where there are any.
    pub loss: f32,
    /// The vector.
    pub params: Vec<f32>,
}

/// The state from which a training resumes.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// The optimiser's state.
    pub state: OptimizerState,
    /// The best vector so far.
    pub best: BestVector,
    /// The loss curve so far.
    pub history: Vec<CurvePoint>,
    /// The losses of the steps since the curve's last point.
    pub pending: Vec<Losses>,
}

impl Checkpoint {
    /// Returns the checkpoint before the first step.
    pub fn new(params: Vec<f32>) -> Self {
        let best = BestVector { step: 0, loss: f32::INFINITY, params: params.clone() };
        Self { state: OptimizerState::new(params), best, history: Vec::new(), pending: Vec::new() }
    }
}

/// The indices of the examples that are trained on and of those that only validate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// The indices of the training examples.
    pub learn: Vec<usize>,
    /// The indices of the validation examples.
    pub validate: Vec<usize>,
}

/// Splits `count` examples; `share` of them validate.
pub fn split(count: usize, share: f64, seed: u64) -> Split {
    let mut order: Vec<usize> = (0..count).collect();
    StepRng::new(seed, SPLIT).shuffle(&mut order);
    // At least one picture validates if any is asked for, and never the last one that could be trained on.
    let held = ((count as f64 * share).round() as usize).max(usize::from(share > 0.0)).min(count.saturating_sub(1));
    let learn = order.split_off(held);
    Split { learn, validate: order }
}

/// Trains from `checkpoint` on. `observe` is called after every step (with true if the curve has a new point) and may
/// break off; the best vector so far is then returned.
///
/// # Errors
///
/// [`Kind::Invalid`](crate::base::error::Kind::Invalid) without any picture to train on; as [`TrainingStep::take`].
pub fn fit(
    step: &mut TrainingStep,
    examples: &[Example],
    noise: Option<DenoisingTerm<'_>>,
    recipe: &Recipe,
    mut checkpoint: Checkpoint,
    observe: &mut dyn FnMut(&Checkpoint, bool) -> ControlFlow<()>,
) -> Result<Checkpoint> {
    let Split { learn, validate } = split(examples.len(), recipe.validation, recipe.seed);
    let pick = |which: &[usize]| -> Vec<&Example> { which.iter().map(|i| &examples[*i]).collect() };
    let (learn, validate) = (pick(&learn), pick(&validate));
    if learn.is_empty() {
        return Err(Error::invalid("there is no picture to train on"));
    }
    let sizes = step.layout().batch;
    if checkpoint.state.steps == 0 && checkpoint.history.is_empty() {
        evaluate(step, &learn, &validate, noise, recipe, &mut checkpoint)?;
        if observe(&checkpoint, true).is_break() {
            return Ok(checkpoint);
        }
    }
    while checkpoint.state.steps < recipe.steps && !waited_enough(&checkpoint, recipe) {
        let batch = draw(&learn, sizes, noise, recipe.seed, checkpoint.state.steps);
        let rates = StepRates { learning_rate: warmed(recipe, checkpoint.state.steps), ..recipe.rates };
        let losses = step.take(&mut checkpoint.state, &batch, &rates)?;
        checkpoint.pending.push(losses);
        let taken = checkpoint.state.steps;
        let evaluated = taken.is_multiple_of(EVALUATE_EVERY) || taken == recipe.steps;
        if evaluated {
            evaluate(step, &learn, &validate, noise, recipe, &mut checkpoint)?;
        }
        if observe(&checkpoint, evaluated).is_break() {
            break;
        }
    }
    Ok(checkpoint)
}

/// Returns the learning rate of a step: ten steps of warm-up, then a cosine down to a tenth.
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
fn evaluate(
    step: &mut TrainingStep,
    learn: &[&Example],
    validate: &[&Example],
    noise: Option<DenoisingTerm<'_>>,
    recipe: &Recipe,
    checkpoint: &mut Checkpoint,
) -> Result<()> {
    let sizes = step.layout().batch;
    let mut losses_of = |pictures: &[&Example]| -> Result<Losses> {
        let losses: Result<Vec<Losses>> = (0..EVALUATION_BATCHES)
            .map(|i| {
                step.evaluate(
                    &checkpoint.state,
                    &draw(pictures, sizes, noise, recipe.seed, FIRST_EVALUATION + i),
                    &recipe.rates,
                )
            })
            .collect();
        Ok(mean(&losses?))
    };
    let validation = if validate.is_empty() { None } else { Some(losses_of(validate)?) };
    let training = if checkpoint.pending.is_empty() { losses_of(learn)? } else { mean(&checkpoint.pending) };
    checkpoint.pending.clear();
    let loss = validation.unwrap_or(training).loss;
    if loss < checkpoint.best.loss {
        checkpoint.best = BestVector { step: checkpoint.state.steps, loss, params: checkpoint.state.params.clone() };
    }
    checkpoint.history.push(CurvePoint { step: checkpoint.state.steps, training, validation });
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
            let Split { learn, validate } = split(count, share, 7);
            assert_eq!(validate.len(), held, "{count} {share}");
            let mut all = [learn.clone(), validate].concat();
            all.sort_unstable();
            assert_eq!(all, (0..count).collect::<Vec<_>>());
            assert_eq!(split(count, share, 7).learn, learn);
        }
        assert_ne!(split(16, 0.2, 7).learn, split(16, 0.2, 8).learn);
    }

    #[test]
    fn the_rate_warms_up_and_falls() {
        let rates = StepRates {
            learning_rate: 1.0,
            weight_decay: 0.0,
            cross_entropy: 1.0,
            triplet: 0.0,
            denoising: 0.0,
            margin: 0.2,
        };
        let recipe = Recipe { rates, steps: 100, validation: 0.0, patience: 0, seed: 0 };
        let at = |step| warmed(&recipe, step);
        assert!(at(0) < 0.11 && at(9) > 0.95 && at(50) < at(20) && (at(100) - 0.1).abs() < 1e-6);
    }
}
