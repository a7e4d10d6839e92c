//! Object stores: bytes under [`Key`]s, in a folder ([`Local`]) or in a bucket ([`S3`]), and append-only logs
//! (`Log`).
//!
//! The store holds all results; what it holds is finished, and nothing else is needed to resume after a crash.
//!
//! # Invariants
//!
//! For every implementation (checked by `tests/it/store_conformance.rs`): writes are atomic, so a reader sees an
//! object completely or not at all even if its writer is killed; of two [`Store::put_if_absent`] on one key exactly
//! one writes.

pub mod key;
pub mod local;
pub mod log;
pub mod object_store;
pub mod parallel;
pub mod s3;

pub use key::Key;
pub use local::Local;
pub(crate) use log::Log;
pub use object_store::Store;
pub use s3::S3;
