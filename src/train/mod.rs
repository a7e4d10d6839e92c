//! Few-shot training: from a style set's pictures to a fine-tuned text encoder, in the runtime that serves it.
//!
//! In: a bundle that carries its training steps (`train_step/`, `train_step_denoising/`: forward, losses, gradients and AdamW as
//! one ONNX graph each, of standard operators). Out: the trained tensors, by the names the ecosystem gives them. What always
//! holds: image tower, UNet and autoencoder are frozen; the same pictures, settings and seed give the same encoder.
//! The method is Control-CLIP's (arXiv 2502.11532).

pub mod batch;
pub mod checkpoint;
pub mod curve;
pub mod fit;
pub mod layout;
pub mod measure;
pub mod prepare;
pub mod probe;
pub mod step;

pub use layout::Layout;
pub use step::{Losses, Step};
