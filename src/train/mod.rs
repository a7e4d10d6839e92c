//! Few-shot training: from a style set's pictures to a fine-tuned text encoder, in the runtime that serves it.
//!
//! Takes a bundle that carries its training steps (`train_step/`, `train_step_denoising/`: forward pass, losses,
//! gradients and AdamW as one ONNX graph each, of standard operators); returns the trained tensors, by the names the
//! ecosystem uses. The method is Control-CLIP's (arXiv 2502.11532).
//!
//! # Invariants
//!
//! Image encoder, UNet and autoencoder are frozen. The same pictures, settings and seed give the same encoder.

pub mod batch;
pub mod checkpoint;
pub mod curve;
pub mod fit;
pub mod layout;
pub mod measure;
pub mod prepare;
pub mod probe;
pub mod step;

pub use layout::TrainingLayout;
pub use step::{Losses, TrainingStep};
