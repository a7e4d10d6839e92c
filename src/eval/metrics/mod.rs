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
pub(crate) use distribution::KID_SUBSET;
pub use distribution::{Distance, Kernel, cmmd, kid};
pub(crate) use diversity::clip_score;
pub use diversity::{Diversity, diversity};
pub use frechet::{Moments, fid, frechet};
pub(crate) use style::operating_point;
pub use style::{Consistency, ReferenceBank};
pub use vector::{dot, unit};
