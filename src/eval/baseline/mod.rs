//! Baselines: what an agency delivered, imported once, judged by the same evaluator, paired with a campaign's briefs.
//!
//! Takes pictures from a [`DeliverySource`], what an [`index`] says of them, a campaign's briefs. Returns a
//! [`Baseline`] in the store and, by name, what could not be paired, decoded or licensed.
//!
//! # Invariants
//!
//! Pictures are decoded within limits and written anew, so that nothing else that a file carried is kept; what is
//! said of them lies in parts, so that nobody has to hold all of it; `baseline.json`, which names the parts, comes
//! last, so a baseline is there whole or not at all.

pub mod encoding;
mod file_names;
pub mod import;
pub mod index;
pub mod source;
mod stored;
mod table;
mod values;

pub use import::{Import, RemoteScorer, RequestedBriefs, ScoringBackend, ScoringOutcome};
pub use index::DeliveryIndex;
pub use source::DeliverySource;
pub use stored::{Baseline, BaselineItem, Refused, image, judgements};
