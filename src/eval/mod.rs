//! Evidence: what a campaign's images are worth beside those that were bought, with how sure one can be.
//!
//! In: what the store holds of a campaign and of a baseline. Out: an [`Evaluation`], which the report draws.
//! Always holds: nothing here guides generation; every figure says how many briefs it is from and how uncertain it is; what
//! cannot be compared is said to be so, with the reason, and "not enough evidence" is an answer.

mod apart;
pub mod baseline;
mod briefs;
mod compare;
pub mod evaluate;
pub mod evaluation;
mod facts;
pub mod metrics;
pub mod read;
pub mod references;
pub mod stats;
pub mod suite;
mod warnings;

pub use baseline::Baseline;
pub use evaluate::{Evaluating, Setup};
pub use evaluation::Evaluation;
pub use references::References;
pub use suite::Suite;
