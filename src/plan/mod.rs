//! Turns a campaign and a style catalog into jobs, an estimate, and verdicts on budget and rights, without any I/O.
//!
//! [`check()`] takes a [`Campaign`](crate::spec::Campaign), a [`StyleCatalog`] and [`Rates`] and returns a
//! [`Checked`] campaign, or every problem that shows only with the bundle at hand; [`plan`] turns a checked campaign
//! into a [`Plan`].
//!
//! # Invariants
//!
//! A job's id depends on what decides its image and on nothing else (not on the campaign's name, not on its order in
//! the file); all ids and all stems of a plan are distinct.

mod campaign_plan;
mod catalog;
mod categories;
mod check;
mod estimate;
mod facts;
mod identity;
mod ids;
mod job;
mod jobs;
mod outline;
mod prompts;
mod rights;
mod ruling_problems;
mod unscored;
mod words;

#[cfg(test)]
mod tests;

pub use crate::rights::Ruling;
pub use campaign_plan::{Plan, plan};
pub use catalog::{AvailableStyle, StyleCatalog, StyleRefusal, TrainedStyle, Unavailable};
pub use categories::Categories;
pub use check::{Checked, check};
pub(crate) use estimate::amount;
pub use estimate::{BudgetStatus, BudgetVerdict, Estimate, Rates};
pub(crate) use facts::MAX_GRANTS;
pub use facts::{BundleFacts, EncoderRef, GrantSummary, StyleFacts};
pub use ids::{CampaignId, JobId};
pub use job::Job;
pub use outline::{JobOutline, PlanOutline};
pub use prompts::Prompts;
pub(crate) use prompts::check_prompts;
pub use rights::{RightsVerdict, StyleRights};
pub(crate) use ruling_problems::{check_budget, check_rights};
pub use unscored::Unscored;
