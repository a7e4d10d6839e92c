//! What evaluating gives: plain data, the same as JSON (`housestyle eval --json`) and in memory.
//!
//! In: nothing; these are the output types. Out: [`Evaluation`] and its parts.
//! Always holds: what is unknown is absent (`None`), never a zero; every number is finite; lists are in a fixed order, so that
//! the same input gives the same document.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::spec::Date;

/// Version of the document; readers refuse others.
pub const VERSION: u32 = 1;

/// Everything that was found out about a campaign, alone or beside a baseline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evaluation {
    /// Version of the document, [`VERSION`].
    pub version: u32,
    /// The housestyle that evaluated.
    pub housestyle: String,
    /// The campaign's id, `<name>-<12 hex>`.
    pub campaign: String,
    /// What the campaign made.
    pub in_house: ArmFacts,
    /// What was bought; `None` where the campaign is looked at alone.
    pub outsourced: Option<ArmFacts>,
    /// Who judged, and how far that judge can be trusted.
    pub evaluator: EvaluatorFacts,
    /// How intervals and tests were made.
    pub settings: Settings,
    /// Whether the two arms can be compared at all.
    pub comparison: Comparison,
    /// Every measure over all briefs, [`Measure::ALL`]'s order, those that could be taken.
    pub measures: Vec<Compared>,
    /// The same by style.
    pub styles: Vec<Group>,
    /// The same by category.
    pub categories: Vec<Group>,
    /// How far whole sets of images lie apart.
    pub distributions: Vec<Distribution>,
    /// The briefs that both arms delivered for, the best for the house first (by the headline measure).
    pub pairs: Vec<Pair>,
    /// Every image of both arms, in-house first, in the plan's and the index' order.
    pub assets: Vec<AssetScore>,
    /// How far each style's references can be told apart by the evaluator: what a style consistency is worth.
    pub operating_points: Vec<OperatingPoint>,
    /// Images that are nearly the same, within an arm or across.
    pub duplicates: Vec<Duplicate>,
    /// What a reader must know before believing the figures.
    pub warnings: Vec<Warning>,
    /// What the suite's thresholds say; `None` without a suite.
    pub suite: Option<SuiteResult>,
}

/// Who made an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arm {
    /// A campaign of ours.
    InHouse,
    /// Bought.
    Outsourced,
}

/// One arm in numbers.
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
    /// Who delivered; the house's own arm has none.
    pub vendors: Vec<String>,
    /// What was paid by currency, as far as prices are known.
    pub spent: BTreeMap<String, f64>,
    /// Images with a known price.
    pub priced: usize,
    /// Mean revision rounds, over images that say; `None` if none does.
    pub revision_rounds: Option<f64>,
    /// Mean days from order to delivery, over images that say; `None` if none does.
    pub lead_days: Option<f64>,
    /// Longest of these.
    pub lead_days_longest: Option<f64>,
}

/// The judge.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvaluatorFacts {
    /// The bundle it belongs to.
    pub bundle: String,
    /// That bundle's digest.
    pub digest: String,
    /// Its accuracy on drawings it never saw, by its maker's measure: `drawings`, `style`, `category_top1`, `category_top5`.
    pub held_out: BTreeMap<String, f64>,
    /// Styles it knows by name.
    pub styles: Vec<String>,
    /// How many categories it knows.
    pub categories: usize,
}

/// How intervals and tests were made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
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
        /// Why.
        reasons: Vec<String>,
    },
}

/// What is asked for in one brief: a thing in a style. Images of one brief are compared with each other, never with others'.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Brief {
    /// What it shows.
    pub category: String,
    /// In which style.
    pub style: String,
}

impl fmt::Display for Brief {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} / {}", self.category, self.style)
    }
}

/// What is measured of an image. Higher is better for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// How near the image lies to the style's references (CSLS, about -1 to 1); see [`OperatingPoint`] for its scale.
    StyleConsistency,
    /// Whether that is above the style's operating point (0 or 1).
    StyleHeld,
    /// Whether the evaluator's likeliest style is the one asked for (0 or 1).
    StyleRight,
    /// The evaluator's probability of the style asked for.
    StyleProbability,
    /// Whether the likeliest category is the one asked for (0 or 1).
    CategoryTop1,
    /// Whether the category asked for is among the five likeliest (0 or 1).
    CategoryTop5,
    /// The evaluator's probability of the category asked for.
    CategoryProbability,
    /// CLIPScore: agreement of image and prompt by the bundle's own CLIP, 0 to 100.
    ImageText,
    /// Share of the drawing's colours within the tolerance of the brand's palette (ΔE2000).
    PaletteCoverage,
    /// How different the images of one brief are from each other (1 - mean cosine); of a brief, not of an image.
    Diversity,
}

