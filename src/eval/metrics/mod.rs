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

pub use copies::{Copies, DuplicatePair, Duplicates, Likeness};
pub use distribution::{Distance, KID_SUBSET, Kernel, cmmd, kid};
pub use diversity::{Diversity, clip_score, diversity};
pub use frechet::{LEAST_IMAGES, Moments, fid, frechet};
pub use style::{Consistency, ReferenceBank, operating_point};
pub use vector::{dot, unit};
