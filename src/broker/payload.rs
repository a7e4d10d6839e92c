//! What channels carry: messages with a format of their own, a priority and a count of failures.

use std::fmt;

use serde::de::DeserializeOwned;

use crate::base::error::{Error, Kind, Result};
use crate::spec::Priority;

/// A kind of message that channels carry.
pub trait Payload: Clone + fmt::Debug + Send + Sync + 'static {
    /// Whether failures are counted in a header beside the message, as its body has no place for them.
    const FAILURES_IN_HEADER: bool = false;

    /// Returns the bytes that travel.
    ///
    /// # Errors
    /// [`Kind::Internal`] if it cannot be written as JSON.
    fn to_bytes(&self) -> Result<Vec<u8>>;

    /// Reads a message; what comes from a wire is checked here (size, version, unknown keys) and trusted nowhere
    /// before.
    ///
    /// # Errors
    /// [`Kind::Permanent`] for bytes that are no such message, as they never will be.
    fn from_bytes(bytes: &[u8]) -> Result<Self>;

    /// Returns how often it failed before; a redelivery after a crash does not count.
    fn failures(&self) -> u32;

    /// Sets how often it failed before.
    fn set_failures(&mut self, failures: u32);

    /// Returns how urgent it is; several priorities share a channel by weight.
    fn priority(&self) -> Priority {
        Priority::Normal
    }
}

/// Reads JSON of at most `limit` bytes; `noun` names it in errors ("an order").
pub(super) fn read_json<T: DeserializeOwned>(bytes: &[u8], limit: usize, noun: &str) -> Result<T> {
    if bytes.len() > limit {
        return Err(Error::new(Kind::Permanent, format!("{noun} of {} bytes is too large", bytes.len())));
    }
    serde_json::from_slice(bytes)
        .map_err(|e| Error::new(Kind::Permanent, format!("{noun} cannot be read")).caused_by(e))
}

/// Refuses another format version than `reads`, which is the one that this program writes.
pub(super) fn check_version(version: u32, reads: u32, noun: &str) -> Result<()> {
    if version == reads {
        return Ok(());
    }
    Err(Error::new(Kind::Permanent, format!("{noun} has version {version}; this program reads {reads}")))
}
