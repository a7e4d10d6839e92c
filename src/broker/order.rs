//! Orders to coordinators: plan a campaign, watch it, retry it, or score pictures of a baseline.

use serde::{Deserialize, Serialize};

use super::payload::{Payload, check_version, read_json};
use crate::base::digest::Digest;
use crate::base::error::{Error, Result};
use crate::base::limits;
use crate::base::names::Name;
use crate::plan::{CampaignId, Unscored};
use crate::telemetry::TraceParent;

/// The format version; a coordinator refuses others.
const VERSION: u32 = 1;
/// The maximum size of an order in bytes: a campaign file, escaped as JSON at worst, and a little more.
const MAX_BYTES: usize = limits::FILE_BYTES * 6 + 4096;

/// An order to a coordinator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    version: u32,
    /// The number of earlier failures; a redelivery after a crash does not count.
    pub failures: u32,
    /// The task to do.
    pub task: Task,
    /// The position in a trace; one that cannot be parsed is ignored and is no reason to refuse the order.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "TraceParent::if_readable")]
    pub traceparent: Option<TraceParent>,
}

/// The task of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Task {
    /// Plan a campaign and queue its jobs.
    Submit {
        /// The name under which the answer is stored.
        submission: String,
        /// The file's name in problem reports.
        file: String,
        /// The text of the campaign file.
        yaml: String,
    },
    /// Check a campaign's progress, and finish it when every job has its outcome.
    Watch {
        /// The campaign's id.
        campaign: CampaignId,
        /// The number of outcomes at the previous check.
        seen: usize,
        /// The number of consecutive checks without a change.
        idle: u32,
    },
    /// Queue again the jobs that failed or were given up on.
    Retry {
        /// The campaign's id.
        campaign: CampaignId,
    },
    /// Score pictures of a baseline that is being imported.
    Score {
        /// The baseline's name.
        baseline: Name,
        /// The digest of the bundle whose evaluator scores.
        bundle: Digest,
        /// The pictures; they are in the store.
        pictures: Vec<Unscored>,
    },
}

impl Order {
    /// Creates an order without failures.
    pub fn new(task: Task, traceparent: Option<TraceParent>) -> Self {
        Self { version: VERSION, failures: 0, task, traceparent }
    }
}

impl Payload for Order {
    fn to_bytes(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(self).map_err(|e| Error::internal("cannot write an order as JSON").caused_by(e))
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let order: Self = read_json(bytes, MAX_BYTES, "an order")?;
        check_version(order.version, VERSION, "an order")?;
        Ok(order)
    }

    fn failures(&self) -> u32 {
        self.failures
    }

    fn set_failures(&mut self, failures: u32) {
        self.failures = failures;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_from_elsewhere_are_checked() {
        let task = Task::Submit { submission: "s".into(), file: "c.yaml".into(), yaml: "a: b\n".into() };
        let order = Order::new(task, Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".parse().unwrap()));
        let bytes = order.to_bytes().unwrap();
        assert_eq!(Order::from_bytes(&bytes).unwrap(), order);
        let text = String::from_utf8(bytes).unwrap();
        let watch = r#"{"version":1,"failures":0,"task":{"watch":{"campaign":"../x-0123456789ab","seen":0,"idle":0}}}"#;
        for forged in [
            "{}".to_owned(),
            text.replacen("\"version\":1", "\"version\":2", 1),
            text.replacen("\"failures\":0", "\"failures\":0,\"extra\":1", 1),
            text.replacen("submit", "destroy", 1),
            watch.into(),
            " ".repeat(MAX_BYTES + 1),
        ] {
            assert!(Order::from_bytes(forged.as_bytes()).is_err(), "{forged:.80}");
        }
    }
}
