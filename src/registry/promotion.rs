//! Promotion records: which version of an encoder is in use, since when, and why.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::base::time::Timestamp;
use crate::base::version::VersionId;

/// Scores by name.
pub(crate) type NamedScores = BTreeMap<String, f64>;

/// A promotion, as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Promotion {
    /// The version in use from then on.
    pub version: VersionId,
    /// The version in use until then.
    pub previous: Option<VersionId>,
    /// When it was promoted.
    pub at: Timestamp,
    /// Who promoted it.
    pub by: String,
    /// The reason: the compared scores, or a reason given by a person.
    pub grounds: PromotionReason,
}

/// Why a version was promoted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PromotionReason {
    /// Its scores compared well, with this evidence.
    Evidence(Vec<String>),
    /// It was promoted without a comparison, for this reason.
    Forced(String),
    /// It was rolled back to, for this reason.
    Rollback(String),
}

/// The basis on which a promotion is decided.
#[derive(Clone, Copy, Debug)]
pub enum PromotionBasis<'a> {
    /// A reason that a person gave.
    Forced(&'a str),
    /// The scores that the cards have from training.
    Recorded,
    /// New scores of both versions, measured on the same briefs.
    Measured(&'a MeasuredComparison),
}

/// The scores of two encoders, measured on the same briefs.
#[derive(Clone, Debug, PartialEq)]
pub struct MeasuredComparison {
    /// The candidate's scores.
    pub candidate: NamedScores,
    /// The version in use when it was measured.
    pub in_use: Option<VersionId>,
    /// The version that it was compared with; `None` for the stock encoder, if no usable version is promoted.
    pub version: Option<VersionId>,
    /// The scores of the encoder it was compared with.
    pub other: NamedScores,
    /// Notes to record, such as confidence intervals of the differences.
    pub notes: Vec<String>,
}

impl<'a> From<Option<&'a str>> for PromotionBasis<'a> {
    fn from(forced: Option<&'a str>) -> Self {
        forced.map_or(Self::Recorded, Self::Forced)
    }
}
