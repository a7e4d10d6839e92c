//! Evidence: what a campaign's images are worth beside those that were bought, with how sure one can be.
//!
//! Takes what the store holds of a campaign and of a baseline. Returns an [`Evaluation`], which the report draws.
//!
//! # Invariants
//!
//! Nothing here guides generation; every figure says how many briefs it is from and how uncertain it is; what cannot
//! be compared is said to be so, with the reason, and "not enough evidence" is an answer.

pub mod baseline;
mod briefs;
mod compare;
pub mod disk_vec;
mod distribution_distance;
pub mod evaluation;
mod facts;
pub mod loader;
pub mod metrics;
pub mod references;
pub mod run;
pub mod stats;
pub mod suite;
mod warnings;

pub use baseline::Baseline;
pub use evaluation::Evaluation;
pub use references::References;
pub use run::{Evaluating, EvaluationSetup};
pub use suite::Suite;
