//! What is measured, how surely, and how the two arms compare in it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What is measured of an image. Higher is better for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// How near the image lies to the style's references (CSLS, about -1 to 1); see [`super::OperatingPoint`] for its
    /// scale.
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
    /// All values, in the order of every table.
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

    /// Returns the name in files, the same as in JSON.
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
    pub(crate) fn is_share(self) -> bool {
        !matches!(self, Self::StyleConsistency | Self::ImageText | Self::Diversity)
    }

    /// Whether the evaluator says it, so that it is worth as much as the evaluator is apart from what guides.
    pub(crate) fn is_judged(self) -> bool {
        !matches!(self, Self::ImageText | Self::PaletteCoverage)
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A mean with its interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeanEstimate {
    /// Mean over briefs of the mean over a brief's images.
    pub mean: f64,
    /// Lower end of the interval; `None` below two briefs.
    pub low: Option<f64>,
    /// Upper end of the interval.
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
    /// The measure.
    pub measure: Measure,
    /// Accepted images of the house; only paired briefs where the arms are compared.
    pub in_house: Option<MeanEstimate>,
    /// First attempts of the house, before the gate chose; where that is known.
    pub first_attempts: Option<MeanEstimate>,
    /// Bought images.
    pub outsourced: Option<MeanEstimate>,
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
    /// Upper end of the interval.
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
    /// The conclusion.
    pub verdict: ComparisonVerdict,
}

/// The conclusion from a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ComparisonVerdict {
    /// The house is better: the interval lies above 0 and the corrected p-value below the level, by a judge that did
    /// not guide.
    InHouse,
    /// The vendor is better.
    Outsourced,
    /// Too few briefs, a difference that chance explains, or a lead that only the house's own guide sees.
    NotEnoughEvidence,
}
