//! The generation pipeline: from prompts to images and scores, on ONNX Runtime.
//!
//! Takes a verified [`Bundle`], a loaded [`Runtime`] and batches of [`Request`]s; returns [`Generated`] images and
//! [`Scores`].
//!
//! # Invariants
//!
//! A request gives the same image alone, in any batch and in any order (on one provider: to the bit). The provider
//! asked for is the one used. One bad request never spoils its batch. No image with a number that is not finite is
//! returned.

pub mod adapter;
pub mod bundle;
pub mod classifier;
pub mod decode;
pub mod denoise;
pub mod generate;
pub mod generated;
pub mod guidance;
pub mod image_encoder;
pub mod loader;
pub mod noise;
pub mod provider;
pub mod request;
pub mod runtime;
pub mod sampler;
pub mod schedule;
pub mod scorer;
pub mod scores;
pub mod session;
pub mod text_encoder;
pub mod tokenize;

pub use self::bundle::Bundle;
pub use self::generate::Pipeline;
pub use self::generated::{Each, Generated, OnStep, Scored, StepProgress, Timings};
pub(crate) use self::image_encoder::ImageEncoder;
pub use self::loader::ModelLoader;
pub use self::provider::{Provider, SessionSettings};
pub(crate) use self::request::BatchKey;
pub use self::request::Request;
pub use self::runtime::Runtime;
pub(crate) use self::scorer::Scorer;
pub use self::scorer::ScoringTarget;
pub use self::scores::Scores;
pub use self::session::Stop;
pub use self::text_encoder::TextEncoder;
