//! The report as data: the verdict, the cost comparison, the votes and the evaluation they rest on.

use std::collections::BTreeSet;

use serde::Serialize;

use super::roi::{self, Roi};
use super::verdict::{self, ReportVerdict};
use crate::base::error::Result;
use crate::eval::Evaluation;
use crate::eval::evaluation::{Arm, AssetScore, BriefPair};
use crate::review::VoteTally;
use crate::spec::CostModel;

/// Version of the document.
const VERSION: u32 = 1;
/// Number of best and of worst pairs that are shown.
const SHOWN: usize = 4;
/// Most images shown that may be copies.
const SUSPICIOUS: usize = 8;

/// The report's data, the same for every output format.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Version of the document.
    pub version: u32,
    /// The conclusion.
    pub verdict: ReportVerdict,
    /// The cost comparison; `None` without a cost model.
    pub roi: Option<Roi>,
    /// The votes; `None` if there are none.
    pub votes: Option<VoteTally>,
    /// The measures, by name.
    pub evaluation: Evaluation,
    /// The single images that the page shows.
    #[serde(skip)]
    pub(super) shown: ShownImages,
}

/// The single images that the page shows.
#[derive(Debug, Default)]
pub(super) struct ShownImages {
    /// The images of the extremes.
    pub(super) pairs: Vec<AssetScore>,
    /// Images of the house that were held against what was learned from.
    pub(super) checked: usize,
    /// How many of these may be copies.
    pub(super) suspicious: usize,
    /// The first of them.
    pub(super) copies: Vec<AssetScore>,
}

impl ShownImages {
    fn of(evaluation: &Evaluation) -> Result<Self> {
        let extremes = extremes(evaluation).into_iter().flatten();
        let ids: Vec<(Arm, Option<&String>)> = extremes
            .flat_map(|pair| [(Arm::InHouse, pair.in_house.first()), (Arm::Outsourced, pair.outsourced.first())])
            .collect();
        let mut shown = Self::default();
        for asset in evaluation.assets.iter() {
            let asset = asset?;
            let nearest = asset.nearest.as_ref().filter(|_| asset.arm == Arm::InHouse);
            shown.checked += usize::from(nearest.is_some());
            if nearest.is_some_and(|nearest| nearest.suspicious) {
                shown.suspicious += 1;
                shown.copies.extend((shown.copies.len() < SUSPICIOUS).then(|| asset.clone()));
            }
            if ids.contains(&(asset.arm, Some(&asset.id))) {
                shown.pairs.push(asset);
            }
        }
        Ok(shown)
    }
}

/// The pairs where the house does best, and those where it does worst; none is in both.
pub(super) fn extremes(evaluation: &Evaluation) -> [&[BriefPair]; 2] {
    let pairs = &evaluation.pairs;
    let shown = SHOWN.min(pairs.len() / 2);
    [&pairs[..shown], &pairs[pairs.len() - shown..]]
}

impl Report {
    /// Builds the report from an evaluation, a cost model and votes.
    pub fn new(evaluation: Evaluation, costs: Option<&CostModel>, votes: Option<VoteTally>) -> Result<Self> {
        let roi = costs.map(|model| roi::roi(model, &evaluation)).transpose()?;
        let verdict = verdict::judge(&evaluation, roi.as_ref(), votes.as_ref());
        Ok(Self { version: VERSION, verdict, roi, votes, shown: ShownImages::of(&evaluation)?, evaluation })
    }

    /// An image of the extremes.
    pub(super) fn asset(&self, arm: Arm, id: &str) -> Option<&AssetScore> {
        self.shown.pairs.iter().find(|asset| asset.arm == arm && asset.id == id)
    }

    /// The store keys of all images that the page shows.
    pub fn pictures(&self) -> BTreeSet<&str> {
        self.shown.pairs.iter().chain(&self.shown.copies).filter_map(|asset| asset.image.as_deref()).collect()
    }
}
