//! What is kept of images by brief: sums, not images. Pure.
//!
//! Takes scored images, one by one. Returns means by brief, counts, and which images answered.
//!
//! # Invariants
//!
//! What is kept grows with the briefs; of an image only its id stays.

use std::collections::{BTreeMap, BTreeSet};

use super::evaluation::{Arm, AssetScore, Brief, Measure};
use super::metrics::Diversity;

/// Means of one measure by brief, with the number of images behind each.
pub(crate) type ByBrief<'a> = BTreeMap<&'a Brief, (f64, usize)>;

/// All briefs that were answered or tried.
#[derive(Clone, Debug, Default)]
pub(crate) struct Briefs {
    found: BTreeMap<Brief, Answered>,
    /// Styles in the order they came in.
    pub styles: Vec<String>,
    /// Categories in the same order.
    pub categories: Vec<String>,
}

/// The counts of one brief.
#[derive(Clone, Debug, Default)]
struct Answered {
    number: u32,
    by: [Answers; 2],
}

/// The images of one arm for one brief, as sums.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answers {
    /// Images that count.
    pub ids: Vec<String>,
    /// How many of these have scores.
    pub scored: usize,
    means: [Mean; Measure::ALL.len()],
    /// Of first attempts, refused images' included.
    first_attempts: [Mean; Measure::ALL.len()],
    diversity: Diversity,
}

#[derive(Clone, Copy, Debug, Default)]
struct Mean {
    sum: f64,
    count: usize,
}

impl Mean {
    fn add(&mut self, value: f64) {
        self.sum += value;
        self.count += 1;
    }

    fn value(self) -> Option<(f64, usize)> {
        (self.count > 0).then(|| (self.sum / self.count as f64, self.count))
    }
}

impl Answers {
    /// The mean of a measure over images that count, with their number.
    pub fn mean(&self, measure: Measure) -> Option<(f64, usize)> {
        match measure {
            Measure::Diversity => Some((self.diversity.value()?, self.diversity.images())),
            measure => self.means[measure as usize].value(),
        }
    }
}

impl Briefs {
    /// Adds an image; returns its brief's number.
    pub fn take(&mut self, asset: &AssetScore, embedding: Option<&[f32]>) -> u32 {
        if !self.found.contains_key(&asset.brief) {
            self.meet(&asset.brief);
        }
        let brief = self.found.entry(asset.brief.clone()).or_default();
        let answers = &mut brief.by[asset.arm as usize];
        for (measure, value) in &asset.first_attempt {
            answers.first_attempts[*measure as usize].add(*value);
        }
        if asset.accepted {
            answers.ids.push(asset.id.clone());
            answers.scored += usize::from(!asset.scores.is_empty());
            for (measure, value) in &asset.scores {
                answers.means[*measure as usize].add(*value);
            }
            embedding.into_iter().for_each(|embedding| answers.diversity.take(embedding));
        }
        brief.number
    }

    fn meet(&mut self, brief: &Brief) {
        let number = self.found.len() as u32;
        self.found.insert(brief.clone(), Answered { number, ..Answered::default() });
        for (known, name) in [(&mut self.styles, &brief.style), (&mut self.categories, &brief.category)] {
            if !known.contains(name) {
                known.push(name.clone());
            }
        }
    }

    /// Returns an arm's counts by brief, where at least one image counts.
    pub fn of(&self, arm: Arm) -> impl Iterator<Item = (&Brief, &Answers)> {
        let answers = self.found.iter().map(move |(brief, answered)| (brief, &answered.by[arm as usize]));
        answers.filter(|(_, answers)| !answers.ids.is_empty())
    }

    /// The briefs of which an image of the arm counts.
    pub fn answered(&self, arm: Arm) -> BTreeSet<&Brief> {
        self.of(arm).map(|(brief, _)| brief).collect()
    }

    /// Briefs that both arms answered.
    pub fn both(&self) -> impl Iterator<Item = (&Brief, &[Answers; 2])> {
        let both = self.found.iter().map(|(brief, answered)| (brief, &answered.by));
        both.filter(|(_, by)| by.iter().all(|answers| !answers.ids.is_empty()))
    }

    /// Images of an arm that count, in the briefs that `keep` wants.
    pub fn images(&self, arm: Arm, keep: &dyn Fn(&Brief) -> bool) -> usize {
        self.of(arm).filter(|(brief, _)| keep(brief)).map(|(_, answers)| answers.ids.len()).sum()
    }

    /// Means of a measure over images that count.
    pub fn means(&self, measure: Measure, arm: Arm, keep: &dyn Fn(&Brief) -> bool) -> ByBrief<'_> {
        self.of(arm).filter(|(brief, _)| keep(brief)).filter_map(|(brief, a)| Some((brief, a.mean(measure)?))).collect()
    }

    /// The same over the house's images before the gate chose, refused ones included.
    pub fn first_attempts(&self, measure: Measure, keep: &dyn Fn(&Brief) -> bool) -> ByBrief<'_> {
        let ours = self.found.iter().filter(|(brief, _)| keep(brief));
        let mean = |answered: &Answered| answered.by[Arm::InHouse as usize].first_attempts[measure as usize].value();
        ours.filter_map(|(brief, answered)| Some((brief, mean(answered)?))).collect()
    }
}
