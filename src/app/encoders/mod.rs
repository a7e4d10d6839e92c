//! Versions of trained encoders: list, show, promote, roll back, export.

pub mod evidence;
pub mod export;
pub mod list;
pub mod promote;
pub mod show;
