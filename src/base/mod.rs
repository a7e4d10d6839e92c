//! Values that every room uses: errors, names, digests, versions, time, text, JSON and numerics. Nothing here does I/O.

pub mod actor;
pub(crate) mod checked_text;
pub mod currency;
pub mod digest;
pub mod error;
pub mod hex;
pub mod json;
pub mod licence;
pub mod limits;
pub mod math;
pub mod names;
pub(crate) mod random;
pub mod stem;
pub mod text;
pub mod time;
pub mod version;
pub mod yaml;
