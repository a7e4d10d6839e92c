//! Trained text encoders: their versions, which one is in use, and why.
//!
//! In: a training's [`Draft`] and its weights. Out: an immutable version `style/acme@3` with its [`Card`], and which version
//! is promoted. What always holds: a version is there exactly when its card is, written last and never changed; a promotion
//! is a record that is added, never one that is changed, so the history is whole.
//!
//! In the store: `encoders/style/acme@3/{card.json,adapter.safetensors,loss.svg}` and
//! `encoders/style/acme/promotions/000001.json`.

pub mod card;
pub mod due;
pub mod lessons;
pub mod offer;
pub mod promote;
pub mod registry;
pub mod standing;
pub mod survey;
pub mod trace;

pub use card::{Base, Card, Draft, Lesson};
pub use lessons::{Cleared, clear};
pub use offer::house;
pub use registry::{Basis, Grounds, Measured, Promotion, Registry};
pub use survey::Survey;

pub use crate::spec::{Branch, EncoderName, VersionId};
