//! The message that carries a job from the coordinator to a worker.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::payload::{Payload, check_version, read_json};
use crate::base::error::{Error, Result};
use crate::plan::Job;
use crate::spec::Priority;
use crate::telemetry::TraceParent;

/// The format version; a worker refuses others.
const VERSION: u32 = 1;
/// A message of more bytes is refused; an honest job has a few kilobytes.
const MAX_BYTES: usize = 256 << 10;

/// A job on its way to a worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    version: u32,
    /// How often it failed before; a redelivery after a crash does not count.
    pub failures: u32,
    /// When it was first published, in milliseconds since 1970, by its sender's clock; 0 if the sender did not say.
    #[serde(default)]
    published_ms: u64,
    /// The trace that it belongs to; one that cannot be read is ignored, and no reason to refuse the job.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "TraceParent::if_readable")]
    pub traceparent: Option<TraceParent>,
    /// The job to do.
    pub job: Job,
}

impl Message {
    /// Creates a message that never failed, as part of the current trace.
    pub fn new(job: Job) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let published_ms = u64::try_from(now.as_millis()).unwrap_or(0);
        Self { version: VERSION, failures: 0, published_ms, traceparent: TraceParent::current(), job }
    }

    /// Returns the same message as part of another trace.
    #[must_use]
    pub fn traced(self, traceparent: Option<TraceParent>) -> Self {
        Self { traceparent, ..self }
    }

    /// Returns the same message without its failures.
    #[must_use]
    pub fn renewed(self) -> Self {
        Self { failures: 0, ..self }
    }

    /// Returns how long ago it was first published; `None` if its sender did not say, or by a clock ahead of ours.
    pub fn waited(&self) -> Option<Duration> {
        let published = UNIX_EPOCH.checked_add(Duration::from_millis(self.published_ms))?;
        SystemTime::now().duration_since(published).ok().filter(|_| self.published_ms > 0)
    }
}

impl Payload for Message {
    fn to_bytes(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(self).map_err(|e| Error::internal("cannot write a message as JSON").caused_by(e))
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let message: Self = read_json(bytes, MAX_BYTES, "a message")?;
        check_version(message.version, VERSION, "a message")?;
        Ok(message)
    }

    fn failures(&self) -> u32 {
        self.failures
    }

    fn set_failures(&mut self, failures: u32) {
        self.failures = failures;
    }

    fn priority(&self) -> Priority {
        self.job.priority
    }
}
