//! Notifications: published events that wait until every webhook endpoint has received them.

use super::payload::Payload;
use crate::base::error::Result;

/// A published event that waits to be delivered to webhooks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// The event's document as it was published; not validated yet.
    pub body: Vec<u8>,
    failures: u32,
}

impl Payload for Notification {
    /// Counted in a header, as the document goes to receivers unchanged and has no field for a count.
    const FAILURES_IN_HEADER: bool = true;

    fn to_bytes(&self) -> Result<Vec<u8>> {
        Ok(self.body.clone())
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self> {
        Ok(Self { body: bytes.to_vec(), failures: 0 })
    }

    fn failures(&self) -> u32 {
        self.failures
    }

    fn set_failures(&mut self, failures: u32) {
        self.failures = failures;
    }
}
