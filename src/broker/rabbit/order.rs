//! Orders to planners: a campaign to take in, to look after, to try again; a delivery to judge.
//!
//! In: [`Order`]s. Out: [`OrderInHand`]s, to be settled as jobs are. Always holds: what comes from a wire is checked here
//! (size, version, unknown keys); an order that nobody can read is buried.

use std::sync::Arc;
use std::time::Duration;

use lapin::types::FieldTable;
use serde::{Deserialize, Serialize};

use crate::base::digest::Digest;
use crate::base::error::{Error, Kind, Result};
use crate::base::limits;
use crate::base::names::Name;
use crate::broker::MAX_DELIVERIES;
use crate::broker::rabbit::consumer::{Consumer, Hold};
use crate::broker::rabbit::{Rabbit, Shared, topology};
use crate::plan::{CampaignId, Unscored};
use crate::spec::Priority;
use crate::telemetry::TraceParent;

const VERSION: u32 = 1;
/// A campaign file, escaped as JSON at worst, and a little more.
const MAX_BYTES: usize = limits::FILE_BYTES * 6 + 4096;

/// What a planner is to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    version: u32,
    /// How often it failed before.
    pub failures: u32,
    /// What to do.
    pub task: Task,
    /// Which trace it belongs to; one that cannot be read is none, and no reason to refuse the order.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "TraceParent::if_readable")]
    pub traceparent: Option<TraceParent>,
}

/// The kinds of orders.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Task {
    /// Plan a campaign and queue its jobs.
    Submit {
        /// Under which name the answer is left in the store.
        submission: String,
        /// What the file is called in problems.
        file: String,
        /// The campaign file.
        yaml: String,
    },
    /// See how far a campaign is; finish it when it is.
    Watch {
        /// Which.
        campaign: CampaignId,
        /// Outcomes when it was last looked at.
        seen: usize,
        /// How often in a row nothing had changed since.
        idle: u32,
    },
    /// Make again what failed or died.
    Retry {
        /// Which campaign.
        campaign: CampaignId,
    },
    /// Judge pictures of a baseline that is being imported.
    Score {
        /// The baseline.
        baseline: Name,
        /// The bundle that is to judge.
        bundle: Digest,
        /// The pictures; they are in the store.
        pictures: Vec<Unscored>,
    },
}

impl Order {
    /// A fresh order.
    pub fn new(task: Task, traceparent: Option<TraceParent>) -> Self {
        Self { version: VERSION, failures: 0, task, traceparent }
    }

    /// The bytes that travel.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(self).map_err(|e| Error::internal("cannot write an order as JSON").caused_by(e))
    }

    /// Opens an order; one that cannot be opened will never be.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let refuse = |why: String| Error::new(Kind::Permanent, why);
        if bytes.len() > MAX_BYTES {
            return Err(refuse(format!("an order of {} bytes is too large", bytes.len())));
        }
        let order: Self = serde_json::from_slice(bytes).map_err(|e| refuse("an order cannot be read".into()).caused_by(e))?;
        if order.version != VERSION {
            return Err(refuse(format!("an order has version {}; this planner reads {VERSION}", order.version)));
        }
        Ok(order)
    }
}

/// An order in somebody's hands; dropped unsettled, it is delivered again.
#[derive(Debug)]
pub struct OrderInHand {
    /// What is to be done.
    pub order: Order,
    /// Why it is not to be tried any more, if so.
    pub given_up: Option<String>,
    hold: Hold,
    shared: Arc<Shared>,
}

impl Rabbit {
    /// Hands over an order.
    pub async fn order(&self, order: &Order) -> Result<()> {
        self.0.send(topology::CAMPAIGNS, order.to_bytes()?, FieldTable::default()).await
    }

    /// Hands over an order that comes later; `nth` of the delays that failures have.
    pub async fn order_later(&self, order: &Order, nth: u32) -> Result<()> {
        self.0.send_later(topology::CAMPAIGNS, order.to_bytes()?, nth, FieldTable::default()).await
    }

    /// How long the delays are, for [`Rabbit::order_later`].
    pub fn delays(&self) -> &[Duration] {
        &self.0.settings.delays
    }

    /// The next order; waits for one. Cancel-safe.
    pub async fn next_order(&self) -> OrderInHand {
        // One at a time: planning holds the bundle's facts in memory, and others may plan the next.
        let start = || async { Consumer::start(self.0.link.clone(), vec![(Priority::Normal, topology::CAMPAIGNS)], 1) };
        let consumer = self.0.orders.get_or_init(start).await;
        loop {
            let changed = consumer.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            while let Some(raw) = consumer.take() {
                let shared = Arc::clone(&self.0);
                match Order::from_bytes(&raw.body) {
                    Ok(order) => {
                        let given_up = (raw.crashes >= topology::DELIVERY_LIMIT)
                            .then(|| format!("{} planners died while it was in their hands", raw.crashes));
                        return OrderInHand { order, given_up, hold: raw.hold, shared };
                    }
                    Err(error) => drop(tokio::spawn(async move {
                        tracing::warn!(error = %error.chain(), "an order nobody can read is buried");
                        if shared.bury("campaigns", raw.body, &error.chain()).await.is_ok() {
                            raw.hold.ack().await;
                        }
                    })),
                }
            }
            changed.await;
        }
    }
}

impl OrderInHand {
    /// Done.
    pub async fn ack(self) {
        self.hold.ack().await;
    }

    /// It failed in a way that may pass; gives back whether it was its last chance.
    pub async fn retry(mut self, reason: &str) -> Result<bool> {
        self.order.failures += 1;
        if self.order.failures >= MAX_DELIVERIES {
            self.dead(&format!("failed {MAX_DELIVERIES} times, last: {reason}")).await?;
            return Ok(true);
        }
        if self.hold.is_live() {
            let body = self.order.to_bytes()?;
            self.shared.send_later(topology::CAMPAIGNS, body, self.order.failures, FieldTable::default()).await?;
            self.hold.ack().await;
        }
        Ok(false)
    }

    /// It will never work.
    pub async fn dead(self, reason: &str) -> Result<()> {
        if self.hold.is_live() {
            self.shared.bury("campaigns", self.order.to_bytes()?, reason).await?;
            self.hold.ack().await;
        }
        Ok(())
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
