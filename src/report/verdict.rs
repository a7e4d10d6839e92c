//! The verdict: which side leads in quality, in votes and in cost, and the decision that follows. Pure.
//!
//! # Invariants
//!
//! A lead is given only where an interval and a corrected test agree on it; otherwise the verdict is "not enough
//! evidence", or that nothing can be compared.

use serde::Serialize;

use super::roi::{Figure, Roi};
use crate::eval::Evaluation;
use crate::eval::evaluation::{Compared, ComparisonVerdict as Says, Measure};
use crate::review::VoteTally;

/// The side that leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Lead {
    /// The campaign.
    InHouse,
    /// The bought images.
    Outsourced,
    /// It cannot be told from chance, or from what is assumed.
    NotEnoughEvidence,
    /// There is nothing to compare, or it must not be compared.
    NotCompared,
}

/// The decision that follows from all leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Make the images in-house.
    Make,
    /// Buy the images.
    Buy,
    /// One is better, the other cheaper.
    Tradeoff,
    /// Find out more first.
    NotEnoughEvidence,
    /// Nothing was compared.
    NotCompared,
}

/// The verdict.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ReportVerdict {
    /// The conclusion.
    pub decision: Decision,
    /// The side with better quality: by the raters where they decide, otherwise by the measure.
    pub quality: Lead,
    /// The measure that decides.
    pub measure: Option<Measure>,
    /// The side that the raters prefer.
    pub votes: Lead,
    /// The cheaper side, per accepted image.
    pub cost: Lead,
}

/// The measure that speaks for quality: style consistency, or what comes nearest to it.
pub(crate) fn headline(evaluation: &Evaluation) -> Option<&Compared> {
    let order = [Measure::StyleConsistency, Measure::StyleProbability, Measure::StyleRight, Measure::CategoryTop1];
    order
        .into_iter()
        .find_map(|wanted| evaluation.measures.iter().find(|row| row.measure == wanted && row.difference.is_some()))
}

/// Derives the verdict from the evaluation, the cost comparison and the votes.
pub fn judge(evaluation: &Evaluation, roi: Option<&Roi>, votes: Option<&VoteTally>) -> ReportVerdict {
    let lead = |verdict: Says| match verdict {
        Says::InHouse => Lead::InHouse,
        Says::Outsourced => Lead::Outsourced,
        Says::NotEnoughEvidence => Lead::NotEnoughEvidence,
    };
    let row = headline(evaluation);
    let measured = row.and_then(|row| row.difference.as_ref()).map_or(Lead::NotCompared, |d| lead(d.verdict));
    let voted = votes.map_or(Lead::NotCompared, |tally| lead(tally.verdict));
    // People's eyes are what the images are for: a machine's measure speaks where they do not.
    let quality = match (voted, measured) {
        (Lead::InHouse | Lead::Outsourced, _) => voted,
        _ => measured,
    };
    let cost = roi.and_then(|roi| roi.get(Figure::Saving)).map_or(Lead::NotCompared, |saving| {
        match (saving.low, saving.high) {
            (Some(low), _) if low > 0.0 => Lead::InHouse,
            (_, Some(high)) if high < 0.0 => Lead::Outsourced,
            (Some(_), _) | (_, Some(_)) => Lead::NotEnoughEvidence,
            (None, None) => Lead::NotCompared,
        }
    });
    let decision = match (quality, cost) {
        (Lead::NotCompared, _) => Decision::NotCompared,
        (Lead::NotEnoughEvidence, _) | (_, Lead::NotEnoughEvidence) => Decision::NotEnoughEvidence,
        (Lead::InHouse, Lead::InHouse | Lead::NotCompared) => Decision::Make,
        (Lead::Outsourced, Lead::Outsourced | Lead::NotCompared) => Decision::Buy,
        _ => Decision::Tradeoff,
    };
    ReportVerdict { decision, quality, measure: row.map(|row| row.measure), votes: voted, cost }
}
