//! What the store remembers of a campaign that came by the broker, beside its plan and its assets.
//!
//! In and out: JSON under the keys of [`Layout`], and answers to submissions. Always holds: each record is written whole and
//! read within limits; none of them decides what is finished, only sidecars do.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::base::error::{Error, Result};
use crate::base::time::Timestamp;
use crate::campaign::layout::Layout;
use crate::plan::CampaignId;
use crate::spec::{Priority, Problem};
use crate::store::{Key, Store};

/// A record is a few kilobytes; one with many problems, some more.
const MAX_BYTES: usize = 4 << 20;

/// That every job of a campaign was handed to the queue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Queued {
    /// The submission that did it.
    pub submission: String,
    /// When.
    pub at: Timestamp,
    /// The same in seconds since 1970.
    pub since: u64,
    /// How many jobs the plan has.
    pub jobs: usize,
    /// Their lane.
    pub priority: Priority,
    /// What one takes, by the bundle's measure.
    pub seconds_per_job: f64,
}

/// That a campaign is cancelled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cancellation {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
}

/// What became of a submission.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It is, or was before, planned and queued.
    Accepted {
        /// The campaign.
        campaign: CampaignId,
        /// How many images.
        jobs: usize,
        /// Whether the same was submitted before.
        known: bool,
    },
    /// It cannot, or must not, be made.
    Rejected {
        /// Place by place.
        problems: Vec<Problem>,
        /// What stands against it beside.
        error: Option<String>,
    },
}

/// A fresh name for a submission.
pub fn submission() -> String {
    use std::hash::{BuildHasher as _, RandomState};
    // Each RandomState has keys of its own, from the system's randomness.
    format!("{:016x}", RandomState::new().hash_one(std::process::id()))
}

/// Where the answer to a submission is left; a name that came by a wire is checked.
pub fn answer_key(submission: &str) -> Result<Key> {
    match submission.len() == 16 && submission.bytes().all(|b| b.is_ascii_hexdigit()) {
        true => Key::new(format!("submissions/{submission}.json")),
        false => Err(Error::invalid("a submission is named by 16 hex digits")),
    }
}

/// Seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Reads a record; one that is damaged counts as none, as the next writer replaces it.
pub async fn read<T: DeserializeOwned>(store: &dyn Store, key: &Key) -> Result<Option<T>> {
    let Some(bytes) = store.get(key).await? else { return Ok(None) };
    let read = (bytes.len() <= MAX_BYTES).then(|| serde_json::from_slice(&bytes).ok()).flatten();
    if read.is_none() {
        tracing::warn!(key = key.as_str(), "a damaged record is passed over");
    }
    Ok(read)
}

/// Writes a record.
pub async fn write(store: &dyn Store, key: &Key, record: &impl Serialize) -> Result<()> {
    let mut bytes =
        serde_json::to_vec_pretty(record).map_err(|e| Error::internal("cannot write a record as JSON").caused_by(e))?;
    bytes.push(b'\n');
    store.put(key, bytes).await
}

/// Marks a campaign as cancelled.
pub async fn cancel(store: &dyn Store, campaign: &CampaignId, by: &str) -> Result<()> {
    let record = Cancellation { at: Timestamp::now(), by: by.into() };
    write(store, &Layout::new(campaign.as_str())?.cancelled()?, &record).await
}
