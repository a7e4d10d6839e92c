//! The picture of a baseline that a worker is asked to judge.

use serde::{Deserialize, Serialize};

use crate::base::digest::{Digest, bare_digest};

/// A picture of a baseline that is to be judged, and what it was meant to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unscored {
    /// Its id in the baseline.
    pub id: String,
    /// SHA-256 of its file in the store.
    #[serde(with = "bare_digest")]
    pub sha256: Digest,
    /// The style, by the evaluator's name for it.
    pub style: String,
    /// The category, likewise.
    pub category: String,
    /// The category's prompt.
    pub prompt: String,
}
