//! The appearance of a picture in a few numbers that are kept with it: colours, a perceptual hash, the evaluator's
//! vectors.
//!
//! Takes pixels, or what a model returned for them; returns [`Appearance`] and [`Fingerprint`], small enough for a
//! sidecar.
//!
//! # Invariants
//!
//! The same pixels give the same numbers on every machine. What is read back is what was written, to half precision.

pub mod colour;
pub mod features;
pub mod palette;
pub mod perceptual_hash;
pub mod picture;
pub mod vector;

pub use features::{Appearance, Fingerprint};
pub use palette::{HexColour, Palette, Swatch};
pub use perceptual_hash::PerceptualHash;
pub use vector::Vector;
