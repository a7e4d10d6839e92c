//! What is written down of a job that was given up on without an outcome.
//!
//! In: a job and the reason. Out: JSON in the campaign's folder, beside what has an outcome.
//! Always holds: it is a note for people and counts; the message itself lies with the queue's dead, and a job that is made
//! after all has its sidecar, which counts before any note.

use serde::{Deserialize, Serialize};

use crate::base::error::{Error, Result};
use crate::base::time::Timestamp;
use crate::campaign::layout::Layout;
use crate::plan::Job;
use crate::store::Store;

/// The note.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Grave {
    /// The job.
    pub job: String,
    /// Its files' stem.
    pub stem: String,
    /// Why it was given up on.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

/// Writes the note.
pub async fn dig(store: &dyn Store, job: &Job, reason: &str) -> Result<()> {
    let grave = Grave { job: job.id.to_string(), stem: job.stem.clone(), reason: reason.into(), at: Timestamp::now() };
    let bytes = serde_json::to_vec_pretty(&grave).map_err(|e| Error::internal("cannot write a note as JSON").caused_by(e))?;
    store.put(&Layout::new(job.campaign.as_str())?.grave(&job.stem)?, bytes).await
}
