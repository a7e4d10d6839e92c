//! A version's card: what it is, what it learned from, how, and how well.
//!
//! Takes what a training knows about its result. Returns JSON that stands beside the weights.
//!
//! # Invariants
//!
//! A card names the digest of its weights and of everything that went in, so that weights, data and bundle can be
//! checked against it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::base::digest::Digest;
use crate::base::error::{Error, Result};
use crate::base::json;
use crate::base::licence::Licence;
use crate::base::time::Timestamp;
use crate::base::version::{EncoderName, VersionId};
use crate::rights::Grant;
use crate::spec::Training;

/// The version of the format; readers refuse others.
const FORMAT: u32 = 1;
/// Two thousand pictures make less than this.
const MAX_BYTES: usize = 8 << 20;

/// Everything about one version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Card {
    /// Version of the card's format.
    pub format: u32,
    /// The version it belongs to.
    pub id: VersionId,
    /// The housestyle that trained it.
    pub housestyle: String,
    /// When it was finished.
    pub created_at: Timestamp,
    /// What it was fine-tuned from; it works with nothing else.
    pub base: Base,
    /// The version that training went on from, if it did not begin at the base.
    pub parent: Option<VersionId>,
    /// How prompts are put to it, with `{category}` and `{style}`.
    pub prompt: String,
    /// How it learned.
    pub settings: Training,
    /// The pictures it learned from, validation included.
    pub pictures: Vec<TrainingImage>,
    /// The distinct rights in those pictures.
    pub grants: Vec<Grant>,
    /// What was measured, by name: `style`, `category`, `loss`, …
    pub scores: BTreeMap<String, f64>,
    /// What the brand's own pictures look like to the bundle's evaluator: the mean of unit embeddings, of the
    /// pictures that only validated where there are any. New pictures are held against it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub look: Option<Vec<f32>>,
    /// What its weights, `adapter.safetensors`, hash to.
    pub weights: Digest,
    /// How many bytes they have.
    pub bytes: u64,
    /// The loss curve's file, if it was drawn.
    pub curve: Option<String>,
}

/// The bundle that a version belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Base {
    /// Its name.
    pub name: String,
    /// Its digest.
    pub digest: Digest,
}

/// One picture that was learned from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingImage {
    /// What its bytes hash to: its name in the rights ledger.
    pub sha256: Digest,
    /// What it was called.
    pub file: String,
    /// What it shows.
    pub category: String,
    /// The style it is an example of, if that was known.
    pub style: Option<String>,
    /// Where it came from.
    pub source: String,
    /// Under which licence.
    pub licence: Licence,
}

/// What a training says about its result; the registry adds the number and the digest.
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
    /// The card of version `number` with these weights.
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

    /// The JSON that is stored.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let bytes = json::to_pretty_vec("a card", self)?;
        if bytes.len() > MAX_BYTES {
            return Err(Error::invalid(format!("the card of {} would be too large; use fewer pictures", self.id)));
        }
        Ok(bytes)
    }

    /// Reads what [`Card::to_bytes`] wrote; `name` is for the error.
    pub fn from_bytes(bytes: &[u8], name: &str) -> Result<Self> {
        let hint = "the version cannot be used; train another, or restore its folder from a backup";
        if bytes.len() > MAX_BYTES {
            return Err(Error::invalid(format!("{name} is too large for a card")).hint(hint));
        }
        let damaged = |e: serde_json::Error| Error::invalid(format!("{name} is not a card")).caused_by(e).hint(hint);
        // The format first: another one is a newer housestyle's work, not damage.
        let Formatted { format } = serde_json::from_slice(bytes).map_err(damaged)?;
        if format != FORMAT {
            let message = format!("{name} has format {format}; this housestyle reads {FORMAT}");
            return Err(Error::unavailable(message).hint("use the housestyle that trained it"));
        }
        serde_json::from_slice(bytes).map_err(damaged)
    }
}

/// As much of a card as every format has.
#[derive(Deserialize)]
struct Formatted {
    format: u32,
}
