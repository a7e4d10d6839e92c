//! The sidecar of an asset: a JSON file beside the image that records its job, attempts, scores and rights.
//!
//! # Invariants
//!
//! If a sidecar exists, the asset is finished and its image exists too (unless generation failed). The sidecar and the
//! bundle are enough to reproduce the image.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::appearance::Appearance;
use crate::base::digest::{Digest, bare_digest};
use crate::base::error::{Error, Result};
use crate::base::json::{self, UnreadableRecord};
use crate::base::names::Name;
use crate::campaign::layout::Shelf;
use crate::pipeline::scores::Scores;
use crate::plan::{Job, StyleFacts};

/// Version of the sidecar format; readers refuse every other version.
const VERSION: u32 = 1;
/// Largest size of a sidecar in bytes; typical sizes are a few kilobytes.
const MAX_BYTES: usize = 1 << 20;

/// The record of one asset: its job, attempts, image, timings and rights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sidecar {
    /// Format version.
    pub version: u32,
    /// The version of housestyle that made the asset.
    pub housestyle: String,
    /// The outcome.
    pub outcome: Outcome,
    /// Reasons why the asset was not accepted; empty if it was.
    pub reasons: Vec<String>,
    /// The complete job: ids, prompts, seed, sampler, guidance, gate, bundle digest, style's source.
    pub job: Job,
    /// The bundle's name; its digest is in the job.
    pub bundle: Name,
    /// The execution provider that was used.
    pub provider: String,
    /// Every attempt, in order; the first one is the result of generation without a gate.
    pub attempts: Vec<Attempt>,
    /// The number of the attempt that the image is from; `None` if generation failed.
    pub chosen: Option<u32>,
    /// The image; `None` if generation failed.
    pub image: Option<ImageFacts>,
    /// Seconds spent on the asset by stage, over all attempts; time of a shared batch is divided among its assets.
    pub timings: BTreeMap<String, f64>,
    /// The rights in the sources that the asset was made from.
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
    /// Generation failed; there is no image.
    Failed,
}

impl Outcome {
    /// Returns the folder that assets of this outcome are stored in.
    pub fn shelf(self) -> Shelf {
        match self {
            Self::Accepted => Shelf::Assets,
            Self::Rejected | Self::Failed => Shelf::Rejected,
        }
    }

    /// Returns the outcome's name, as it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
        }
    }
}

/// One attempt at a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// The attempt's number, from 1; together with the job's seed it determines the initial noise.
    pub number: u32,
    /// The evaluator's scores; `None` if generation failed or the bundle has no evaluator.
    pub scores: Option<Scores>,
    /// Whether the attempt passed the gate.
    pub passed: bool,
    /// Reasons why the attempt did not pass; empty if it did.
    pub reasons: Vec<String>,
}

/// The image that belongs to a sidecar.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ImageFacts {
    /// The image's file name, in the sidecar's folder.
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
    /// The image's palette and perceptual hash; `None` in sidecars of versions that did not record them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub looks: Option<Appearance>,
}

/// The rights in one source that the asset was made from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RightsReference {
    /// The kind of source: `style` or `encoder`.
    pub kind: String,
    /// The name of the style, or the version of the encoder.
    pub name: String,
    /// The licence of the source.
    pub licence: String,
    /// The holder of the rights.
    pub holder: String,
    /// The source itself, such as a URL or the name of a collection.
    pub source: String,
    /// The attribution that the licence requires to be shown with the asset; empty if it requires none.
    #[serde(default)]
    pub attribution: String,
}

impl Sidecar {
    /// Returns a sidecar for `job` that names the bundle, the provider and the rights, but has no attempt and no image
    /// yet.
    pub fn new(job: Job, bundle: &Name, provider: &str, outcome: Outcome) -> Self {
        let rights = job.sources().flat_map(rights).collect();
        Self {
            version: VERSION,
            housestyle: env!("CARGO_PKG_VERSION").into(),
            outcome,
            reasons: Vec::new(),
            job,
            bundle: bundle.clone(),
            provider: provider.into(),
            attempts: Vec::new(),
            chosen: None,
            image: None,
            timings: BTreeMap::new(),
            rights,
        }
    }

    /// Returns the scores of the first attempt; evaluation compares these, because the gate has not influenced them.
    pub fn first_scores(&self) -> Option<&Scores> {
        self.attempts.first()?.scores.as_ref()
    }

    /// Returns the scores of the attempt that the image is from.
    pub(crate) fn chosen_scores(&self) -> Option<&Scores> {
        self.attempts.iter().find(|a| Some(a.number) == self.chosen)?.scores.as_ref()
    }

    /// Serialises the sidecar as the JSON that is stored.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be written as JSON.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        json::to_pretty_vec("a sidecar", self)
    }

    /// Parses what [`Sidecar::to_bytes`] wrote; errors call the file `name`.
    ///
    /// # Errors
    ///
    /// Fails with [`crate::base::error::Kind::Invalid`] if the bytes are not a sidecar, and with
    /// [`crate::base::error::Kind::Unavailable`] if they are a sidecar of another format version.
    pub fn from_bytes(bytes: &[u8], name: &str) -> Result<Self> {
        let hint = "delete it and run the campaign again; the same asset is made again";
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

/// Returns the rights in a style's source, or in each source that a trained encoder was trained on.
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
