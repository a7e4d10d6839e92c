//! Records of campaigns that were submitted to the broker: queued, cancelled, and answers to submissions.
//!
//! # Invariants
//!
//! Each record is written atomically and read within a size limit. Only sidecars decide which jobs are finished;
//! records never do.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::base::error::{Error, Result};
use crate::base::time::Timestamp;
use crate::base::{json, random};
use crate::campaign::layout::Layout;
use crate::plan::CampaignId;
use crate::spec::{Priority, Problem};
use crate::store::{Key, Store};

/// Largest size of a record in bytes; an answer with many problems is the largest.
const MAX_BYTES: usize = 4 << 20;

/// The record that every job of a campaign was queued.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Queued {
    /// The id of the submission that queued it.
    pub submission: String,
    /// When it was queued.
    pub at: Timestamp,
    /// When it was queued, in seconds since 1970.
    pub since: u64,
    /// Number of jobs in the plan.
    pub jobs: usize,
    /// The priority of its jobs.
    pub priority: Priority,
    /// Estimated seconds per job, by the bundle's cost model.
    pub seconds_per_job: f64,
}

/// The record that a campaign is cancelled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Cancellation {
    /// When it was cancelled.
    pub at: Timestamp,
    /// Who cancelled it.
    pub by: String,
}

/// The answer to a submission.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The campaign is planned and queued.
    Accepted {
        /// The campaign's id.
        campaign: CampaignId,
        /// Number of images that are planned.
        jobs: usize,
        /// Whether the same campaign was submitted before.
        known: bool,
    },
    /// The campaign is invalid or not allowed.
    Rejected {
        /// The problems in the campaign file, each with its place.
        problems: Vec<Problem>,
        /// An error that is not about a place in the file.
        error: Option<String>,
    },
}

/// Returns a random id for a submission: 16 hex digits.
///
/// # Errors
///
/// Fails if the operating system gives no randomness.
pub fn submission() -> Result<String> {
    random::hex::<8>()
}

/// Returns the key of the answer to a submission.
///
/// # Errors
///
/// Fails if `submission`, which may come from a message, is not 16 hex digits.
pub fn answer_key(submission: &str) -> Result<Key> {
    if submission.len() == 16 && submission.bytes().all(|b| b.is_ascii_hexdigit()) {
        Ok(Key::of_checked(format!("submissions/{submission}.json")))
    } else {
        Err(Error::invalid("a submission's id must be 16 hex digits"))
    }
}

/// Returns the current time in seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Reads a record; returns `None` if there is none or if it is damaged, because the next write replaces it.
///
/// # Errors
///
/// Fails if the store cannot be read.
pub async fn read<T: DeserializeOwned>(store: &dyn Store, key: &Key) -> Result<Option<T>> {
    let Some(bytes) = store.get(key).await? else { return Ok(None) };
    let read = (bytes.len() <= MAX_BYTES).then(|| serde_json::from_slice(&bytes).ok()).flatten();
    if read.is_none() {
        tracing::warn!(key = key.as_str(), "a record is damaged and is ignored");
    }
    Ok(read)
}

/// Writes a record as JSON.
///
/// # Errors
///
/// Fails if the store cannot be written to.
pub async fn write(store: &dyn Store, key: &Key, record: &impl Serialize) -> Result<()> {
    store.put(key, json::to_pretty_vec("a record", record)?.into()).await
}

/// Marks a campaign as cancelled.
///
/// # Errors
///
/// Fails if the store cannot be written to.
pub async fn cancel(store: &dyn Store, campaign: &CampaignId, by: &str) -> Result<()> {
    let record = Cancellation { at: Timestamp::now(), by: by.into() };
    write(store, &Layout::of(campaign).cancelled(), &record).await
}
