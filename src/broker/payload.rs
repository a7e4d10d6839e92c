//! Message types that channels carry: a wire format, a priority and a count of failures.

use std::fmt;

use serde::de::DeserializeOwned;

use crate::base::error::{Error, Kind, Result};
use crate::spec::Priority;

/// A type of message that channels carry.
pub trait Payload: Clone + fmt::Debug + Send + Sync + 'static {
    /// Whether failures are counted in a header, because the body has no field for them.
    const FAILURES_IN_HEADER: bool = false;

    /// Returns the message as bytes for the wire.
    ///
    /// # Errors
    ///
    /// [`Kind::Internal`] if the message cannot be written as JSON.
    fn to_bytes(&self) -> Result<Vec<u8>>;

    /// Parses a message and validates it (size, version, unknown keys), as bytes from a wire are untrusted.
    ///
    /// # Errors
    ///
    /// [`Kind::Permanent`] if the bytes are not such a message, as a retry cannot help.
    fn from_bytes(bytes: &[u8]) -> Result<Self>;

    /// Returns the number of earlier failures; a redelivery after a crash does not count.
    fn failures(&self) -> u32;

    /// Sets the number of earlier failures.
    fn set_failures(&mut self, failures: u32);

    /// Returns the priority; several priorities share a channel by weight.
    fn priority(&self) -> Priority {
        Priority::Normal
    }
}

/// Parses JSON of at most `limit` bytes; `noun` names it in errors ("an order").
pub(super) fn read_json<T: DeserializeOwned>(bytes: &[u8], limit: usize, noun: &str) -> Result<T> {
    if bytes.len() > limit {
        return Err(Error::new(Kind::Permanent, format!("{noun} of {} bytes is too large", bytes.len())));
    }
    serde_json::from_slice(bytes)
        .map_err(|e| Error::new(Kind::Permanent, format!("{noun} cannot be read")).caused_by(e))
}

/// Checks that the format version is `reads`, the one that this program writes.
pub(super) fn check_version(version: u32, reads: u32, noun: &str) -> Result<()> {
    if version == reads {
        return Ok(());
    }
    Err(Error::new(Kind::Permanent, format!("{noun} has version {version}; this program reads {reads}")))
}
