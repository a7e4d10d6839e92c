//! Grammars: which keys each kind of file has, what each may hold, and the default of those that are left out.
//!
//! # Invariants
//!
//! The keys of a kind are those of its JSON Schema (a test compares them).

mod campaign;
mod common;
mod costs;
mod kind;
mod styleset;

pub use kind::DocumentKind;

pub(super) use campaign::campaign;
pub(super) use common::API_VERSION;
pub(super) use costs::costs;
pub(super) use kind::kind;
pub(super) use styleset::{DEFAULT_STYLE_PROMPT, styleset};

#[cfg(test)]
pub(super) use {campaign::KEYS as CAMPAIGN_KEYS, costs::KEYS as COST_MODEL_KEYS, styleset::KEYS as STYLE_SET_KEYS};
