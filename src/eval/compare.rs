//! Two arms, measure by measure: means with intervals, paired differences with tests. Pure.
//!
//! Takes what is kept of both arms by brief. Returns [`Compared`] rows.
//!
//! # Invariants
//!
//! Briefs are the units, not images, so that ten images of one brief count as one; where arms are compared only
//! briefs that both answered count; p-values of one table are corrected together.

use std::collections::BTreeSet;

use super::briefs::{Briefs, ByBrief};
use super::evaluation::{
    Arm, Brief, Compared, ComparisonVerdict, Difference, MeanEstimate, Measure, StatisticsSettings,
};
use super::stats::{self, Bootstrap, Interval};

/// The inputs of a comparison table.
pub(crate) struct ComparisonTable<'a> {
    /// The counts by brief.
    pub briefs: &'a Briefs,
    /// Settings of intervals and tests.
    pub settings: &'a StatisticsSettings,
    /// Whether the arms are compared.
    pub paired: bool,
}

impl ComparisonTable<'_> {
    /// The rows of the briefs that `keep` wants; p-values are not corrected yet.
    pub fn rows(&self, keep: &dyn Fn(&Brief) -> bool) -> Vec<Compared> {
        let rows = Measure::ALL.into_iter().enumerate().map(|(i, measure)| self.row(measure, i as u64, keep));
        rows.filter(|row| row.in_house.is_some() || row.outsourced.is_some()).collect()
    }

    fn row(&self, measure: Measure, number: u64, keep: &dyn Fn(&Brief) -> bool) -> Compared {
        let (mut ours, mut theirs) =
            (self.briefs.means(measure, Arm::InHouse, keep), self.briefs.means(measure, Arm::Outsourced, keep));
        let mut difference = None;
        if self.paired {
            let shared: BTreeSet<&Brief> = ours.keys().filter(|brief| theirs.contains_key(*brief)).copied().collect();
            if !shared.is_empty() {
                ours.retain(|brief, _| shared.contains(brief));
                theirs.retain(|brief, _| shared.contains(brief));
                let differences: Vec<f64> = ours.values().zip(theirs.values()).map(|(a, b)| a.0 - b.0).collect();
                difference = self.difference(&differences, number);
            }
        }
        let firsts = self.briefs.first_attempts(measure, keep);
        Compared {
            measure,
            in_house: self.estimate(measure, &ours, number),
            first_attempts: self.estimate(measure, &firsts, number),
            outsourced: self.estimate(measure, &theirs, number),
            difference,
        }
    }

    fn bootstrap(&self, number: u64) -> Bootstrap {
        let StatisticsSettings { resamples, confidence, seed, .. } = *self.settings;
        // Each measure draws for itself, or all their errors would lean the same way.
        Bootstrap { resamples, confidence, seed: seed.wrapping_add(number) }
    }

    fn estimate(&self, measure: Measure, briefs: &ByBrief<'_>, number: u64) -> Option<MeanEstimate> {
        let values: Vec<f64> = briefs.values().map(|(mean, _)| *mean).collect();
        let mean = stats::mean(&values)?;
        let mut interval = self.bootstrap(number).mean(&values);
        if measure.is_share() && interval.is_some_and(|i| i.low == i.high) {
            // Where all agree resampling sees no doubt; Wilson's interval knows how few they are.
            let n = values.len() as f64;
            interval = stats::wilson(mean * n, n, self.settings.confidence).map(|(low, high)| Interval { low, high });
        }
        Some(MeanEstimate {
            mean,
            low: interval.map(|i| i.low),
            high: interval.map(|i| i.high),
            briefs: values.len(),
            images: briefs.values().map(|(_, images)| images).sum(),
        })
    }

    fn difference(&self, differences: &[f64], number: u64) -> Option<Difference> {
        let mean = stats::mean(differences)?;
        let interval = self.bootstrap(number).mean(differences)?;
        let p = stats::sign_flip(differences, self.settings.resamples, self.settings.seed.wrapping_add(number));
        Some(Difference {
            mean,
            low: interval.low,
            high: interval.high,
            briefs: differences.len(),
            wins: differences.iter().filter(|d| **d > 0.0).count(),
            ties: differences.iter().filter(|d| **d == 0.0).count(),
            p,
            p_corrected: p,
            hedges_g: stats::hedges_g(differences),
            rank_biserial: stats::rank_biserial(differences),
            verdict: ComparisonVerdict::NotEnoughEvidence,
        })
    }
}

/// Corrects the p-values of tables that are read together, and says what follows. A lead of the house in a measure
/// that `partial` says is taken by one of its own guides proves nothing, however large.
pub(crate) fn conclude<'a>(
    rows: impl Iterator<Item = &'a mut Compared>,
    settings: &StatisticsSettings,
    partial: &dyn Fn(Measure) -> bool,
) {
    let measured = rows.filter_map(|row| Some((partial(row.measure), row.difference.as_mut()?)));
    let mut differences: Vec<(bool, &mut Difference)> = measured.collect();
    let corrected = stats::holm(&differences.iter().map(|(_, d)| d.p).collect::<Vec<_>>());
    for ((partial, difference), p) in differences.iter_mut().zip(corrected) {
        difference.p_corrected = p;
        let enough = difference.briefs >= settings.least_briefs && p < 1.0 - settings.confidence;
        difference.verdict = match (difference.low, difference.high) {
            (low, _) if enough && low > 0.0 && !*partial => ComparisonVerdict::InHouse,
            (_, high) if enough && high < 0.0 => ComparisonVerdict::Outsourced,
            _ => ComparisonVerdict::NotEnoughEvidence,
        };
    }
}
