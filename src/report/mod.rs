//! The report that a manager decides on: what the images are worth, what they cost, and how sure both are.
//!
//! In: an evaluation, a cost model, the votes of blind reviews, pictures. Out: one HTML page that asks nothing of the network,
//! and the same as JSON, CSV and Markdown. Always holds: no figure without its source; where the evidence does not suffice
//! that is what is said; what others wrote is shown, never interpreted.

pub mod charts;
pub mod html;
pub mod roi;
pub mod tables;
pub mod verdict;
pub mod words;

#[cfg(test)]
mod browser;
mod costs;
#[cfg(test)]
mod sample;
mod sections;

use std::collections::BTreeSet;

use serde::Serialize;

use crate::eval::Evaluation;
use crate::eval::evaluation::{Arm, AssetScore, Pair};
use crate::review::Tally;
use crate::spec::CostModel;
use roi::Roi;
use verdict::Verdict;

/// Version of the document.
const VERSION: u32 = 1;
/// Best and worst pairs that are shown, each.
const SHOWN: usize = 4;
/// Images that may be copies that are shown.
const SUSPICIOUS: usize = 8;

/// Everything that the report says, in whatever form.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Version of the document.
    pub version: u32,
    /// What follows.
    pub verdict: Verdict,
    /// What it costs; `None` without a cost model.
    pub roi: Option<Roi>,
    /// What the raters say; `None` without votes.
    pub votes: Option<Tally>,
    /// What was measured.
    pub evaluation: Evaluation,
}

impl Report {
    /// Puts the evidence together.
    pub fn new(evaluation: Evaluation, costs: Option<&CostModel>, votes: Option<Tally>) -> Self {
        let roi = costs.map(|model| roi::roi(model, &evaluation));
        let verdict = verdict::judge(&evaluation, roi.as_ref(), votes.as_ref());
        Self { version: VERSION, verdict, roi, votes, evaluation }
    }

    /// An image of an arm.
    pub fn asset(&self, arm: Arm, id: &str) -> Option<&AssetScore> {
        self.evaluation.assets.iter().find(|asset| asset.arm == arm && asset.id == id)
    }

    /// The pairs where the house does best, and those where it does worst; none is in both.
    fn extremes(&self) -> [&[Pair]; 2] {
        let pairs = &self.evaluation.pairs;
        let shown = SHOWN.min(pairs.len() / 2);
        [&pairs[..shown], &pairs[pairs.len() - shown..]]
    }

    /// Images that may be copies of what was learned from.
    fn suspicious(&self) -> impl Iterator<Item = &AssetScore> {
        let copies = |asset: &&AssetScore| asset.nearest.as_ref().is_some_and(|nearest| nearest.suspicious);
        self.evaluation.assets.iter().filter(|asset| asset.arm == Arm::InHouse).filter(copies)
    }

    /// The store keys of all images that the page shows.
    pub fn pictures(&self) -> BTreeSet<&str> {
        let first = |arm: Arm, ids: &[String]| ids.first().and_then(|id| self.asset(arm, id));
        let pairs = self.extremes().into_iter().flatten();
        let pairs = pairs.flat_map(|pair| [first(Arm::InHouse, &pair.in_house), first(Arm::Outsourced, &pair.outsourced)]);
        let shown = pairs.flatten().chain(self.suspicious().take(SUSPICIOUS));
        shown.filter_map(|asset| asset.image.as_deref()).collect()
    }
}
