//! Trained text encoders: their versions, which one is in use, and why.
//!
//! Takes a training's [`Draft`] and its weights. Returns an immutable version `style/acme@3` with its [`Card`], and
//! which version is promoted.
//!
//! # Invariants
//!
//! A version is there exactly when its card is, written last and never changed; a promotion is a record that is
//! added, never one that is changed, so the history is whole.
//!
//! In the store: `encoders/style/acme@3/{card.json,adapter.safetensors,loss.svg}` and
//! `encoders/style/acme/promotions/000001.json`.

pub mod card;
pub mod catalog;
pub mod ledger;
pub mod promote;
pub mod promotion;
pub mod retrain;
pub mod survey;
pub mod trace;
pub mod training_set;
pub mod usability;
pub mod versions;

pub use card::{Base, Card, Draft, TrainingImage};
pub use catalog::style_catalog;
pub use ledger::{Entry, Ledger, Revocation, Revocations, Target};
pub use promotion::{MeasuredComparison, NamedScores, Promotion, PromotionBasis, PromotionReason};
pub use survey::Survey;
pub use training_set::{ClearedImages, clear};
pub use versions::Registry;
