//! Append-only logs: records in one folder of a store, `000001.json`, `000002.json`, …
//!
//! # Invariants
//!
//! A record is never changed. Of two writers that read the same records only one adds the next, so every decision is
//! based on all records before it. A missing record is an error: the records before the gap are not the whole log.

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use serde::{Serialize, de::DeserializeOwned};

use crate::base::error::{Error, Result};
use crate::base::json;
use crate::store::key::Key;
use crate::store::object_store::Store;

/// Largest size of a record in bytes; typical sizes are a few kilobytes.
const MAX_BYTES: usize = 1 << 20;
/// Number of records that are read in parallel.
const AT_ONCE: usize = 32;

/// An append-only log of records in one folder of a store.
#[derive(Debug)]
pub(crate) struct Log<'a> {
    store: &'a dyn Store,
    folder: Key,
}

impl<'a> Log<'a> {
    /// Returns the log in this folder.
    pub fn new(store: &'a dyn Store, folder: Key) -> Self {
        Self { store, folder }
    }

    /// Reads every record, in the order in which they were added.
    ///
    /// # Errors
    ///
    /// Fails if a record is missing or damaged, or if the store cannot be read.
    pub async fn read<T: DeserializeOwned>(&self) -> Result<Vec<T>> {
        let last = self.last().await?;
        stream::iter(1..=last).map(|number| self.record(number)).buffered(AT_ONCE).try_collect().await
    }

    async fn record<T: DeserializeOwned>(&self, number: usize) -> Result<T> {
        let key = self.key(number);
        let wrong = |what: &str| {
            Error::invalid(format!("{key} {what}")).hint(format!("restore {} from a backup", self.store.locate(&key)))
        };
        let bytes = self.store.get(&key).await?.ok_or_else(|| wrong("is missing, though there are later records"))?;
        let damaged = || wrong("is not a record that this version of housestyle can read");
        if bytes.len() > MAX_BYTES {
            return Err(damaged());
        }
        serde_json::from_slice(&bytes).map_err(|e| damaged().caused_by(e))
    }

    /// Returns the number of the last record; 0 before the first.
    async fn last(&self) -> Result<usize> {
        let keys = self.store.list(&self.folder).await?;
        let number = |key: &Key| -> Option<usize> {
            let name = key.as_str().strip_prefix(self.folder.as_str())?.strip_prefix('/')?;
            let number = name.strip_suffix(".json")?.parse().ok()?;
            (self.key(number) == *key).then_some(number)
        };
        Ok(keys.iter().filter_map(number).max().unwrap_or_default())
    }

    /// Adds a record after the `seen` ones that it is based on; returns false if another was added meanwhile.
    ///
    /// # Errors
    ///
    /// Fails if the store cannot be written to.
    pub async fn add(&self, seen: usize, record: &impl Serialize) -> Result<bool> {
        let bytes = json::to_pretty_vec("a record", record)?;
        self.store.put_if_absent(&self.key(seen + 1), bytes.into()).await
    }

    fn key(&self, number: usize) -> Key {
        self.folder.join_checked(format_args!("{number:06}.json"))
    }
}
