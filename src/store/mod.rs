//! Object stores: bytes under [`Key`]s, in a folder ([`Local`]) or in a bucket ([`S3`]), and append-only logs
//! ([`Log`]).
//!
//! The store is where results are kept: what it holds is done, and no other record is needed to go on after a crash.
//!
//! # Invariants
//!
//! For every implementation (`tests/it/store_conformance.rs` checks it): a reader sees an object whole or not at all,
//! whatever dies while it is written; of two [`Store::put_if_absent`] on one key exactly one wins.

pub mod key;
pub mod local;
pub mod log;
pub mod object_store;
pub mod parallel;
pub mod s3;

pub use key::Key;
pub use local::Local;
pub use log::Log;
pub use object_store::{FolderGuard, Store};
pub use s3::S3;
