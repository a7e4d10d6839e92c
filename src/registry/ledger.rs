//! The ledger: every picture that was ever learned from, with the rights in it, and every revocation.
//!
//! In: grants, at training time, and revocations, at any time. Out: what is known of a picture, and whether it may still be
//! used. What always holds: an entry's source, licence and holder never change once written, so a contradiction is told, not
//! overwritten; a revocation is never taken away.
//!
//! In the store: `ledger/<sha256>.json` and `ledger/revoked/000001.json`.

use crate::base::digest::Digest;
use crate::base::error::{Error, Result};
use crate::base::time::Timestamp;
use crate::base::version::EncoderName;
use crate::rights::Grant;
use crate::store::{Key, Log, Store};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// An entry is a kilobyte or two.
const MAX_BYTES: usize = 1 << 20;

/// The ledger in a store; cheap to clone.
#[derive(Clone, Debug)]
pub struct Ledger {
    store: Arc<dyn Store>,
}

/// What is known of one picture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// What its bytes hash to.
    pub sha256: Digest,
    /// What it was called when it came.
    pub file: String,
    /// The encoder that it was first brought for.
    pub encoder: EncoderName,
    /// The rights in it.
    pub grant: Grant,
    /// When it was written down, or its terms last renewed.
    pub recorded_at: Timestamp,
}

/// What is revoked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// One picture.
    Picture(Digest),
    /// Everything that came, or will come, from one source.
    Source(String),
}

/// One revocation, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revocation {
    /// What must not be used any more.
    pub target: Target,
    /// Why.
    pub reason: String,
    /// Since when.
    pub at: Timestamp,
    /// On whose word.
    pub by: String,
}

impl Revocation {
    /// The sentence that refuses.
    pub fn because(&self) -> String {
        format!("revoked on {}: {}", self.at.date(), self.reason)
    }
}

/// Every revocation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Revocations(pub Vec<Revocation>);

impl Revocations {
    /// The first revocation that this picture, or everything from its source, falls under.
    pub fn of(&self, sha256: &Digest, source: &str) -> Option<&Revocation> {
        self.0.iter().find(|revocation| match &revocation.target {
            Target::Picture(digest) => digest == sha256,
            Target::Source(revoked) => same_source(revoked, source),
        })
    }

    /// The first revocation of everything from this source.
    pub fn of_source(&self, source: &str) -> Option<&Revocation> {
        self.0.iter().find(|r| matches!(&r.target, Target::Source(revoked) if same_source(revoked, source)))
    }
}

/// Whether two texts name the same source: people do not agree on capitals and spaces.
pub fn same_source(one: &str, other: &str) -> bool {
    one.split_whitespace().map(str::to_lowercase).eq(other.split_whitespace().map(str::to_lowercase))
}

impl Ledger {
    /// The ledger in a store.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// Writes down pictures that are about to be learned from. Before anything is written, everything is checked: a picture
    /// that is revoked, or stands in the ledger as somebody else's, refuses all of them and is named. Gives back, in words, whose
    /// terms change: they count for every version that learned from the picture before.
    pub async fn record(&self, entries: &[Entry]) -> Result<Vec<String>> {
        let revoked = self.revocations().await?;
        let (mut new, mut renewed, mut wrong) = (Vec::new(), Vec::new(), Vec::new());
        for entry in entries {
            let (file, grant) = (&entry.file, &entry.grant);
            if let Some(revocation) = revoked.of(&entry.sha256, &grant.source) {
                wrong.push(format!("{file} is {}", revocation.because()));
                continue;
            }
            match self.entry(&entry.sha256).await? {
                Some(before) if contradicts(&before.grant, grant) => wrong.push(contradiction(file, &before.grant, grant)),
                Some(before) if before.grant == *grant => {}
                // The same rights, renewed or narrowed: the newest terms hold.
                Some(before) => {
                    let now = Entry { grant: grant.clone(), recorded_at: entry.recorded_at, ..before.clone() };
                    renewed.push((before.grant, now));
                }
                None => new.push(entry),
            }
        }
        if !wrong.is_empty() {
            return Err(refused(&wrong));
        }
        let mut changed = Vec::new();
        for (before, entry) in renewed {
            if before.terms != entry.grant.terms {
                changed.push(format!("{}: {}; until now {}", entry.file, entry.grant.terms, before.terms));
            }
            self.store.put(&key(&entry.sha256)?, bytes(&entry)?.into()).await?;
        }
        for entry in new {
            // Another training may have written it since we looked: then its word stands, and ours must not contradict it.
            if !self.store.put_if_absent(&key(&entry.sha256)?, bytes(entry)?.into()).await?
                && let Some(before) = self.entry(&entry.sha256).await?
                && contradicts(&before.grant, &entry.grant)
            {
                return Err(refused(&[contradiction(&entry.file, &before.grant, &entry.grant)]));
            }
        }
        Ok(changed)
    }

