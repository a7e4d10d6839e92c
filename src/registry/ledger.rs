//! The rights ledger: every picture that an encoder was trained on with the rights in it, and every revocation.
//!
//! # Invariants
//!
//! An entry's source, licence and holder never change once written: a contradiction is an error. A revocation is never
//! removed.
//!
//! Keys: `ledger/<sha256>.json` and `ledger/revoked/000001.json`.

use std::sync::Arc;

use futures_util::TryStreamExt as _;
use serde::{Deserialize, Serialize};

use crate::base::digest::Digest;
use crate::base::error::{Error, Result};
use crate::base::json;
use crate::base::time::Timestamp;
use crate::base::version::EncoderName;
use crate::rights::Grant;
use crate::store::parallel::in_parallel;
use crate::store::{Key, Log, Store};

/// Largest size of an entry in bytes; typical sizes are one or two kilobytes.
const MAX_BYTES: usize = 1 << 20;

/// The ledger in a store; cheap to clone.
#[derive(Clone, Debug)]
pub struct Ledger {
    store: Arc<dyn Store>,
}

/// The ledger's entry for one picture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The SHA-256 of its file.
    pub sha256: Digest,
    /// The name of its file when it was recorded.
    pub file: String,
    /// The encoder that it was first recorded for.
    pub encoder: EncoderName,
    /// The rights in it.
    pub grant: Grant,
    /// When it was recorded or its terms were last renewed.
    pub recorded_at: Timestamp,
}

/// The entry of a picture if it has one, or the error of a damaged entry.
pub(crate) type EntryLookup = Result<Option<Entry>>;

/// The subject of a revocation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// One picture.
    Picture(Digest),
    /// Every picture from one source, including those that are recorded later.
    Source(String),
}

/// One revocation, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revocation {
    /// What must not be used any longer.
    pub target: Target,
    /// The reason for the revocation.
    pub reason: String,
    /// When it was revoked.
    pub at: Timestamp,
    /// Who revoked it.
    pub by: String,
}

impl Revocation {
    /// Returns date and reason, worded to follow the picture's name and "is".
    pub fn because(&self) -> String {
        format!("revoked on {}: {}", self.at.date(), self.reason)
    }
}

/// Every revocation, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Revocations(pub Vec<Revocation>);

impl Revocations {
    /// Returns the first revocation of this picture or of its source.
    pub fn of(&self, sha256: &Digest, source: &str) -> Option<&Revocation> {
        self.0.iter().find(|revocation| match &revocation.target {
            Target::Picture(digest) => digest == sha256,
            Target::Source(revoked) => same_source(revoked, source),
        })
    }

    /// Returns the first revocation of this source.
    pub(crate) fn of_source(&self, source: &str) -> Option<&Revocation> {
        self.0.iter().find(|r| matches!(&r.target, Target::Source(revoked) if same_source(revoked, source)))
    }
}

/// Returns whether two texts name the same source, ignoring case and the amount of white space.
pub(crate) fn same_source(one: &str, other: &str) -> bool {
    one.split_whitespace().map(str::to_lowercase).eq(other.split_whitespace().map(str::to_lowercase))
}