impl Measure {
    /// All of them, in the order of every table.
    pub const ALL: [Self; 10] = [
        Self::StyleConsistency,
        Self::StyleHeld,
        Self::StyleRight,
        Self::StyleProbability,
        Self::CategoryTop1,
        Self::CategoryTop5,
        Self::CategoryProbability,
        Self::ImageText,
        Self::PaletteCoverage,
        Self::Diversity,
    ];

    /// Its name in files: that of its JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::StyleConsistency => "style_consistency",
            Self::StyleHeld => "style_held",
            Self::StyleRight => "style_right",
            Self::StyleProbability => "style_probability",
            Self::CategoryTop1 => "category_top1",
            Self::CategoryTop5 => "category_top5",
            Self::CategoryProbability => "category_probability",
            Self::ImageText => "image_text",
            Self::PaletteCoverage => "palette_coverage",
            Self::Diversity => "diversity",
        }
    }

    /// Whether it is a share or a probability, so that it reads well in percent.
    pub fn is_share(self) -> bool {
        !matches!(self, Self::StyleConsistency | Self::ImageText | Self::Diversity)
    }

    /// Whether the evaluator says it, so that it is worth as much as the evaluator is apart from what guides.
    pub fn is_judged(self) -> bool {
        !matches!(self, Self::ImageText | Self::PaletteCoverage)
    }

    /// Whether the gate may have chosen images by it, so that accepted images look better in it than they are.
    pub fn is_gated(self) -> bool {
        matches!(
            self,
            Self::StyleRight | Self::StyleProbability | Self::CategoryTop1 | Self::CategoryTop5 | Self::CategoryProbability
        )
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A mean and how sure it is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Estimate {
    /// Mean over briefs of the mean over a brief's images.
    pub mean: f64,
    /// Lower end of the interval; `None` below two briefs.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
    /// Briefs it is from.
    pub briefs: usize,
    /// Images it is from.
    pub images: usize,
}

/// One measure in both arms.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Compared {
    /// What is measured.
    pub measure: Measure,
    /// Accepted images of the house; only paired briefs where the arms are compared.
    pub in_house: Option<Estimate>,
    /// First attempts of the house, before the gate chose; where that is known.
    pub first_attempts: Option<Estimate>,
    /// Bought images.
    pub outsourced: Option<Estimate>,
    /// House minus vendor, paired by brief; `None` where the arms are not compared in it.
    pub difference: Option<Difference>,
}

/// A paired difference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Difference {
    /// House minus vendor: mean over briefs.
    pub mean: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Briefs it is from.
    pub briefs: usize,
    /// Briefs in which the house is ahead.
    pub wins: usize,
    /// Briefs in which neither is.
    pub ties: usize,
    /// Two-sided p-value of the sign-flip test: how often chance alone gives such a mean.
    pub p: f64,
    /// The same, corrected for all measures tested together (Holm).
    pub p_corrected: f64,
    /// Effect size: Hedges' g of the paired differences; `None` where they do not vary.
    pub hedges_g: Option<f64>,
    /// Effect size without assumptions: matched-pairs rank-biserial correlation, -1 to 1; `None` where all are ties.
    pub rank_biserial: Option<f64>,
    /// What follows.
    pub verdict: Verdict,
}

/// What follows from a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The house is better: the interval lies above 0 and the corrected p-value below the level, by a judge that did not guide.
    InHouse,
    /// The vendor is better.
    Outsourced,
    /// Too few briefs, a difference that chance explains, or a lead that only the house's own guide sees.
    NotEnoughEvidence,
}

/// The measures of one style or category.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
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
    /// `kid` (unbiased, cubic polynomial kernel; about 0 for sets of one kind), `cmmd` (Gaussian kernel, × 1000) or `fid`.
    pub metric: String,
    /// Between what: `in_house`, `outsourced` or `references`.
    pub from: String,
    /// And what.
    pub to: String,
    /// Images of the first set.
    pub from_images: usize,
    /// Images of the second.
    pub to_images: usize,
    /// The distance; `None` if refused.
    pub value: Option<f64>,
    /// Lower end of its bootstrap interval.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
    /// Why there is no value.
    pub refused: Option<String>,
}

