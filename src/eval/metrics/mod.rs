//! Metrics: numbers about one image or about sets of images. Pure.
//!
//! Takes vectors and hashes that were kept with the images. Returns numbers; `None` where they say nothing.
//!
//! # Invariants
//!
//! Each function names its source; checked against reference implementations (`tests/fixtures/evidence.json`, made by
//! the script beside it). Colours are measured in [`crate::appearance`].

mod copies;
mod distribution;
mod diversity;
mod frechet;
mod style;
mod vector;

pub(crate) use copies::{Copies, DuplicatePair, Duplicates};
pub(crate) use distribution::KID_SUBSET;
pub(crate) use distribution::Kernel;
pub use distribution::{cmmd, kid};
pub(crate) use diversity::Diversity;
pub(crate) use diversity::clip_score;
pub use diversity::diversity;
pub use frechet::{Moments, fid, frechet};
pub(crate) use style::ReferenceBank;
pub(crate) use style::operating_point;
pub use vector::{dot, unit};
