//! Loads the settings from layers, defaults < file < environment `HOUSESTYLE_…` < flags, and validates them once.
//!
//! # Invariants
//!
//! An unknown key in the file is refused, and so is a variable that looks like a misspelt setting. A setting that
//! holds a secret is a type whose `Debug` hides it.

mod layer;
mod load;
mod settings;
mod variable;

pub use load::Flags;
pub use settings::Config;
