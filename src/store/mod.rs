//! The store is the truth: what it holds is done, and nothing else needs to be remembered.
//!
//! In: bytes under [`Key`]s. Out: the same bytes, whole. [`local`] keeps them in a folder, [`s3`] in a bucket; [`layout`]
//! names the keys of a campaign; [`sidecar`] is what is known about one asset; [`log`] keeps records that are only ever
//! added.
//! Always holds, for every implementation (`tests/it/store_conformance.rs` checks it): a reader sees an object whole or
//! not at all, whatever dies while it is written; of two [`Store::put_if_absent`] on one key exactly one wins.

use std::fmt;

use async_trait::async_trait;

use crate::base::error::{Error, Result};

pub mod local;
pub mod log;
pub mod s3;

pub use local::Local;
pub use log::Log;
pub use s3::S3;

/// Objects under keys; cheap to share behind an `Arc`.
#[async_trait]
pub trait Store: Send + Sync + fmt::Debug {
    /// Writes an object, replacing what was there.
    async fn put(&self, key: &Key, bytes: Vec<u8>) -> Result<()>;

    /// Writes an object unless there is one; true if it was written.
    async fn put_if_absent(&self, key: &Key, bytes: Vec<u8>) -> Result<bool>;

    /// Reads an object; `None` if there is none.
    async fn get(&self, key: &Key) -> Result<Option<Vec<u8>>>;

    /// The object's size; `None` if there is none.
    async fn size(&self, key: &Key) -> Result<Option<u64>>;

    /// The keys under `prefix` (a folder, so `a/b` does not list `a/bc`), sorted.
    async fn list(&self, prefix: &Key) -> Result<Vec<Key>>;

    /// Deletes an object; that there is none is no error.
    async fn delete(&self, key: &Key) -> Result<()>;

    /// Takes sole use of `folder` for as long as the guard lives, or says who has it, and removes what a killed process left
    /// unfinished there. A bucket leaves nothing unfinished and keeps no two apart: it is only tried out, and gives no guard.
    async fn enter(&self, _folder: &Key) -> Result<Option<local::Lock>> {
        self.verify().await.map(|()| None)
    }

    /// Whether it is there and takes what is put, or what to do about it.
    async fn verify(&self) -> Result<()>;

    /// Where a person finds the object.
    fn locate(&self, key: &Key) -> String;
}

/// A key: `/`-separated names, relative, no name empty or starting with a dot (those are the store's own).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(String);

impl Key {
    /// Checks a key; what could leave the store's folder or confuse a person is refused.
    pub fn new(text: impl Into<String>) -> Result<Self> {
        let text = text.into();
        let name_is_fine = |name: &str| {
            !name.is_empty()
                && name.len() <= 255
                && !name.starts_with('.')
                && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '@'))
        };
        if text.len() <= 1024 && text.split('/').all(name_is_fine) {
            Ok(Self(text))
        } else {
            let shown: String = text.chars().take(80).collect();
            Err(Error::invalid(format!("{shown:?} cannot be the name of something stored"))
                .hint("use letters, digits, '-', '_' and '.', and do not start a name with a dot"))
        }
    }

    /// The key of `name` in this folder.
    pub fn join(&self, name: &str) -> Result<Self> {
        Self::new(format!("{}/{name}", self.0))
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_cannot_leave_the_store() {
        for good in ["a", "campaigns/x-0123/assets/fox-twemoji-1-ab.png", "style/acme@3"] {
            assert_eq!(Key::new(good).unwrap().as_str(), good);
        }
        let long = "a".repeat(10_000_000);
        for bad in ["", "/a", "a/", "a//b", "..", "a/../b", ".lock", "a\\b", "a\0b", "a%2e%2e", "a b", "\u{202e}gnp.a", &long] {
            let error = Key::new(bad).unwrap_err();
            assert!(error.to_string().len() < 600);
        }
    }
}
