//! Checkpoint files: a training's state as safetensors.
//!
//! Takes a [`Checkpoint`] and the digest of its training; returns a file, and reads it back.
//!
//! # Invariants
//!
//! A checkpoint of another training (other pictures, settings, bundle) is not resumed.

use std::collections::HashMap;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};

use super::fit::{BestVector, Checkpoint, CurvePoint};
use super::step::{Losses, OptimizerState};
use crate::base::digest::Digest;
use crate::base::error::{Context, Error, Kind, Result};

/// The metadata of a checkpoint file.
#[derive(Serialize, Deserialize)]
struct About {
    training: Digest,
    steps: u32,
    best_step: u32,
    /// The best loss; `None` before the first evaluation.
    best_loss: Option<f32>,
    history: Vec<CurvePoint>,
    pending: Vec<Losses>,
}

const VECTORS: [&str; 4] = ["params", "first_moment", "second_moment", "best"];

/// Serializes a checkpoint; `training` is the digest of the training's pictures, settings and bundle.
///
/// # Errors
///
/// [`Kind::Internal`] if it cannot be serialised.
pub fn write(checkpoint: &Checkpoint, training: &Digest) -> Result<Vec<u8>> {
    let Checkpoint { state, best, history, pending } = checkpoint;
    let about = About {
        training: *training,
        steps: state.steps,
        best_step: best.step,
        best_loss: best.loss.is_finite().then_some(best.loss),
        history: history.clone(),
        pending: pending.clone(),
    };
    let about =
        serde_json::to_string(&about).map_err(|e| Error::internal("cannot write a checkpoint as JSON").caused_by(e))?;
    let vectors = [&state.params, &state.first_moment, &state.second_moment, &best.params];
    let bytes = vectors.map(|vector| vector.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>());
    let mut views = Vec::with_capacity(VECTORS.len());
    for (name, bytes) in VECTORS.iter().zip(&bytes) {
        let view = TensorView::new(Dtype::F32, vec![bytes.len() / 4], bytes);
        views.push((*name, view.context(Kind::Internal, || "cannot describe a checkpoint")?));
    }
    safetensors::serialize(views, Some(HashMap::from([("about".to_owned(), about)])))
        .context(Kind::Internal, || "cannot write a checkpoint")
}

/// Reads a checkpoint; `None` if it is another training's or damaged, so that training starts afresh.
pub fn read(bytes: &[u8], training: &Digest, parameters: usize) -> Option<Checkpoint> {
    let (_, header) = SafeTensors::read_metadata(bytes).ok()?;
    let about: About = serde_json::from_str(header.metadata().as_ref()?.get("about")?).ok()?;
    let file = SafeTensors::deserialize(bytes).ok()?;
    let vector = |name: &str| -> Option<Vec<f32>> {
        let view = file.tensor(name).ok()?;
        let values: Vec<f32> =
            view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        (view.dtype() == Dtype::F32 && values.len() == parameters).then_some(values)
    };
    let [params, first_moment, second_moment, best] = VECTORS.map(vector);
    let state = OptimizerState {
        params: params?,
        first_moment: first_moment?,
        second_moment: second_moment?,
        steps: about.steps,
    };
    let best = BestVector { step: about.best_step, loss: about.best_loss.unwrap_or(f32::INFINITY), params: best? };
    (about.training == *training).then_some(Checkpoint { state, best, history: about.history, pending: about.pending })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_is_read_whole_or_not_at_all() {
        let mut checkpoint = Checkpoint::new(vec![0.5, -1.0, 2.0]);
        checkpoint.state.steps = 7;
        checkpoint.best.loss = 0.25;
        checkpoint.pending.push(Losses::default());
        checkpoint.history.push(CurvePoint { step: 7, training: Default::default(), validation: None });
        let (this, other) = (Digest::of("this"), Digest::of("other"));
        let bytes = write(&checkpoint, &this).unwrap();
        assert_eq!(read(&bytes, &this, 3), Some(checkpoint));
        assert_eq!(read(&bytes, &other, 3), None);
        assert_eq!(read(&bytes, &this, 4), None);
        assert_eq!(read(&bytes[..bytes.len() - 1], &this, 3), None);
        assert_eq!(read(b"", &this, 3), None);
    }
}
