//! A baseline as it is stored: its manifest, its parts, and the pictures' keys.
//!
//! # Invariants
//!
//! `baseline.json` is written last and names every part by its digest, so a baseline is there whole or not at all.

use std::collections::BTreeSet;

use futures_util::stream::{self, Stream, StreamExt as _};
use serde::{Deserialize, Serialize};

use crate::appearance::Appearance;
use crate::base::digest::{Digest, bare_digest};
use crate::base::error::{Error, Result};
use crate::base::names::Name;
use crate::base::time::Timestamp;
use crate::eval::evaluation::{Brief, DeliveryFacts};
use crate::pipeline::scores::Scores;
use crate::plan::CampaignId;
use crate::store::{Key, Store};

/// The version of the format; readers refuse others.
pub(super) const VERSION: u32 = 2;
/// Pictures of a part, at most.
pub(super) const PART: usize = 128;

/// The manifest of an imported baseline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// Format version.
    pub version: u32,
    /// The name.
    pub name: Name,
    /// Version of housestyle that imported it.
    pub housestyle: String,
    /// The time of the import.
    pub imported_at: Timestamp,
    /// The campaign whose briefs it was paired with.
    pub campaign: CampaignId,
    /// The bundle whose evaluator judged it.
    pub bundle: Name,
    /// That bundle's digest.
    pub digest: Digest,
    /// How many pictures it has.
    pub pictures: usize,
    /// How many briefs they answer.
    pub briefs: usize,
    /// Where what is said of them lies, in the index' order: `parts/<hex>.json`, each a list of [`BaselineItem`]s
    /// named by its digest.
    pub parts: Vec<Digest>,
    /// What was refused.
    pub refused: Vec<Refused>,
}

/// One picture of a baseline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BaselineItem {
    /// Its id: the stem of its file in the store.
    pub id: String,
    /// Its file, as it was delivered.
    pub file: String,
    /// SHA-256 of the delivered file.
    pub delivered: Digest,
    /// SHA-256 of the file in the store.
    #[serde(with = "bare_digest")]
    pub sha256: Digest,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// The brief it answers.
    pub brief: Brief,
    /// Price, dates, vendor and licence.
    pub delivery: DeliveryFacts,
    /// The evaluator's scores.
    pub scores: Scores,
    /// Palette and perceptual hash.
    pub looks: Appearance,
}

/// A file or row that was not imported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refused {
    /// The file.
    pub file: String,
    /// The reasons.
    pub reason: String,
}

/// The folder of a baseline.
fn folder(name: &Name) -> Result<Key> {
    Key::new(format!("baselines/{name}"))
}

/// Returns the key of a picture of a baseline.
pub fn image(name: &Name, id: &str) -> Result<Key> {
    folder(name)?.join(&format!("images/{id}.png"))
}

/// Where an importer asks for judgements of a part of a baseline, and finds them; `part` is named by its digest.
pub fn judgements(name: &Name, part: &Digest) -> Result<Key> {
    folder(name)?.join(&format!("judgements/{}.json", part.hex()))
}

impl Baseline {
    /// Reads a baseline.
    pub async fn load(store: &dyn Store, name: &Name) -> Result<Self> {
        let key = folder(name)?.join("baseline.json")?;
        let bytes = store.get(&key).await?.ok_or_else(|| {
            Error::invalid(format!("there is no baseline {name} at {}", store.locate(&key)))
                .hint("import one: `housestyle baseline import SOURCE --name NAME --campaign CAMPAIGN`")
        })?;
        let hint = "import the baseline again";
        let damaged = |e: serde_json::Error| Error::invalid(format!("{key} is not a baseline")).caused_by(e).hint(hint);
        let Versioned { version } = serde_json::from_slice(&bytes).map_err(damaged)?;
        if version != VERSION {
            let message = format!("{key} has format version {version}; this housestyle reads {VERSION}");
            return Err(Error::unavailable(message).hint(hint));
        }
        let baseline: Self = serde_json::from_slice(&bytes).map_err(damaged)?;
        match baseline.parts.iter().collect::<BTreeSet<_>>().len() == baseline.parts.len() {
            true => Ok(baseline),
            false => Err(Error::invalid(format!("{key} names a part twice")).hint(hint)),
        }
    }

    /// Streams every picture, part by part. The caller checks that none is missing.
    pub fn items<'a>(&'a self, store: &'a dyn Store) -> impl Stream<Item = Result<BaselineItem>> + 'a {
        let part = |digest: &'a Digest| read_part(store, &self.name, digest);
        let parts = stream::iter(&self.parts).then(part);
        parts.flat_map(|part| match part {
            Ok(items) => stream::iter(items).map(Ok).left_stream(),
            Err(error) => stream::iter([Err(error)]).right_stream(),
        })
    }

    /// Writes it; its pictures and parts must be there. Those of an earlier import stay: somebody may be reading them.
    pub(super) async fn save(&self, store: &dyn Store) -> Result<()> {
        let bytes =
            serde_json::to_vec(self).map_err(|e| Error::internal("cannot write a baseline as JSON").caused_by(e))?;
        store.put(&folder(&self.name)?.join("baseline.json")?, bytes.into()).await
    }
}

fn part(name: &Name, digest: &Digest) -> Result<Key> {
    folder(name)?.join(&format!("parts/{}.json", digest.hex()))
}

pub(super) async fn write_part(store: &dyn Store, name: &Name, items: &[BaselineItem]) -> Result<Digest> {
    let bytes =
        serde_json::to_vec(items).map_err(|e| Error::internal("cannot write a baseline as JSON").caused_by(e))?;
    let digest = Digest::of(&bytes);
    store.put(&part(name, &digest)?, bytes.into()).await?;
    Ok(digest)
}

async fn read_part(store: &dyn Store, name: &Name, digest: &Digest) -> Result<Vec<BaselineItem>> {
    let key = part(name, digest)?;
    let damaged =
        |what: &str| Error::invalid(format!("{} {what}", store.locate(&key))).hint("import the baseline again");
    let bytes = store.get(&key).await?.ok_or_else(|| damaged("is not there"))?;
    if Digest::of(&bytes) != *digest {
        return Err(damaged("is not what was imported"));
    }
    serde_json::from_slice(&bytes).map_err(|e| damaged("is not a part of a baseline").caused_by(e))
}

/// The part of a baseline that every version has.
#[derive(Deserialize)]
struct Versioned {
    version: u32,
}
