//! One arm in numbers: how much was asked for, made, accepted; what it cost and how long it took. Pure.
//!
//! Takes images, one by one. Returns [`ArmFacts`].
//!
//! # Invariants
//!
//! What is kept does not grow with them.

use std::collections::{BTreeMap, BTreeSet};

use super::evaluation::ArmFacts;
use crate::base::currency::Currency;
use crate::eval::loader::Shown;

/// The counts of one arm.
#[derive(Clone, Debug, Default)]
pub(crate) struct ArmTotals {
    shown: usize,
    accepted: usize,
    rejected: usize,
    failed: usize,
    works: usize,
    first_passed: usize,
    attempts: usize,
    seconds: f64,
    licences: BTreeSet<String>,
    vendors: BTreeSet<String>,
    spent: BTreeMap<Currency, f64>,
    priced: usize,
    revised: usize,
    revision_rounds: f64,
    dated: usize,
    lead_days: f64,
    lead_days_longest: Option<f64>,
}

impl ArmTotals {
    /// Adds an image.
    pub fn take(&mut self, shown: &Shown) {
        self.shown += 1;
        self.accepted += usize::from(shown.accepted);
        self.rejected += usize::from(!shown.accepted && !shown.failed);
        self.failed += usize::from(shown.failed);
        if let Some(work) = &shown.work {
            self.works += 1;
            self.first_passed += usize::from(work.first_passed);
            self.attempts += work.attempts;
            self.seconds += work.seconds;
        }
        note(&mut self.licences, &shown.licences);
        let Some(delivery) = &shown.delivery else { return };
        note(&mut self.vendors, &delivery.vendor);
        self.priced += usize::from(delivery.price.is_some());
        if let (Some(price), Some(currency)) = (delivery.price, &delivery.currency) {
            *self.spent.entry(*currency).or_default() += price;
        }
        if let Some(rounds) = delivery.revision_rounds {
            self.revised += 1;
            self.revision_rounds += f64::from(rounds);
        }
        if let Some(days) = delivery.lead_days() {
            self.dated += 1;
            self.lead_days += days as f64;
            self.lead_days_longest = Some(self.lead_days_longest.unwrap_or(0.0).max(days as f64));
        }
    }

    /// The facts of an arm that answered `briefs`; `unfinished` jobs were asked for, too.
    pub fn of(self, name: &str, briefs: usize, unfinished: usize) -> ArmFacts {
        let mean = |sum: f64, count: usize| (count > 0).then(|| sum / count as f64);
        ArmFacts {
            name: name.to_owned(),
            asked: self.shown + unfinished,
            accepted: self.accepted,
            rejected: self.rejected,
            failed: self.failed,
            first_pass_yield: mean(self.first_passed as f64, self.works),
            attempts: mean(self.attempts as f64, self.works),
            briefs,
            seconds: (self.works > 0).then_some(self.seconds),
            licences: self.licences.into_iter().collect(),
            vendors: self.vendors.into_iter().collect(),
            spent: self.spent,
            priced: self.priced,
            revision_rounds: mean(self.revision_rounds, self.revised),
            lead_days: mean(self.lead_days, self.dated),
            lead_days_longest: self.lead_days_longest,
        }
    }
}

fn note<'a>(known: &mut BTreeSet<String>, texts: impl IntoIterator<Item = &'a String>) {
    for text in texts {
        if !text.is_empty() && !known.contains(text) {
            known.insert(text.clone());
        }
    }
}