/// One brief in both arms, for pictures side by side.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pair {
    /// The brief.
    pub brief: Brief,
    /// Ids of the house's accepted images.
    pub in_house: Vec<String>,
    /// Ids of the bought ones.
    pub outsourced: Vec<String>,
    /// House minus vendor by measure, where both have it.
    pub differences: BTreeMap<Measure, f64>,
}

/// One image and its scores.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AssetScore {
    /// Who made it.
    pub arm: Arm,
    /// Its id within the arm: the file's stem.
    pub id: String,
    /// What it answers.
    pub brief: Brief,
    /// Its store key; `None` if there is no image.
    pub image: Option<String>,
    /// SHA-256 of the image's file, hex.
    pub sha256: Option<String>,
    /// Whether it counts: passed the gate, or was delivered.
    pub accepted: bool,
    /// Why not.
    pub reasons: Vec<String>,
    /// What was measured.
    pub scores: BTreeMap<Measure, f64>,
    /// The same of the first attempt, where it is known and an image of the house.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub first_attempt: BTreeMap<Measure, f64>,
    /// The evaluator's likeliest style.
    pub style_found: Option<String>,
    /// Its likeliest category.
    pub category_found: Option<String>,
    /// The reference it is most like; `None` without references.
    pub nearest: Option<Nearest>,
    /// How it came about in the house.
    pub work: Option<Work>,
    /// How it was bought.
    pub delivery: Option<Delivery>,
}

/// The training reference that an image is most like.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nearest {
    /// The reference's file.
    pub file: String,
    /// SHA-256 of that file, hex.
    pub sha256: String,
    /// What it shows.
    pub category: String,
    /// Its style.
    pub style: String,
    /// Cosine of the embeddings.
    pub similarity: f64,
    /// Bits of 64 in which the perceptual hashes differ; some 32 for unrelated pictures.
    pub hash_distance: u32,
    /// Whether the image may be a copy: more like a reference than references are like each other, or the same to the eye.
    pub suspicious: bool,
}

/// How an image of the house came about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Work {
    /// Attempts made.
    pub attempts: usize,
    /// Whether the first one passed.
    pub first_passed: bool,
    /// Seconds of machine work, all attempts.
    pub seconds: f64,
    /// The trained version that read the style's prompt; `None` for the stock encoder.
    pub encoder: Option<String>,
}

/// How an image was bought.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delivery {
    /// The vendor's or buyer's own name for the brief.
    pub reference: Option<String>,
    /// Who delivered it.
    pub vendor: Option<String>,
    /// What it cost.
    pub price: Option<f64>,
    /// In which currency (ISO 4217).
    pub currency: Option<String>,
    /// Rounds of revision until it was taken.
    pub revision_rounds: Option<u32>,
    /// When it was ordered.
    pub ordered: Option<Date>,
    /// When it was delivered.
    pub delivered: Option<Date>,
    /// Under which licence it may be used.
    pub licence: String,
    /// Who holds the rights.
    pub holder: Option<String>,
}

impl Delivery {
    /// Days from order to delivery, where both are known.
    pub fn lead_days(&self) -> Option<u64> {
        self.delivered?.days().checked_sub(self.ordered?.days())
    }
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

/// Two images that are nearly the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Duplicate {
    /// One of them: arm and id.
    pub first: (Arm, String),
    /// The other.
    pub second: (Arm, String),
    /// Cosine of the embeddings.
    pub similarity: f64,
    /// Bits of 64 in which the perceptual hashes differ.
    pub hash_distance: u32,
}

/// Something a reader must know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Warning {
    /// Its kind, for programs and translations.
    pub code: WarningCode,
    /// In words.
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
    /// Each of them.
    pub checks: Vec<Check>,
}

/// One threshold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// What is held against it, in words.
    pub what: String,
    /// What was found; `None` if it could not be measured, which fails.
    pub found: Option<f64>,
    /// Least that is fine.
    pub least: Option<f64>,
    /// Most that is fine.
    pub most: Option<f64>,
    /// Whether it holds.
    pub passed: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

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
