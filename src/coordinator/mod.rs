//! Takes campaigns in, hands their jobs to the workers, and looks after them until they are complete.
//!
//! # Invariants
//! An order is settled only after what it asks for is in store and queue, so a coordinator that dies leaves work,
//! never a gap. Every step may be done twice. A campaign whose jobs the broker lost is queued again, as the store
//! knows which are missing.

mod orders;
mod planner;
pub mod scoring;

pub use orders::Coordinator;
pub use planner::{CampaignPlanner, NamedPlan, PlanRefusal};
