//! Events on their way to webhooks: documents that were announced, kept until every endpoint has them.

use super::payload::Payload;
use crate::base::error::Result;

/// An announced event that waits to be delivered to webhooks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// The document, as it was announced; not checked yet.
    pub body: Vec<u8>,
    failures: u32,
}

impl Payload for Notification {
    /// The document goes to receivers as it is and cannot hold a count of ours.
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
