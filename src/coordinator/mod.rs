//! The coordinator: plans submitted campaigns, queues their jobs for the workers, and watches them until they complete.
//!
//! # Invariants
//!
//! An order is acknowledged only after its results are in store and queue, so another coordinator can resume the order
//! of one that was killed. Every step is idempotent. If the broker loses jobs of a campaign, they are queued again,
//! because the store shows which are missing.

mod orders;
mod planner;
pub mod scoring;

pub use orders::Coordinator;
pub use planner::{CampaignPlanner, NamedPlan, PlanRefusal};
