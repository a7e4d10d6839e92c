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

use crate::base::error::Result;
use crate::eval::Evaluation;
use crate::eval::evaluation::{Arm, AssetScore, BriefPair};
use crate::review::VoteTally;
use crate::spec::CostModel;
use roi::Roi;
use verdict::ReportVerdict;

/// Version of the document.
const VERSION: u32 = 1;
/// Best and worst pairs that are shown, each.
const SHOWN: usize = 4;
/// Images that may be copies that are shown.
const SUSPICIOUS: usize = 8;

/// Everything that the report says, in whatever form.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Version of the document.
    pub version: u32,
    /// What follows.
    pub verdict: ReportVerdict,
    /// What it costs; `None` without a cost model.
    pub roi: Option<Roi>,
    /// What the raters say; `None` without votes.
    pub votes: Option<VoteTally>,
    /// What was measured.
    pub evaluation: Evaluation,
    /// What is told of single images.
    #[serde(skip)]
    told: ShownImages,
}

/// What is told of single images.
#[derive(Debug, Default)]
struct ShownImages {
    /// The images of the extremes.
    pairs: Vec<AssetScore>,
    /// Images of the house that were held against what was learned from.
    checked: usize,
    /// How many of these may be copies.
    suspicious: usize,
    /// The first of them.
    copies: Vec<AssetScore>,
}

impl ShownImages {
    fn of(evaluation: &Evaluation) -> Result<Self> {
        let extremes = extremes(evaluation).into_iter().flatten();
        let ids: Vec<(Arm, Option<&String>)> = extremes
            .flat_map(|pair| [(Arm::InHouse, pair.in_house.first()), (Arm::Outsourced, pair.outsourced.first())])
            .collect();
        let mut told = Self::default();
        for asset in evaluation.assets.iter() {
            let asset = asset?;
            let nearest = asset.nearest.as_ref().filter(|_| asset.arm == Arm::InHouse);
            told.checked += usize::from(nearest.is_some());
            if nearest.is_some_and(|nearest| nearest.suspicious) {
                told.suspicious += 1;
                told.copies.extend((told.copies.len() < SUSPICIOUS).then(|| asset.clone()));
            }
            if ids.contains(&(asset.arm, Some(&asset.id))) {
                told.pairs.push(asset);
            }
        }
        Ok(told)
    }
}

/// The pairs where the house does best, and those where it does worst; none is in both.
fn extremes(evaluation: &Evaluation) -> [&[BriefPair]; 2] {
    let pairs = &evaluation.pairs;
    let shown = SHOWN.min(pairs.len() / 2);
    [&pairs[..shown], &pairs[pairs.len() - shown..]]
}

impl Report {
    /// Puts the evidence together.
    pub fn new(evaluation: Evaluation, costs: Option<&CostModel>, votes: Option<VoteTally>) -> Result<Self> {
        let roi = costs.map(|model| roi::roi(model, &evaluation)).transpose()?;
        let verdict = verdict::judge(&evaluation, roi.as_ref(), votes.as_ref());
        Ok(Self { version: VERSION, verdict, roi, votes, told: ShownImages::of(&evaluation)?, evaluation })
    }

    /// An image of the extremes.
    fn asset(&self, arm: Arm, id: &str) -> Option<&AssetScore> {
        self.told.pairs.iter().find(|asset| asset.arm == arm && asset.id == id)
    }

    /// The store keys of all images that the page shows.
    pub fn pictures(&self) -> BTreeSet<&str> {
        self.told.pairs.iter().chain(&self.told.copies).filter_map(|asset| asset.image.as_deref()).collect()
    }
}