impl Ledger {
    /// Returns the ledger in a store.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// Records pictures before training; everything is checked before anything is written. Returns a message for each
    /// picture whose terms change, because the new terms apply to every version trained on it before.
    ///
    /// # Errors
    ///
    /// Fails if a picture is revoked or recorded with other rights (the error names it), or if the store cannot be
    /// read or written to.
    pub async fn record(&self, entries: &[Entry]) -> Result<Vec<String>> {
        let revoked = self.revocations().await?;
        let (mut new, mut renewed, mut wrong) = (Vec::new(), Vec::new(), Vec::new());
        let known = self.entries(entries.iter().map(|entry| entry.sha256).collect()).await?;
        for (entry, before) in entries.iter().zip(known) {
            let (file, grant) = (&entry.file, &entry.grant);
            if let Some(revocation) = revoked.of(&entry.sha256, &grant.source) {
                wrong.push(format!("{file} is {}", revocation.because()));
                continue;
            }
            match before? {
                Some(before) if contradicts(&before.grant, grant) => {
                    wrong.push(contradiction(file, &before.grant, grant))
                }
                Some(before) if before.grant == *grant => {}
                // The same rights, renewed or narrowed: the newest terms apply.
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
            self.store.put(&key(&entry.sha256), bytes(&entry)?.into()).await?;
        }
        for entry in new {
            // Another training may have recorded it meanwhile: that entry is kept, and this one must not contradict it.
            if !self.store.put_if_absent(&key(&entry.sha256), bytes(entry)?.into()).await?
                && let Some(before) = self.entry(&entry.sha256).await?
                && contradicts(&before.grant, &entry.grant)
            {
                return Err(refused(&[contradiction(&entry.file, &before.grant, &entry.grant)]));
            }
        }
        Ok(changed)
    }

    /// Reads the entries of these pictures in parallel and returns them in order. A damaged entry is an error in its
    /// place in the list.
    ///
    /// # Errors
    ///
    /// Fails if the store cannot be read.
    pub async fn entries(&self, pictures: Vec<Digest>) -> Result<Vec<EntryLookup>> {
        let read = in_parallel(pictures, |sha256| {
            let ledger = self.clone();
            async move {
                match ledger.entry(&sha256).await {
                    Err(error) if !error.is_about_the_input() => Err(error),
                    read => Ok(read),
                }
            }
        });
        read.try_collect().await
    }

    /// Reads the entry of a picture; returns `None` if there is none.
    ///
    /// # Errors
    ///
    /// Fails if its entry is damaged or the store cannot be read.
    pub async fn entry(&self, sha256: &Digest) -> Result<Option<Entry>> {
        let key = key(sha256);
        let Some(bytes) = self.store.get(&key).await? else { return Ok(None) };
        let damaged = || {
            Error::invalid(format!("{key} is not an entry of the ledger"))
                .hint(format!("restore {} from a backup", self.store.locate(&key)))
        };
        if bytes.len() > MAX_BYTES {
            return Err(damaged());
        }
        let entry: Entry = serde_json::from_slice(&bytes).map_err(|e| damaged().caused_by(e))?;
        if entry.sha256 == *sha256 { Ok(Some(entry)) } else { Err(damaged()) }
    }

    /// Lists every picture that has an entry.
    ///
    /// # Errors
    ///
    /// Fails if the store cannot be listed.
    pub async fn pictures(&self) -> Result<Vec<Digest>> {
        let keys = self.store.list(&folder()).await?;
        let picture = |key: &Key| {
            let hex = key.as_str().strip_prefix("ledger/")?.strip_suffix(".json")?;
            Digest::from_hex(hex).ok()
        };
        Ok(keys.iter().filter_map(picture).collect())
    }

    /// Reads every revocation, oldest first.
    ///
    /// # Errors
    ///
    /// Fails if a revocation is damaged or the store cannot be read.
    pub async fn revocations(&self) -> Result<Revocations> {
        Ok(Revocations(self.log().read().await?))
    }

    /// Adds a revocation. If a picture or source is revoked several times, date and reason of the first are reported.
    ///
    /// # Errors
    ///
    /// Fails if the store cannot be read or written to.
    pub async fn revoke(&self, revocation: &Revocation) -> Result<()> {
        let log = self.log();
        loop {
            let seen = log.read::<Revocation>().await?.len();
            if log.add(seen, revocation).await? {
                return Ok(());
            }
        }
    }

    fn log(&self) -> Log<'_> {
        Log::new(&*self.store, folder().join_checked("revoked"))
    }
}

/// Returns the error that names the refused pictures, at most ten of them.
fn refused(wrong: &[String]) -> Error {
    let more = if wrong.len() > 10 { format!("; and {} more", wrong.len() - 10) } else { String::new() };
    Error::invalid(format!("the ledger refuses: {}{more}", wrong[..wrong.len().min(10)].join("; ")))
        .hint("remove these pictures from the style set, or correct their entries in it")
}

fn contradiction(file: &str, known: &Grant, said: &Grant) -> String {
    let whose = |grant: &Grant| format!("{} ({}, from {})", grant.licence, grant.holder, grant.source);
    format!("{file} is in the ledger as {}, not {}", whose(known), whose(said))
}

fn bytes(entry: &Entry) -> Result<Vec<u8>> {
    json::to_pretty_vec("an entry of the ledger", entry)
}

/// Returns whether two grants contradict each other; terms may differ, because contracts are renewed.
fn contradicts(one: &Grant, other: &Grant) -> bool {
    let texts = |grant: &Grant| [grant.source.clone(), grant.licence.to_string(), grant.holder.clone()];
    !texts(one).iter().zip(&texts(other)).all(|(one, other)| same_source(one, other))
}

fn folder() -> Key {
    Key::of_checked("ledger".into())
}

fn key(sha256: &Digest) -> Key {
    folder().join_checked(format_args!("{}.json", sha256.hex()))
}
