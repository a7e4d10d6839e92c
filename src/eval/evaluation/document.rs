//! The evaluation document: every type of the JSON that `housestyle eval --json` prints.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::asset::{AssetScore, Brief, BriefPair, DuplicateImages};
use super::measure::Compared;
use crate::base::currency::Currency;
use crate::base::digest::Digest;
use crate::base::names::Name;
use crate::eval::disk_vec::DiskVec;
use crate::plan::CampaignId;

/// Version of the document; readers refuse others.
pub(crate) const VERSION: u32 = 1;

/// The evaluation of a campaign, alone or beside a baseline.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evaluation {
    /// Version of the document, `VERSION`.
    pub version: u32,
    /// Version of housestyle that evaluated.
    pub housestyle: String,
    /// The campaign's id, `<name>-<12 hex>`.
    pub campaign: CampaignId,
    /// Counts of the campaign.
    pub in_house: ArmFacts,
    /// Counts of the baseline; `None` where the campaign is evaluated alone.
    pub outsourced: Option<ArmFacts>,
    /// The evaluator and its accuracy on held-out drawings.
    pub evaluator: EvaluatorFacts,
    /// How intervals and tests were made.
    pub settings: StatisticsSettings,
    /// Whether the two arms can be compared at all.
    pub comparison: Comparison,
    /// Every measure over all briefs, `Measure::ALL`'s order, those that could be taken.
    pub measures: Vec<Compared>,
    /// The same by style.
    pub styles: Vec<MeasureGroup>,
    /// The same by category.
    pub categories: Vec<MeasureGroup>,
    /// Distances between whole sets of images.
    pub distributions: Vec<Distribution>,
    /// The briefs that both arms delivered for, the best for the house first (by the headline measure).
    pub pairs: Vec<BriefPair>,
    /// Every image of both arms, in-house first, in the plan's and the index' order.
    pub assets: DiskVec<AssetScore>,
    /// How far each style's references can be told apart by the evaluator: what a style consistency is worth.
    pub operating_points: Vec<OperatingPoint>,
    /// Images that are nearly the same, within an arm or across.
    pub duplicates: Vec<DuplicateImages>,
    /// Warnings that qualify the figures.
    pub warnings: Vec<Warning>,
    /// What the suite's thresholds say; `None` without a suite.
    pub suite: Option<SuiteResult>,
}

/// Counts of one arm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArmFacts {
    /// The campaign's or the baseline's name.
    pub name: String,
    /// Images asked for (jobs) or delivered.
    pub asked: usize,
    /// Images that passed the gate; of a baseline, all that were imported.
    pub accepted: usize,
    /// Images that the gate refused.
    pub rejected: usize,
    /// Jobs that gave no image.
    pub failed: usize,
    /// Share of the jobs whose first attempt passed; `None` for a baseline.
    pub first_pass_yield: Option<f64>,
    /// Mean attempts a job; `None` for a baseline.
    pub attempts: Option<f64>,
    /// Briefs with at least one accepted image.
    pub briefs: usize,
    /// Seconds of machine work, all attempts; `None` for a baseline.
    pub seconds: Option<f64>,
    /// Distinct licences of the images.
    pub licences: Vec<String>,
    /// The vendors; none for the campaign.
    pub vendors: Vec<String>,
    /// What was paid by currency, as far as prices are known.
    pub spent: BTreeMap<Currency, f64>,
    /// Images with a known price.
    pub priced: usize,
    /// Mean revision rounds, over images that say; `None` if none does.
    pub revision_rounds: Option<f64>,
    /// Mean days from order to delivery, over images that say; `None` if none does.
    pub lead_days: Option<f64>,
    /// Longest of these.
    pub lead_days_longest: Option<f64>,
}

/// The evaluator that scored both arms.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvaluatorFacts {
    /// The bundle it belongs to.
    pub bundle: Name,
    /// That bundle's digest.
    pub digest: Digest,
    /// Its accuracy on held-out drawings, from the bundle: `drawings`, `style`, `category_top1`,
    /// `category_top5`.
    pub held_out: BTreeMap<String, f64>,
    /// Styles it knows by name.
    pub styles: Vec<String>,
    /// How many categories it knows.
    pub categories: usize,
}

/// How intervals and tests were made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatisticsSettings {
    /// Resamples of every bootstrap.
    pub resamples: u32,
    /// Confidence of every interval, such as 0.95.
    pub confidence: f64,
    /// Key of the resampling's random numbers: the same gives the same intervals.
    pub seed: u64,
    /// Fewest paired briefs from which anything is concluded.
    pub least_briefs: usize,
    /// How several tests are kept from finding something by chance: always `holm`.
    pub correction: String,
}

