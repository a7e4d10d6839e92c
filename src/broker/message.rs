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
/// The maximum size of a message in bytes; a regular job has a few kilobytes.
const MAX_BYTES: usize = 256 << 10;

/// A job on its way to a worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    version: u32,
    /// The number of earlier failures; a redelivery after a crash does not count.
    pub failures: u32,
    /// The time of the first publication by the sender's clock, in milliseconds since 1970; 0 if unknown.
    #[serde(default)]
    published_ms: u64,
    /// The position in a trace; one that cannot be parsed is ignored and is no reason to refuse the job.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "TraceParent::if_readable")]
    pub traceparent: Option<TraceParent>,
    /// The job to do.
    pub job: Job,
}

impl Message {
    /// Creates a message without failures, as part of the current trace.
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

    /// Returns the same message with its count of failures reset.
    #[must_use]
    pub fn renewed(self) -> Self {
        Self { failures: 0, ..self }
    }

    /// Returns the time since the first publication; `None` if it is unknown or the sender's clock is ahead of ours.
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
