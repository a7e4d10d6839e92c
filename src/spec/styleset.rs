//! Style sets: the pictures that show a style, the rights in them, and how an encoder is trained on them.
//!
//! # Invariants
//!
//! A [`StyleSet`] is complete and inside all [`limits`]. Its files are found by [`StyleSet::resolve`]; claims may be
//! incomplete, since whether their rights allow the use is for [`crate::rights`] to say.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::problem::{Places, Problem};
use super::template;
use crate::base::licence::Licence;
use crate::base::limits;
use crate::base::names::{BundleRef, Name};
use crate::base::time::Date;
use crate::base::version::Branch;

/// A style set, checked.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StyleSet {
    /// The style's or brand's name, under which its encoder is called.
    pub name: Name,
    /// Who answers for it.
    pub owner: Option<String>,
    /// The bundle whose text encoder is trained.
    pub bundle: BundleRef,
    /// Which of the two text encoders is trained.
    pub branch: Branch,
    /// How a picture is described to the encoder, with `{category}` and `{style}`.
    pub prompt: String,
    /// The pictures.
    pub images: Vec<Images>,
    /// How the encoder is trained.
    pub training: Training,
    /// The YAML as written.
    #[serde(skip)]
    pub source: String,
    #[serde(skip)]
    pub(super) places: Places,
}

impl StyleSet {
    /// Makes a problem of this set that was found after reading.
    pub fn problem(&self, path: &str, reason: impl Into<String>, suggestion: Option<String>) -> Problem {
        self.places.problem(path, reason, suggestion)
    }
}

/// Fills in the prompt of a trained encoder: in training for a drawing that is there, in use for one to be made.
pub fn describe(prompt: &str, category: &str, style: &str) -> String {
    template::fill(prompt, &[("category", &words(category)), ("style", style)])
}

/// Returns a category's name as prompts write it, with spaces instead of dashes, as in the captions of training.
pub fn words(category: &str) -> String {
    category.replace('-', " ")
}

/// Some pictures that share a category, a style and a claim.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Images {
    /// A file, a folder or a pattern with `*` and `?`, relative to the style set's own folder.
    pub files: String,
    /// What they show; `{stem}` is the file's name without its ending.
    pub category: String,
    /// The style they are examples of; `None` if that is not known, only that they belong together.
    pub style: Option<Name>,
    /// The rights in them.
    pub claim: Claim,
}

/// What a style set says about the rights of some pictures, complete or not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// Where they came from.
    pub source: Option<String>,
    /// The licence.
    pub licence: Option<Licence>,
    /// Who holds the rights.
    pub holder: Option<String>,
    /// What proves it: a contract's number, an address.
    pub evidence: Option<String>,
    /// Where they may be used; empty for everywhere.
    pub territories: Vec<String>,
    /// For what they may be used; empty for everything.
    pub channels: Vec<String>,
    /// The last day of their use.
    pub until: Option<Date>,
}

/// How an encoder is trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(deny_unknown_fields, default)]
pub struct Training {
    /// What is minimised besides the denoising loss.
    pub loss: Loss,
    /// Weight of the denoising loss through the frozen UNet, which carries the style into pictures; 0 leaves it out.
    #[schemars(range(min = 0.0, max = limits::LOSS_WEIGHT))]
    pub denoising: f64,
    /// Most steps; early stopping may end before.
    #[schemars(range(min = 1, max = limits::TRAINING_STEPS))]
    pub steps: u32,
    /// Rank of the low-rank adapter; the bundle's training graph has to have it.
    #[schemars(range(min = 1, max = limits::RANK))]
    pub rank: u32,
    /// Step length of the optimiser: higher learns faster and forgets more.
    #[schemars(range(min = limits::LEARNING_RATE.0, max = limits::LEARNING_RATE.1))]
    pub learning_rate: f64,
    /// How much the UNet listens to the encoder while the denoising loss is taken.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub style_scale: f64,
    /// By how much a triplet's own group must be nearer than the hardest other.
    #[schemars(range(min = 0.0, max = 2.0))]
    pub margin: f64,
    /// Share of the pictures that is only looked at to know when to stop.
    #[schemars(range(min = 0.0, max = limits::VALIDATION))]
    pub validation: f64,
    /// Steps without a better validation loss before it stops; 0 never stops early.
    #[schemars(range(min = 0, max = limits::TRAINING_STEPS))]
    pub patience: u32,
    /// What every random choice derives from.
    pub seed: u64,
}

impl Default for Training {
    fn default() -> Self {
        Self {
            loss: Loss::default(),
            denoising: 3.0,
            steps: 200,
            rank: 8,
            learning_rate: 1e-4,
            style_scale: 0.5,
            margin: 0.2,
            validation: 0.2,
            patience: 60,
            seed: 42,
        }
    }
}

/// What is minimised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// For pictures with labels: each must find its own prompt among all.
    #[default]
    CrossEntropy,
    /// For pictures of which only the groups are known: own group near, hardest other far.
    Triplet,
}