/// Whether there is something to compare.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state", deny_unknown_fields)]
pub enum Comparison {
    /// There is no baseline.
    Alone,
    /// Both arms were judged by the same evaluator on the same briefs.
    Comparable {
        /// Briefs that both arms delivered for.
        briefs: usize,
        /// Briefs that only the house delivered for.
        only_in_house: Vec<Brief>,
        /// Briefs that only the vendor delivered for.
        only_outsourced: Vec<Brief>,
    },
    /// They must not be compared; the figures of each arm stand alone.
    NotComparable {
        /// The reasons.
        reasons: Vec<String>,
    },
}

/// The measures of one style or category.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeasureGroup {
    /// The style or category.
    pub name: String,
    /// Accepted images of the house.
    pub in_house_images: usize,
    /// Bought images.
    pub outsourced_images: usize,
    /// Its measures, as [`Evaluation::measures`]; p-values are corrected over all groups of the table.
    pub measures: Vec<Compared>,
}

/// How far two sets of images lie apart, in the evaluator's embedding.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Distribution {
    /// `kid` (unbiased, cubic polynomial kernel; about 0 for sets of one kind), `cmmd` (Gaussian kernel, × 1000) or
    /// `fid`.
    pub metric: String,
    /// The first set: `in_house`, `outsourced` or `references`.
    pub from: String,
    /// The second set, named as the first.
    pub to: String,
    /// Images of the first set.
    pub from_images: usize,
    /// Images of the second.
    pub to_images: usize,
    /// The distance; `None` if refused.
    pub value: Option<f64>,
    /// Lower end of its bootstrap interval.
    pub low: Option<f64>,
    /// Upper end of the interval.
    pub high: Option<f64>,
    /// The reason that there is no value.
    pub refused: Option<String>,
}

/// What the style consistency of one style is worth, measured on its references, each held out in turn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperatingPoint {
    /// The style.
    pub style: String,
    /// References of this style.
    pub own: usize,
    /// References of other styles, from which they are told apart.
    pub others: usize,
    /// The consistency from which on an image counts as in style (Youden's index at its highest).
    pub threshold: f64,
    /// Share of the style's own references above it.
    pub true_positive_rate: f64,
    /// Share of the others above it.
    pub false_positive_rate: f64,
    /// How well the two are told apart at all: area under the ROC curve, 0.5 for not at all.
    pub auc: f64,
}

/// A warning that qualifies the figures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Warning {
    /// The kind, for programs and translations.
    pub code: WarningCode,
    /// The message, in English.
    pub message: String,
}

/// The kinds of warnings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WarningCode {
    /// The measure is taken with the model that guided generation, or the gate chose by it.
    JudgeIsGuide,
    /// The gate chose the accepted images by the evaluator's scores: see the first attempts beside.
    GateSelected,
    /// Images are more like a training reference than they should be.
    Memorised,
    /// Images of a campaign or across the arms are nearly the same.
    Duplicates,
    /// No references: no style consistency, no memorisation check.
    NoReferences,
    /// Too few references of a style for a calibrated consistency.
    FewReferences,
    /// The consistency hardly tells this style from the others.
    WeakSeparation,
    /// Images that were made before scores were kept, or without an evaluator.
    Unscored,
    /// Jobs of the campaign that are not finished.
    Unfinished,
    /// Briefs that only one arm answers.
    Unpaired,
    /// Some briefs are answered by far more images in one arm.
    Unbalanced,
    /// Too few briefs to conclude anything.
    FewBriefs,
    /// Prices in several currencies, which are not added up.
    Currencies,
    /// Prices, dates or revision rounds are missing.
    MissingFacts,
    /// All images of a brief look alike (over-specialisation).
    LowDiversity,
    /// The evaluator does not know a style or category by name.
    UnknownToEvaluator,
}

/// What a suite's thresholds say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SuiteResult {
    /// The suite's name.
    pub name: String,
    /// Whether every threshold holds.
    pub passed: bool,
    /// The entries, in order.
    pub checks: Vec<SuiteCheck>,
}

/// One threshold and its result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SuiteCheck {
    /// The measure and the images, in words.
    pub what: String,
    /// What was found; `None` if it could not be measured, which fails.
    pub found: Option<f64>,
    /// The smallest value that passes.
    pub least: Option<f64>,
    /// The largest value that passes.
    pub most: Option<f64>,
    /// Whether the value passes.
    pub passed: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::evaluation::Measure;

    #[test]
    fn names_of_measures_are_those_of_the_document() {
        for measure in Measure::ALL {
            assert_eq!(serde_json::to_value(measure).unwrap(), measure.name());
        }
        let scores = BTreeMap::from([(Measure::CategoryTop1, 1.0)]);
        let text = serde_json::to_string(&scores).unwrap();
        assert_eq!(text, r#"{"category_top1":1.0}"#);
        assert_eq!(serde_json::from_str::<BTreeMap<Measure, f64>>(&text).unwrap(), scores);
        let apart = Comparison::NotComparable { reasons: vec!["other evaluator".into()] };
        let text = serde_json::to_string(&apart).unwrap();
        assert_eq!(serde_json::from_str::<Comparison>(&text).unwrap(), apart);
    }
}
