//! The registry of trained text encoders: immutable versions such as `style/acme@3`, each with its [`Card`], and
//! records of which version is promoted and why.
//!
//! # Invariants
//!
//! A version exists exactly when its card does, which is written last and never changed. Promotions are only ever
//! added, so the history is complete.
//!
//! Keys: `encoders/style/acme@3/{card.json,adapter.safetensors,loss.svg}` and
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
pub use promotion::{MeasuredComparison, Promotion, PromotionBasis, PromotionReason};
pub use survey::Survey;
pub use training_set::{ClearedImages, clear};
pub use versions::Registry;
