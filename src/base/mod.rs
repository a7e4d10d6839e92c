//! Values that every room uses: errors, names, digests, versions, time, text. Nothing here does I/O.

pub mod error;
pub mod limits;
pub mod names;
pub mod text;
pub mod time;
pub mod version;
pub mod yaml;
