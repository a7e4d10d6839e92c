//! Records that are only ever added: `<folder>/000001.json`, `000002.json`, …
//!
//! In: values. Out: all of them again, in order. What always holds: a record is never changed, and of two writers who saw
//! the same records only one adds the next, so whoever decides by the records decides by all of them. A record that was lost is
//! told: what is before the gap must not pass for everything.

use super::{Key, Store};
use crate::base::error::{Error, Result};
use serde::{Serialize, de::DeserializeOwned};

/// A record is a few kilobytes.
const MAX_BYTES: usize = 1 << 20;

/// The records in one folder.
#[derive(Debug)]
pub struct Log<'a> {
    store: &'a dyn Store,
    folder: Key,
}

impl<'a> Log<'a> {
    /// The log in this folder.
    pub fn new(store: &'a dyn Store, folder: Key) -> Self {
        Self { store, folder }
    }

    /// Every record, in the order in which they were added.
    pub async fn read<T: DeserializeOwned>(&self) -> Result<Vec<T>> {
        let mut records = Vec::new();
        for number in 1..=self.last().await? {
            let key = self.key(number)?;
            let wrong = |what: &str| {
                Error::invalid(format!("{key} {what}"))
                    .hint(format!("look at {}; restore it from a backup", self.store.locate(&key)))
            };
            let bytes = self.store.get(&key).await?.ok_or_else(|| wrong("is missing, though there are later records"))?;
            let damaged = || wrong("is not a record of this housestyle");
            if bytes.len() > MAX_BYTES {
                return Err(damaged());
            }
            records.push(serde_json::from_slice(&bytes).map_err(|e| damaged().caused_by(e))?);
        }
        Ok(records)
    }

    /// The number of the last record; 0 before the first.
    async fn last(&self) -> Result<usize> {
        let keys = self.store.list(&self.folder).await?;
        let number = |key: &Key| -> Option<usize> {
            let number =
                key.as_str().strip_prefix(self.folder.as_str())?.strip_prefix('/')?.strip_suffix(".json")?.parse().ok()?;
            self.key(number).is_ok_and(|there| there == *key).then_some(number)
        };
        Ok(keys.iter().filter_map(number).max().unwrap_or_default())
    }

    /// Adds a record after the `seen` ones that it was decided by; false if somebody else added one meanwhile.
    pub async fn add(&self, seen: usize, record: &impl Serialize) -> Result<bool> {
        let mut bytes =
            serde_json::to_vec_pretty(record).map_err(|e| Error::internal("cannot write a record as JSON").caused_by(e))?;
        bytes.push(b'\n');
        self.store.put_if_absent(&self.key(seen + 1)?, bytes).await
    }

    fn key(&self, number: usize) -> Result<Key> {
        self.folder.join(&format!("{number:06}.json"))
    }
}