    /// What is known of a picture.
    pub async fn entry(&self, sha256: &Digest) -> Result<Option<Entry>> {
        let key = key(sha256)?;
        let Some(bytes) = self.store.get(&key).await? else { return Ok(None) };
        let damaged = || {
            Error::invalid(format!("{key} is not an entry of the ledger"))
                .hint(format!("look at {}; restore it from a backup", self.store.locate(&key)))
        };
        if bytes.len() > MAX_BYTES {
            return Err(damaged());
        }
        let entry: Entry = serde_json::from_slice(&bytes).map_err(|e| damaged().caused_by(e))?;
        if entry.sha256 == *sha256 { Ok(Some(entry)) } else { Err(damaged()) }
    }

    /// Every picture that has an entry.
    pub async fn pictures(&self) -> Result<Vec<Digest>> {
        let keys = self.store.list(&folder()?).await?;
        let picture = |key: &Key| {
            let hex = key.as_str().strip_prefix("ledger/")?.strip_suffix(".json")?;
            Digest::from_hex(hex).ok()
        };
        Ok(keys.iter().filter_map(picture).collect())
    }

    /// Every revocation, oldest first.
    pub async fn revocations(&self) -> Result<Revocations> {
        Ok(Revocations(self.log()?.read().await?))
    }

    /// Adds a revocation. Revoking again is fine; the first one's day and reason stay what is told.
    pub async fn revoke(&self, revocation: &Revocation) -> Result<()> {
        let log = self.log()?;
        loop {
            let seen = log.read::<Revocation>().await?.len();
            if log.add(seen, revocation).await? {
                return Ok(());
            }
        }
    }

    fn log(&self) -> Result<Log<'_>> {
        Ok(Log::new(&*self.store, folder()?.join("revoked")?))
    }
}

/// Says which pictures the ledger refuses, the first ten of them.
fn refused(wrong: &[String]) -> Error {
    let more = if wrong.len() > 10 { format!("; and {} more", wrong.len() - 10) } else { String::new() };
    Error::invalid(format!("the ledger refuses: {}{more}", wrong[..wrong.len().min(10)].join("; ")))
        .hint("take these pictures out of the style set, or correct what it says of them")
}

fn contradiction(file: &str, known: &Grant, said: &Grant) -> String {
    let whose = |grant: &Grant| format!("{} ({}, from {})", grant.licence, grant.holder, grant.source);
    format!("{file} is in the ledger as {}, not {}", whose(known), whose(said))
}

fn bytes(entry: &Entry) -> Result<Vec<u8>> {
    let mut bytes =
        serde_json::to_vec_pretty(entry).map_err(|e| Error::internal("cannot write an entry as JSON").caused_by(e))?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Whether two grants cannot both be true; terms may differ, as contracts are renewed.
fn contradicts(one: &Grant, other: &Grant) -> bool {
    let texts = |grant: &Grant| [grant.source.clone(), grant.licence.to_string(), grant.holder.clone()];
    !texts(one).iter().zip(&texts(other)).all(|(one, other)| same_source(one, other))
}

fn folder() -> Result<Key> {
    Key::new("ledger")
}

fn key(sha256: &Digest) -> Result<Key> {
    folder()?.join(&format!("{}.json", sha256.hex()))
}
