//! Estimates the time, money and storage that a plan takes, linearly from what the bundle's maker measured.

use serde::{Deserialize, Serialize};

use super::facts::BundleFacts;
use super::job::Job;
use crate::base::currency::Currency;
use crate::spec::Budget;

/// The price of an hour of the machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rates {
    /// Price of an hour.
    pub cost_per_hour: f64,
    /// Its currency.
    pub currency: Currency,
}

/// What a plan takes if every first attempt passes, and what it takes at most.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// Images to deliver.
    pub images: u64,
    /// Images drawn if every job needs its last attempt.
    pub attempts_max: u64,
    /// Time on one machine, one attempt each.
    pub seconds: f64,
    /// Time if every job needs its last attempt.
    pub seconds_max: f64,
    /// Price of `seconds`.
    pub cost: f64,
    /// Price of `seconds_max`.
    pub cost_max: f64,
    /// Currency of both.
    pub currency: Currency,
    /// Storage for the images.
    pub bytes: u64,
}

impl Estimate {
    pub(super) fn of(jobs: &[Job], facts: &BundleFacts, rates: &Rates) -> Self {
        let base = f64::from(facts.sizes.first().copied().unwrap_or(1).max(1));
        let area = |job: &Job| (f64::from(job.size) / base).powi(2);
        let seconds = |job: &Job| f64::from(job.sampler.steps) * facts.seconds_per_step * area(job);
        let cost = |seconds: f64| seconds / 3600.0 * rates.cost_per_hour;
        let once: f64 = jobs.iter().map(seconds).sum();
        let most: f64 = jobs.iter().map(|job| seconds(job) * f64::from(job.gate.attempts)).sum();
        Self {
            images: jobs.len() as u64,
            attempts_max: jobs.iter().map(|job| u64::from(job.gate.attempts)).sum(),
            seconds: once,
            seconds_max: most,
            cost: cost(once),
            cost_max: cost(most),
            currency: rates.currency,
            bytes: jobs.iter().map(|job| (facts.bytes_per_image as f64 * area(job)) as u64).sum(),
        }
    }
}

/// Writes an amount of money with two decimals, or four where it is small.
pub(crate) fn amount(cost: f64) -> String {
    match cost {
        c if c == 0.0 || c >= 0.1 => format!("{c:.2}"),
        c if c >= 0.001 => format!("{c:.4}"),
        _ => "under 0.001".into(),
    }
}

/// Whether a plan is within its campaign's budget.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BudgetVerdict {
    /// The campaign's ceiling, in the estimate's currency.
    pub max_cost: f64,
    /// Whether the estimate is within it.
    #[serde(rename = "standing")]
    pub status: BudgetStatus,
}

/// Whether an estimate stays within a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BudgetStatus {
    /// Even the most expensive course stays below the ceiling.
    Within,
    /// First attempts fit, but further ones could pass the ceiling.
    AtRisk,
    /// Not even the first attempts fit.
    Over,
}

impl BudgetVerdict {
    pub(super) fn of(budget: &Budget, estimate: &Estimate) -> Self {
        let status = match budget.max_cost {
            max if estimate.cost_max <= max => BudgetStatus::Within,
            max if estimate.cost <= max => BudgetStatus::AtRisk,
            _ => BudgetStatus::Over,
        };
        Self { max_cost: budget.max_cost, status }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_change_is_not_nothing() {
        assert_eq!([0.0, 0.0004, 0.012, 1.5].map(amount), ["0.00", "under 0.001", "0.0120", "1.50"]);
    }
}
