//! Campaigns, style sets and cost models: what a person asks for, read from YAML and checked once.
//!
//! In: the text of a file. Out: a [`Campaign`], a [`StyleSet`] or a [`CostModel`], or every [`Problem`] of the file at once, each with its
//! place; a [`CampaignDraft`] where more is to be checked of what could be read. What always holds: what was read is complete, inside all [`limits`], and holds no text that could harm a path, a
//! terminal or a page. What needs the bundle (do these styles exist?) is checked by [`crate::plan`].

pub mod costs;
pub mod schema;
pub mod template;

mod draft;
mod node;
mod parse;
mod problem;
mod reader;
mod references;
mod source;
mod styleset;

pub use costs::CostModel;
pub use draft::CampaignDraft;
pub use parse::DocumentKind;
pub use problem::Problem;
pub use references::Reference;
pub use source::Document;
pub use styleset::{Claim, Images, Loss, StyleSet, Training, describe, words};
pub use template::NameTemplate;

use crate::base::currency::Currency;
use crate::base::limits;
use crate::base::names::{BundleRef, Name, StyleRef};
use crate::base::time::Date;
use crate::base::version::CategoryRef;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::{fmt, path::Path};

/// A campaign, checked.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Campaign {
    /// Its name.
    pub name: Name,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Free labels for searching and reporting.
    pub labels: BTreeMap<String, String>,
    /// What it draws with.
    pub bundle: BundleRef,
    /// Which lane of the queue it takes.
    pub priority: Priority,
    /// The styles to draw in.
    pub styles: Vec<StyleRef>,
    /// The trained encoder that reads what is drawn; `None` for the bundle's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<CategoryRef>,
    /// What to draw.
    pub assets: Vec<AssetSpec>,
    /// How noise becomes a picture.
    pub sampler: Sampler,
    /// How strongly the prompts are followed.
    pub guidance: Guidance,
    /// What every job's own seed derives from.
    pub seed: u64,
    /// What is good enough.
    pub gate: Gate,
    /// How the files are written.
    pub output: OutputSpec,
    /// What it may cost.
    pub budget: Option<Budget>,
    /// What the pictures will be used for.
    pub rights: Option<RightsRequest>,
    /// The YAML as submitted.
    #[serde(skip)]
    pub source: String,
    #[serde(skip)]
    places: problem::Places,
}

impl Campaign {
    /// Reads a campaign; `file` is how problems call it.
    pub fn parse(yaml: &str, file: &str) -> Result<Self, Vec<Problem>> {
        CampaignDraft::parse(yaml, file).finish(Vec::new())
    }

    /// Reads a campaign's bytes, which must be UTF-8.
    pub fn parse_bytes(yaml: &[u8], file: &str) -> Result<Self, Vec<Problem>> {
        CampaignDraft::parse_bytes(yaml, file).finish(Vec::new())
    }

    /// Reads a campaign file, never more of it than [`limits::FILE_BYTES`].
    pub fn load(path: &Path) -> Result<Self, Vec<Problem>> {
        CampaignDraft::load(path).finish(Vec::new())
    }

    /// Line and column of a key path such as `spec.styles[1]`, or of what stands around it when it was left out.
    pub fn place(&self, path: &str) -> (u32, u32) {
        self.places.find(path)
    }

    /// A problem with this campaign that was found later.
    pub fn problem(&self, path: &str, reason: impl Into<String>, suggestion: Option<String>) -> Problem {
        self.places.problem(path, reason, suggestion)
    }

    /// How many images it asks for.
    pub fn images(&self) -> u64 {
        let one_style: u64 = self.assets.iter().map(|a| a.categories.len() as u64 * u64::from(a.count)).sum();
        one_style * self.styles.len() as u64
    }

    /// Says that it asks for more images than one campaign may make, if it does.
    pub(crate) fn too_many_images(&self) -> Option<String> {
        let images = self.images();
        (images > limits::JOBS).then(|| {
            format!("asks for {images} images (categories × styles × count), at most {} make one campaign", limits::JOBS)
        })
    }
}

/// Which lane of the queue a campaign takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// Before the others, which still move.
    High,
    /// The usual lane.
    #[default]
    Normal,
    /// When nothing else waits, and a little always.
    Low,
}

impl Priority {
    /// All priorities, most urgent first.
    pub const ALL: [Self; 3] = [Self::High, Self::Normal, Self::Low];

    /// Returns its name, as a campaign file writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Normal => "normal",
            Self::Low => "low",
        }
    }

    /// Returns its share of the deliveries while every priority has work.
    pub fn weight(self) -> i64 {
        match self {
            Self::High => 6,
            Self::Normal => 3,
            Self::Low => 1,
        }
    }
}

