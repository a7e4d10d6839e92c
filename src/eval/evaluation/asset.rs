//! One image, what it answers, how it came about, and what it is like.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::Measure;
use crate::base::currency::Currency;
use crate::base::digest::{Digest, bare_digest};
use crate::base::time::Date;

/// The side that an image comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arm {
    /// The campaign.
    InHouse,
    /// The baseline: images that were bought.
    Outsourced,
}

/// What is asked for in one brief: a thing in a style. Images of one brief are compared with each other, never with
/// others'.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Brief {
    /// The category.
    pub category: String,
    /// The style.
    pub style: String,
}

impl fmt::Display for Brief {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} / {}", self.category, self.style)
    }
}

/// One brief in both arms, for pictures side by side.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BriefPair {
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
    /// The arm.
    pub arm: Arm,
    /// Its id within the arm: the file's stem.
    pub id: String,
    /// The brief that it answers.
    pub brief: Brief,
    /// Its store key; `None` if there is no image.
    pub image: Option<String>,
    /// SHA-256 of the image's file.
    #[serde(with = "bare_digest::option", default)]
    pub sha256: Option<Digest>,
    /// Whether it counts: passed the gate, or was delivered.
    pub accepted: bool,
    /// The gate's reasons, if it does not count.
    pub reasons: Vec<String>,
    /// The measures, by name.
    pub scores: BTreeMap<Measure, f64>,
    /// The same of the first attempt, where it is known and an image of the house.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub first_attempt: BTreeMap<Measure, f64>,
    /// The evaluator's likeliest style.
    pub style_found: Option<String>,
    /// Its likeliest category.
    pub category_found: Option<String>,
    /// The reference it is most like; `None` without references.
    pub nearest: Option<NearestReference>,
    /// Attempts and time, for images of the campaign.
    pub work: Option<MakingFacts>,
    /// Price, dates and licence, for bought images.
    pub delivery: Option<DeliveryFacts>,
}

/// The training reference that an image is most like.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NearestReference {
    /// The reference's file.
    pub file: String,
    /// SHA-256 of that file.
    #[serde(with = "bare_digest")]
    pub sha256: Digest,
    /// The category.
    pub category: String,
    /// Its style.
    pub style: String,
    /// Cosine of the embeddings.
    pub similarity: f64,
    /// Bits of 64 in which the perceptual hashes differ; some 32 for unrelated pictures.
    pub hash_distance: u32,
    /// Whether the image may be a copy: more like a reference than references are like each other, or the same to the
    /// eye.
    pub suspicious: bool,
}

/// Attempts and machine time of an image of the campaign.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MakingFacts {
    /// Attempts made.
    pub attempts: usize,
    /// Whether the first one passed.
    pub first_passed: bool,
    /// Seconds of machine work, all attempts.
    pub seconds: f64,
    /// The trained version that read the style's prompt; `None` for the stock encoder.
    pub encoder: Option<String>,
}

/// Price, dates, vendor and licence of a bought image.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeliveryFacts {
    /// The vendor's or buyer's own name for the brief.
    pub reference: Option<String>,
    /// Who delivered it.
    pub vendor: Option<String>,
    /// The price.
    pub price: Option<f64>,
    /// The price's currency.
    pub currency: Option<Currency>,
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

impl DeliveryFacts {
    /// Days from order to delivery, where both are known.
    pub(crate) fn lead_days(&self) -> Option<u64> {
        self.delivered?.days().checked_sub(self.ordered?.days())
    }
}

/// Two images that are nearly the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DuplicateImages {
    /// One of them: arm and id.
    pub first: (Arm, String),
    /// The other.
    pub second: (Arm, String),
    /// Cosine of the embeddings.
    pub similarity: f64,
    /// Bits of 64 in which the perceptual hashes differ.
    pub hash_distance: u32,
}
