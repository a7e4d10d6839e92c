//! The trait that every object store implements.

use std::any::Any;
use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;

use crate::base::error::Result;
use crate::store::key::Key;

/// Exclusive use of a folder of a store; released when dropped.
pub(crate) type FolderGuard = Box<dyn Any + Send + Sync>;

/// An object store: bytes under keys, shared behind an `Arc`.
#[async_trait]
pub trait Store: Send + Sync + fmt::Debug {
    /// Writes an object, replacing an existing one.
    ///
    /// # Errors
    ///
    /// Fails if the store cannot be written to; an existing object is kept then.
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
    /// Fails if the store cannot be read, or if the object is larger than the store's limit.
    async fn get(&self, key: &Key) -> Result<Option<Bytes>>;

    /// Returns an object's size in bytes; `None` if there is none.
    ///
    /// # Errors
    ///
    /// Fails if the store cannot be read.
    async fn size(&self, key: &Key) -> Result<Option<u64>>;

    /// Lists the keys under `prefix`, sorted. The prefix is a folder: `a/b` does not list `a/bc`.
    ///
    /// # Errors
    ///
    /// Fails if the store cannot be listed.
    async fn list(&self, prefix: &Key) -> Result<Vec<Key>>;

    /// Deletes an object, if there is one.
    ///
    /// # Errors
    ///
    /// Fails if the store cannot be written to.
    async fn delete(&self, key: &Key) -> Result<()>;

    /// Locks `folder` for exclusive use until the guard is dropped, and removes unfinished files of killed processes.
    /// The default only calls [`Store::verify`], because a bucket has no unfinished objects and no locks.
    ///
    /// # Errors
    ///
    /// Fails if another process has locked the folder (the error names it), or if the store cannot be written to.
    async fn enter(&self, _folder: &Key) -> Result<FolderGuard> {
        self.verify().await?;
        Ok(Box::new(()))
    }

    /// Checks that the store exists and can be written to.
    ///
    /// # Errors
    ///
    /// Fails if it does not exist or cannot be written to; the hint says how to fix it.
    async fn verify(&self) -> Result<()>;

    /// Returns the object's path or address, for messages.
    fn locate(&self, key: &Key) -> String;
}
