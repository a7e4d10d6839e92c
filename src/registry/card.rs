//! The card of a version: a JSON file beside the weights that records base model, training pictures, settings, rights
//! and scores.
//!
//! # Invariants
//!
//! A card has the digests of its weights, its pictures and its bundle, so that each can be verified against it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::base::digest::Digest;
use crate::base::error::{Error, Result};
use crate::base::json;
use crate::base::licence::Licence;
use crate::base::names::{BundleRef, Name};
use crate::base::time::Timestamp;
use crate::base::version::{EncoderName, VersionId};
use crate::rights::Grant;
use crate::spec::Training;

/// Version of the card format; readers refuse every other version.
const FORMAT: u32 = 1;
/// Largest size of a card in bytes; a card with two thousand pictures is smaller.
const MAX_BYTES: usize = 8 << 20;

/// The record of one version of an encoder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Card {
    /// Version of the card's format.
    pub format: u32,
    /// The id of the version.
    pub id: VersionId,
    /// The version of housestyle that trained it.
    pub housestyle: String,
    /// When training finished.
    pub created_at: Timestamp,
    /// The bundle it was fine-tuned from and works with exclusively.
    pub base: Base,
    /// The version that training continued from; `None` if it started from the base.
    pub parent: Option<VersionId>,
    /// The prompt template, with the placeholders `{category}` and `{style}`.
    pub prompt: String,
    /// The training settings.
    pub settings: Training,
    /// The training pictures, including those for validation.
    pub pictures: Vec<TrainingImage>,
    /// The distinct rights in those pictures.
    pub grants: Vec<Grant>,
    /// The measured scores by name: `style`, `category`, `loss`, …
    pub scores: BTreeMap<String, f64>,
    /// The mean of the evaluator's unit embeddings of the brand's pictures (of the validation pictures if there are
    /// any); the consistency of new images is measured against it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub look: Option<Vec<f32>>,
    /// The SHA-256 of its weights, `adapter.safetensors`.
    pub weights: Digest,
    /// The size of the weights in bytes.
    pub bytes: u64,
    /// The file name of the loss curve, if it was drawn.
    pub curve: Option<String>,
}

/// The bundle that a version belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Base {
    /// The bundle's name.
    pub name: Name,
    /// The bundle's digest.
    pub digest: Digest,
}

impl Base {
    /// Returns the reference to exactly this bundle.
    pub(crate) fn reference(&self) -> BundleRef {
        BundleRef { name: self.name.clone(), digest: Some(self.digest) }
    }
}

/// One training picture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingImage {
    /// The SHA-256 of its file, which is its key in the rights ledger.
    pub sha256: Digest,
    /// The name of its file.
    pub file: String,
    /// The category that it shows.
    pub category: String,
    /// The style that it is an example of, if known.
    pub style: Option<String>,
    /// Its source.
    pub source: String,
    /// Its licence.
    pub licence: Licence,
}

/// The result of a training without number and digests, which the registry adds.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// The encoder it is a version of.
    pub encoder: EncoderName,
    /// See [`Card::base`].
    pub base: Base,
    /// See [`Card::parent`].
    pub parent: Option<VersionId>,
    /// See [`Card::prompt`].
    pub prompt: String,
    /// See [`Card::settings`].
    pub settings: Training,
    /// See [`Card::pictures`].
    pub pictures: Vec<TrainingImage>,
    /// See [`Card::grants`].
    pub grants: Vec<Grant>,
    /// See [`Card::scores`].
    pub scores: BTreeMap<String, f64>,
    /// See [`Card::look`].
    pub look: Option<Vec<f32>>,
}

impl Card {
    /// Returns the card of version `number` with these weights.
    pub fn new(draft: &Draft, number: u32, weights: &[u8], curve: Option<&str>, created_at: Timestamp) -> Self {
        let Draft { encoder, base, parent, prompt, settings, pictures, grants, scores, look } = draft.clone();
        Self {
            format: FORMAT,
            id: encoder.version(number),
            housestyle: env!("CARGO_PKG_VERSION").into(),
            created_at,
            base,
            parent,
            prompt,
            settings,
            pictures,
            grants,
            scores,
            look,
            weights: Digest::of(weights),
            bytes: weights.len() as u64,
            curve: curve.map(Into::into),
        }
    }

    /// Serialises the card as the JSON that is stored.
    ///
    /// # Errors
    ///
    /// Fails if the card is too large.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let bytes = json::to_pretty_vec("a card", self)?;
        if bytes.len() > MAX_BYTES {
            return Err(Error::invalid(format!("the card of {} would be too large; use fewer pictures", self.id)));
        }
        Ok(bytes)
    }

    /// Parses what [`Card::to_bytes`] wrote; errors call the file `name`.
    ///
    /// # Errors
    ///
    /// Fails if the bytes are not a card, or if they are a card of another format version.
    pub fn from_bytes(bytes: &[u8], name: &str) -> Result<Self> {
        let hint = "the version cannot be used; train another, or restore its folder from a backup";
        if bytes.len() > MAX_BYTES {
            return Err(Error::invalid(format!("{name} is too large for a card")).hint(hint));
        }
        let damaged = |e: serde_json::Error| Error::invalid(format!("{name} is not a card")).caused_by(e).hint(hint);
        // The format is checked first: another version is not damage.
        let Formatted { format } = serde_json::from_slice(bytes).map_err(damaged)?;
        if format != FORMAT {
            let message = format!("{name} has format {format}; this housestyle reads {FORMAT}");
            return Err(Error::unavailable(message).hint("use the housestyle that trained it"));
        }
        serde_json::from_slice(bytes).map_err(damaged)
    }
}

/// The field of a card that every format version has.
#[derive(Deserialize)]
struct Formatted {
    format: u32,
}
