//! Training against PyTorch's recorded values: the exported step learns as the original does.

use housestyle::pipeline::Stop;
use housestyle::train::step::{Batch, Contrast, Denoising, Rates, State};
use housestyle::train::{Losses, Step};

use super::parity::{Reference, settings, tiny};

/// A training graph and the recorded batch it learns.
fn recorded(name: &str, denoising: bool) -> (Step, State, Batch, Rates, Vec<f32>) {
    let (reference, (bundle, runtime)) = (Reference::load(), tiny());
    let stop = Stop::new(&runtime).unwrap();
    let step = Step::load(&bundle, &runtime, &settings(), &stop, denoising).unwrap();
    let get = |key: &str| reference.get(&format!("{name}.{key}")).to_vec();
    let ids = |key: &str| get(key).into_iter().map(|id| id as i64).collect();
    let one = |key: &str| get(key)[0];
    let contrast = Contrast {
        image_features: get("image_features"),
        input_ids: ids("input_ids"),
        targets: get("targets"),
        allowed: get("allowed"),
    };
    let denoising = denoising.then(|| Denoising {
        noisy_latents: get("noisy_latents"),
        timesteps: get("timesteps"),
        noise_targets: get("noise_targets"),
        encoder_hidden_states: get("encoder_hidden_states"),
        style_ids: ids("style_ids"),
        style_scale: get("style_scale"),
    });
    let rates = Rates {
        learning_rate: one("learning_rate"),
        weight_decay: one("weight_decay"),
        cross_entropy: one("cross_entropy_weight"),
        triplet: one("triplet_weight"),
        denoising: one("denoising_weight"),
        margin: one("margin"),
    };
    (step, State::new(get("params")), Batch { contrast, denoising }, rates, get("curve"))
}

#[test]
fn the_loss_curve_is_that_of_pytorch() {
    for (name, denoising) in [("train_step", false), ("train_step_denoising", true)] {
        let (mut step, mut state, batch, rates, curve) = recorded(name, denoising);
        let steps = curve.chunks_exact(5);
        assert_eq!(steps.len(), 20);
        for (i, expected) in steps.enumerate() {
            let Losses { loss, cross_entropy, triplet, denoising, accuracy } = step.take(&mut state, &batch, &rates).unwrap();
            for (actual, expected) in [loss, cross_entropy, triplet, denoising, accuracy].into_iter().zip(expected) {
                assert!(
                    (actual - expected).abs() <= 1e-4 * expected.abs().max(1.0),
                    "{name} step {i}: {actual} for {expected}"
                );
            }
        }
        assert!(curve[95] < 0.97 * curve[0], "{name} learned nothing: {} to {}", curve[0], curve[95]);
    }
}

#[test]
fn looking_learns_nothing_and_a_diverging_step_changes_nothing() {
    let (mut step, mut state, batch, rates, curve) = recorded("train_step", false);
    let before = state.clone();
    let seen = step.look(&state, &batch, &rates).unwrap();
    assert!((seen.loss - curve[0]).abs() < 1e-4);
    let wild = Rates { learning_rate: f32::INFINITY, ..rates };
    assert!(step.take(&mut state, &batch, &wild).unwrap_err().to_string().contains("diverged"));
    assert_eq!(state, before);
}
