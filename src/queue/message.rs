//! The envelope a job travels in.
//!
//! In: a job. Out: bytes that any worker of the same format version can open.
//! Always holds: what comes from a wire is checked here (size, version, unknown keys) and trusted nowhere before.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Kind, Result};
use crate::plan::Job;
use crate::spec::Priority;

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
    /// What to make.
    pub job: Job,
    /// The trace it belongs to, as W3C writes it (`traceparent`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}

impl Message {
    /// A fresh message.
    pub fn new(job: Job) -> Self {
        Self { version: VERSION, failures: 0, job, traceparent: None }
    }

    /// The same message as part of a trace.
    #[must_use]
    pub fn traced(self, traceparent: Option<String>) -> Self {
        Self { traceparent, ..self }
    }

    /// The same message with its failures forgotten.
    #[must_use]
    pub fn renewed(self) -> Self {
        Self { failures: 0, ..self }
    }

    /// The lane it travels on.
    pub fn lane(&self) -> Lane {
        match self.job.priority {
            Priority::High => Lane::High,
            Priority::Normal => Lane::Normal,
            Priority::Low => Lane::Low,
        }
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

/// One queue a priority: ordering inside a queue by priority is something not every broker can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lane {
    /// Somebody waits for it.
    High,
    /// Everyday work.
    Normal,
    /// Whenever there is time.
    Low,
}

impl Lane {
    /// All, most urgent first.
    pub const ALL: [Self; 3] = [Self::High, Self::Normal, Self::Low];

    /// Its share when every lane has work.
    pub fn weight(self) -> i64 {
        match self {
            Self::High => 6,
            Self::Normal => 3,
            Self::Low => 1,
        }
    }
}
