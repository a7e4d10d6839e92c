//! Dead-letter records: why a job was given up on without an outcome, stored in the campaign's folder.
//!
//! # Invariants
//!
//! A record serves people and the status only; the message itself is in the broker's dead-letter queue. A sidecar takes
//! precedence over it, so a job that is made later counts as finished.

use serde::{Deserialize, Serialize};

use crate::base::error::Result;
use crate::base::time::Timestamp;
use crate::campaign::layout::Layout;
use crate::campaign::records;
use crate::plan::Job;
use crate::store::Store;

/// A job that was given up on, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct DeadLetterRecord {
    /// The job's id.
    pub job: String,
    /// The stem of the job's files.
    pub stem: String,
    /// The reason why it was given up on.
    pub reason: String,
    /// When it was given up on.
    pub at: Timestamp,
}

/// Records that a job was given up on.
///
/// # Errors
///
/// Fails if the store cannot be written to.
pub async fn record(store: &dyn Store, job: &Job, reason: &str) -> Result<()> {
    let record = DeadLetterRecord {
        job: job.id.to_string(),
        stem: job.stem.to_string(),
        reason: reason.into(),
        at: Timestamp::now(),
    };
    records::write(store, &Layout::of(&job.campaign).dead_letter(&job.stem), &record).await
}
