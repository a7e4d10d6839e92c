//! The interface of every object store.

use std::any::Any;
use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;

use crate::base::error::Result;
use crate::store::key::Key;

/// Sole use of a folder of a store; ends when dropped.
pub type FolderGuard = Box<dyn Any + Send + Sync>;

/// Objects under keys; cheap to share behind an `Arc`.
#[async_trait]
pub trait Store: Send + Sync + fmt::Debug {
    /// Writes an object, replacing what was there.
    ///
    /// # Errors
    ///
    /// Fails if the store cannot be written to; what was there stays then.
    async fn put(&self, key: &Key, bytes: Bytes) -> Result<()>;

    /// Writes an object unless there is one; returns whether it was written.
    ///
    /// # Errors
    ///
    /// Fails if the store cannot be written to.
    async fn put_if_absent(&self, key: &Key, bytes: Bytes) -> Result<bool>;

    /// Reads an object; returns `None` if there is none.
    ///
    /// # Errors
    ///
    /// Fails if the store cannot be read, or if the object is larger than any that is written here.
    async fn get(&self, key: &Key) -> Result<Option<Bytes>>;

    /// Returns the object's size; `None` if there is none.
    ///
    /// # Errors
    ///
    /// Fails if the store cannot be asked.
    async fn size(&self, key: &Key) -> Result<Option<u64>>;

    /// Lists the keys under `prefix`, sorted. The prefix is a folder: `a/b` does not list `a/bc`.
    ///
    /// # Errors
    ///
    /// Fails if the store cannot be asked.
    async fn list(&self, prefix: &Key) -> Result<Vec<Key>>;

    /// Deletes an object, if there is one.
    ///
    /// # Errors
    ///
    /// Fails if the store cannot be written to.
    async fn delete(&self, key: &Key) -> Result<()>;

    /// Takes sole use of `folder` for as long as the guard lives, and removes what a killed process left unfinished
    /// there. A bucket leaves nothing unfinished and cannot lock, so by default only [`Store::verify`] is done.
    ///
    /// # Errors
    ///
    /// Fails if another process has the folder (the error says which), or if the store cannot be written to.
    async fn enter(&self, _folder: &Key) -> Result<FolderGuard> {
        self.verify().await?;
        Ok(Box::new(()))
    }

    /// Checks that the store is there and can be written to.
    ///
    /// # Errors
    ///
    /// Fails if it is not; the hint says what to do about it.
    async fn verify(&self) -> Result<()>;

    /// Returns where a person finds the object: a path or an address.
    fn locate(&self, key: &Key) -> String;
}
