//! The envelope a job travels in.
//!
//! In: a job. Out: bytes that any worker of the same format version can open.
//! Always holds: what comes from a wire is checked here (size, version, unknown keys) and trusted nowhere before.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::base::error::{Error, Kind, Result};
use crate::plan::Job;
use crate::spec::Priority;
use crate::telemetry::TraceParent;

/// The version of the envelope; a worker refuses others.
const VERSION: u32 = 1;
/// Far above any honest job, far below what hurts.
const MAX_BYTES: usize = 256 << 10;

/// One job on its way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// Envelope version.
    version: u32,
    /// How often it failed before; a redelivery after a crash does not count.
    pub failures: u32,
    /// When it was first published, in milliseconds since 1970, by its sender's clock; 0 if nobody said.
    #[serde(default)]
    published_ms: u64,
    /// Which trace it belongs to; one that cannot be read is none, and no reason to refuse the job.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "TraceParent::if_readable")]
    pub traceparent: Option<TraceParent>,
    /// What to make.
    pub job: Job,
}

impl Message {
    /// A fresh message, part of the current trace.
    pub fn new(job: Job) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let published_ms = u64::try_from(now.as_millis()).unwrap_or(0);
        Self { version: VERSION, failures: 0, published_ms, traceparent: TraceParent::current(), job }
    }

    /// The same message as part of another trace.
    #[must_use]
    pub fn traced(self, traceparent: Option<TraceParent>) -> Self {
        Self { traceparent, ..self }
    }

    /// The same message with its failures forgotten.
    #[must_use]
    pub fn renewed(self) -> Self {
        Self { failures: 0, ..self }
    }

    /// How long ago it was first published; nothing if nobody said, or by a clock ahead of ours.
    pub fn waited(&self) -> Option<Duration> {
        let published = UNIX_EPOCH.checked_add(Duration::from_millis(self.published_ms))?;
        SystemTime::now().duration_since(published).ok().filter(|_| self.published_ms > 0)
    }

    /// The lane it travels on.
    pub fn lane(&self) -> Priority {
        self.job.priority
    }

    /// The bytes that travel.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(self).map_err(|e| Error::internal("cannot write a message as JSON").caused_by(e))
    }

    /// Opens an envelope; one that cannot be opened will never be ([`Kind::Permanent`]).
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let refuse = |why: String| Error::new(Kind::Permanent, why);
        if bytes.len() > MAX_BYTES {
            return Err(refuse(format!("a message of {} bytes is too large", bytes.len())));
        }
        let message: Self =
            serde_json::from_slice(bytes).map_err(|e| refuse("a message cannot be read".into()).caused_by(e))?;
        if message.version != VERSION {
            return Err(refuse(format!("a message has version {}; this worker reads {VERSION}", message.version)));
        }
        Ok(message)
    }
}
