//! The registry: versions and promotions in a store.
//!
//! In: drafts and weights. Out: cards, weights that are what their card says, and which version is promoted. What always
//! holds: of two trainings that finish at once each gets a number of its own. The weights are the claim on a number (written
//! only where there are none), the card makes it count; a number whose training died in between stays unused.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::card::{Card, Draft};
use crate::error::{Error, Result};
use crate::spec::{Branch, Digest, EncoderName, Timestamp, VersionId};
use crate::store::{Key, Store};

/// Numbers that are tried before giving up: no store holds so many trainings that died.
const MAX_GAP: u32 = 1_000;

/// Versions of trained encoders; cheap to clone.
#[derive(Clone, Debug)]
pub struct Registry {
    store: Arc<dyn Store>,
}

/// One promotion, as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Promotion {
    /// The version in use from then on.
    pub version: VersionId,
    /// The version in use until then.
    pub previous: Option<VersionId>,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// Why: what was compared, or the reason for doing it without.
    pub grounds: Grounds,
}

/// Why a version was promoted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grounds {
    /// It compared well.
    Evidence(Vec<String>),
    /// It was promoted all the same, for this reason.
    Forced(String),
    /// The version before it was taken back.
    Rollback(String),
}

impl Registry {
    /// The registry in a store.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// Stores a new version under the next free number, and gives back its card.
    pub async fn publish(&self, draft: &Draft, weights: &[u8], curve: Option<&str>) -> Result<Card> {
        let first = self.numbers(&draft.encoder).await?.last().map_or(1, |last| last.saturating_add(1));
        for number in first..first.saturating_add(MAX_GAP) {
            let folder = folder(&draft.encoder.version(number))?;
            if !self.store.put_if_absent(&folder.join(WEIGHTS)?, weights.to_vec()).await? {
                continue; // another training has this number, or had it and died
            }
            if let Some(svg) = curve {
                self.store.put(&folder.join(CURVE)?, svg.as_bytes().to_vec()).await?;
            }
            let card = Card::new(draft, number, weights, curve.map(|_| CURVE), Timestamp::now());
            if self.store.put_if_absent(&folder.join(CARD)?, card.to_bytes()?).await? {
                return Ok(card);
            }
        }
        Err(Error::internal(format!("no number is free for {}", draft.encoder)))
    }

    /// The numbers of an encoder's versions, in order.
    pub async fn numbers(&self, encoder: &EncoderName) -> Result<Vec<u32>> {
        let all = self.versions().await?;
        Ok(all.into_iter().filter(|version| version.encoder() == *encoder).map(|version| version.number).collect())
    }

    /// Every version there is, in order.
    pub async fn versions(&self) -> Result<Vec<VersionId>> {
        let mut versions = Vec::new();
        for branch in Branch::ALL {
            let prefix = root(branch)?;
            let of = |key: &Key| -> Option<VersionId> {
                let name =
                    key.as_str().strip_prefix(prefix.as_str())?.strip_prefix('/')?.strip_suffix(CARD)?.strip_suffix('/')?;
                format!("{branch}/{name}").parse().ok()
            };
            versions.extend(self.store.list(&prefix).await?.iter().filter_map(of));
        }
        versions.sort();
        Ok(versions)
    }

    /// The card of a version.
    pub async fn card(&self, version: &VersionId) -> Result<Card> {
        let key = folder(version)?.join(CARD)?;
        let bytes = self.store.get(&key).await?.ok_or_else(|| self.unknown(version))?;
        let card = Card::from_bytes(&bytes, key.as_str())?;
        match card.id == *version {
            true => Ok(card),
            false => Err(Error::invalid(format!("{key} is the card of {}", card.id)).hint("restore the folder from a backup")),
        }
    }

    /// The weights of a version, verified against its card.
    pub async fn weights(&self, card: &Card) -> Result<Vec<u8>> {
        let key = folder(&card.id)?.join(WEIGHTS)?;
        let missing = || Error::unavailable(format!("the weights of {} are not at {}", card.id, self.store.locate(&key)));
        let bytes = self.store.get(&key).await?.ok_or_else(missing)?;
        match Digest::of(&bytes) == card.weights {
            true => Ok(bytes),
            false => Err(Error::unavailable(format!("the weights of {} are not those of its card", card.id))
                .hint("restore its folder from a backup, or use another version")),
        }
    }

    fn unknown(&self, version: &VersionId) -> Error {
        Error::invalid(format!("there is no encoder {version}")).hint("`housestyle encoders list` shows every version")
    }
}

/// The files of a version.
const CARD: &str = "card.json";
const WEIGHTS: &str = "adapter.safetensors";
const CURVE: &str = "loss.svg";

fn root(branch: Branch) -> Result<Key> {
    Key::new(format!("encoders/{branch}"))
}

fn folder(version: &VersionId) -> Result<Key> {
    Key::new(format!("encoders/{version}"))
}
