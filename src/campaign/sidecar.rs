//! The sidecar of an asset: JSON beside the image that says how it was asked for, made and judged, and whose rights it
//! touches.
//!
//! # Invariants
//!
//! Where a sidecar is, its image is (unless nothing could be made), and the asset is finished. The sidecar and the
//! bundle are enough to make the image again.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::appearance::Appearance;
use crate::base::digest::{Digest, bare_digest};
use crate::base::error::{Error, Result};
use crate::base::json::{self, UnreadableRecord};
use crate::campaign::layout::Shelf;
use crate::pipeline::scores::Scores;
use crate::plan::{Job, StyleFacts};

/// Version of the format; readers refuse others.
const VERSION: u32 = 1;
/// Bytes of a sidecar at most; usual are a few kilobytes.
const MAX_BYTES: usize = 1 << 20;

/// Everything about one asset.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sidecar {
    /// Format version.
    pub version: u32,
    /// The version of housestyle that made it.
    pub housestyle: String,
    /// The outcome.
    pub outcome: Outcome,
    /// Why it is not accepted; empty if it is.
    pub reasons: Vec<String>,
    /// The job, whole: ids, prompts, seed, sampler, guidance, gate, bundle digest, style's source.
    pub job: Job,
    /// The bundle's name; its digest is the job's.
    pub bundle: String,
    /// The execution provider really used.
    pub provider: String,
    /// Every attempt, in order; the first one is what generation gives without a gate.
    pub attempts: Vec<Attempt>,
    /// The attempt the image is from; `None` if nothing could be made.
    pub chosen: Option<u32>,
    /// The image; `None` if nothing could be made.
    pub image: Option<ImageFacts>,
    /// Seconds spent on it, by stage, over all attempts; of work shared with a batch, the asset's share.
    pub timings: BTreeMap<String, f64>,
    /// Whose rights the asset touches.
    pub rights: Vec<RightsReference>,
}

/// The outcome of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Passed the gate.
    Accepted,
    /// Refused by the gate.
    Rejected,
    /// Could not be made; there is no image rather than a wrong one.
    Failed,
}

impl Outcome {
    /// Returns the shelf that assets of this outcome lie on.
    pub fn shelf(self) -> Shelf {
        match self {
            Self::Accepted => Shelf::Assets,
            Self::Rejected | Self::Failed => Shelf::Rejected,
        }
    }

    /// Returns the outcome as it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
        }
    }
}

/// One try at a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// Counted from 1; with the job's seed it decides the noise.
    pub number: u32,
    /// The evaluator's scores; `None` if nothing was made or the bundle has no evaluator.
    pub scores: Option<Scores>,
    /// Whether it passed the gate.
    pub passed: bool,
    /// Why it did not.
    pub reasons: Vec<String>,
}

/// The image that belongs to a sidecar.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ImageFacts {
    /// File name, beside the sidecar.
    pub file: String,
    /// SHA-256 of the file.
    #[serde(with = "bare_digest")]
    pub sha256: Digest,
    /// Size of the file in bytes.
    pub bytes: u64,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Its palette and perceptual hash; `None` in sidecars written before they were kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub looks: Option<Appearance>,
}

/// A source whose rights the asset touches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RightsReference {
    /// What was used, such as `style`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// The licence it came under.
    pub licence: String,
    /// Who holds the rights.
    pub holder: String,
    /// Where it came from.
    pub source: String,
    /// The line its licence asks to be shown with the asset; empty if it asks for none.
    #[serde(default)]
    pub attribution: String,
}

impl Sidecar {
    /// Returns a sidecar for `job` that says so far only who works on it.
    pub fn new(job: Job, bundle: &str, provider: &str, outcome: Outcome) -> Self {
        let rights = job.sources().flat_map(rights).collect();
        Self {
            version: VERSION,
            housestyle: env!("CARGO_PKG_VERSION").into(),
            outcome,
            reasons: Vec::new(),
            job,
            bundle: bundle.into(),
            provider: provider.into(),
            attempts: Vec::new(),
            chosen: None,
            image: None,
            timings: BTreeMap::new(),
            rights,
        }
    }

    /// Returns the scores of the first attempt, which evaluation compares because the gate has not chosen there yet.
    pub fn first_scores(&self) -> Option<&Scores> {
        self.attempts.first()?.scores.as_ref()
    }

    /// Returns the scores of the attempt that the image is from.
    pub(crate) fn chosen_scores(&self) -> Option<&Scores> {
        self.attempts.iter().find(|a| Some(a.number) == self.chosen)?.scores.as_ref()
    }

    /// Returns the JSON that is stored.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be written as JSON.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        json::to_pretty_vec("a sidecar", self)
    }

    /// Reads what [`Sidecar::to_bytes`] wrote; `name` is for the error.
    ///
    /// # Errors
    ///
    /// Fails with [`crate::base::error::Kind::Invalid`] if the bytes are no sidecar of any version, and with
    /// [`crate::base::error::Kind::Unavailable`] if they are one of another version.
    pub fn from_bytes(bytes: &[u8], name: &str) -> Result<Self> {
        let hint = "delete it and run the campaign again: the asset is made again, the same";
        if bytes.len() > MAX_BYTES {
            return Err(Error::invalid(format!("{name} is too large for a sidecar")).hint(hint));
        }
        json::from_versioned_slice(bytes, VERSION).map_err(|unreadable| match unreadable {
            UnreadableRecord::Damaged(e) => Error::invalid(format!("{name} is not a sidecar")).caused_by(e).hint(hint),
            UnreadableRecord::OtherVersion(version) => {
                Error::unavailable(format!("{name} has format version {version}; this housestyle reads {VERSION}"))
                    .hint("use the housestyle that wrote it, or another output folder")
            }
        })
    }
}

/// Returns the rights in a style's source, or in each source that a trained encoder learned from.
fn rights(style: &StyleFacts) -> Vec<RightsReference> {
    let (kind, name) = match &style.encoder {
        Some(encoder) => ("encoder".to_owned(), encoder.version.to_string()),
        None => ("style".to_owned(), style.name.clone()),
    };
    let one = |licence: &str, holder: &str, source: &str| RightsReference {
        kind: kind.clone(),
        name: name.clone(),
        licence: licence.into(),
        holder: holder.into(),
        source: source.into(),
        attribution: style.attribution.clone(),
    };
    if style.grants.is_empty() {
        return vec![one(&style.licence, &style.holder, &style.source)];
    }
    style.grants.iter().map(|grant| one(&grant.licence, &grant.holder, &grant.source)).collect()
}