/// A group of things to draw: every category × style × count is one job.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct AssetSpec {
    /// What to draw: names of the bundle's categories.
    #[schemars(length(min = 1))]
    pub categories: Vec<String>,
    /// The prompt, in which `{category}` is replaced; without one, the bundle's own is used.
    #[schemars(length(min = 1, max = limits::PROMPT))]
    pub prompt: Option<String>,
    /// What to keep away from.
    #[schemars(default, length(max = limits::PROMPT))]
    pub negative: String,
    /// How many images of each category × style.
    #[schemars(default = "one", range(min = 1, max = limits::COUNT))]
    pub count: u32,
    /// Edge of the square image in pixels; without one, the bundle's first size.
    #[schemars(range(min = limits::SIZE_MIN, max = limits::SIZE_MAX), extend("multipleOf" = 8))]
    pub size: Option<u32>,
}

fn one() -> u32 {
    1
}

/// How noise becomes a picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields, default)]
pub struct Sampler {
    /// The algorithm.
    pub name: SamplerName,
    /// Its steps: more cost more time and, beyond some twenty, rarely look better.
    #[schemars(range(min = 1, max = limits::STEPS))]
    pub steps: u32,
}

impl Default for Sampler {
    fn default() -> Self {
        Self { name: SamplerName::Dpmpp2m, steps: 20 }
    }
}

/// The sampling algorithms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum SamplerName {
    /// DDIM, deterministic.
    #[serde(rename = "ddim")]
    Ddim,
    /// Euler.
    #[serde(rename = "euler")]
    Euler,
    /// Euler with fresh noise in every step.
    #[serde(rename = "euler-a")]
    EulerAncestral,
    /// DPM-Solver++ of second order.
    #[serde(rename = "dpmpp-2m")]
    Dpmpp2m,
    /// DPM-Solver++ of second order on Karras' noise levels.
    #[serde(rename = "dpmpp-2m-karras")]
    Dpmpp2mKarras,
    /// Euler on Karras' noise levels.
    #[serde(rename = "euler-karras")]
    EulerKarras,
}

impl SamplerName {
    /// Every sampler and its name in YAML.
    pub const ALL: [(&'static str, Self); 6] = [
        ("ddim", Self::Ddim),
        ("euler", Self::Euler),
        ("euler-a", Self::EulerAncestral),
        ("dpmpp-2m", Self::Dpmpp2m),
        ("dpmpp-2m-karras", Self::Dpmpp2mKarras),
        ("euler-karras", Self::EulerKarras),
    ];

    /// The name in YAML.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(_, name)| *name == self).map_or("", |(text, _)| text)
    }
}

impl fmt::Display for SamplerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How strongly the prompts are followed. With both scales equal this is classic guidance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields, default)]
pub struct Guidance {
    /// From no prompt towards the category's.
    #[schemars(range(min = 0.0, max = limits::GUIDANCE))]
    pub category: f32,
    /// From the category's prompt towards the style's.
    #[schemars(range(min = 0.0, max = limits::GUIDANCE))]
    pub style: f32,
    /// How much of each cross-attention layer listens to the style encoder: 0 is the unmodified UNet.
    pub style_scale: StyleScale,
}

impl Default for Guidance {
    fn default() -> Self {
        Self { category: 3.0, style: 3.0, style_scale: StyleScale::Uniform(0.5) }
    }
}

/// `style_scale`: one value for all layers or one for each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum StyleScale {
    /// The same everywhere.
    Uniform(f32),
    /// In the order of the UNet's cross-attention layers.
    PerLayer(Vec<f32>),
}

/// What is good enough: below a threshold the next seed is tried, after the last attempt the image is rejected.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields, default)]
pub struct Gate {
    /// Lowest probability of the asked style.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub style: f32,
    /// Lowest probability of the asked category.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub category: f32,
    /// Seeds to try.
    #[schemars(range(min = 1, max = limits::ATTEMPTS))]
    pub attempts: u32,
}

impl Default for Gate {
    fn default() -> Self {
        Self { style: 0.6, category: 0.5, attempts: 3 }
    }
}

/// How the files are written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "Output", deny_unknown_fields, default)]
pub struct OutputSpec {
    /// The image format.
    pub format: Format,
    /// The files' names; eight hex digits of the job's id are added, so that no two are the same.
    pub name: NameTemplate,
}

/// Image formats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// PNG: lossless, carries its provenance.
    #[default]
    Png,
}

impl Format {
    /// The file's extension.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
        }
    }
}

/// What a campaign may cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Budget {
    /// The most it may cost.
    #[schemars(range(min = 0.0, max = limits::COST))]
    pub max_cost: f64,
    /// In which currency: three capital letters.
    #[schemars(with = "String", regex(pattern = Currency::PATTERN))]
    pub currency: Currency,
}

/// What the pictures will be used for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct RightsRequest {
    /// Where they appear: `web`, `print`, …
    #[schemars(default, length(min = 1))]
    pub channels: Vec<String>,
    /// In which countries or regions: `JP`, `US`, …
    #[schemars(default, length(min = 1))]
    pub territories: Vec<String>,
    /// Until when.
    pub until: Option<Date>,
}
