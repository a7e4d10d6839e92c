//! Style sets: the pictures that show a look, whose they are, and how an encoder learns from them.
//!
//! In: the text of a style set file. Out: a [`StyleSet`], or every [`Problem`] of the file at once. What always holds: a
//! `StyleSet` is complete and inside all [`limits`]. Its files are looked for by [`StyleSet::resolve`]; whether their rights
//! allow the use is for [`crate::rights`] to say, which therefore lets claims come incomplete.

use super::{Problem, parse, problem, source, template};
use crate::base::licence::Licence;
use crate::base::limits;
use crate::base::names::{BundleRef, Name};
use crate::base::time::Date;
use crate::base::version::Branch;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::Path;

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
    /// How the encoder learns.
    pub training: Training,
    /// The YAML as written.
    #[serde(skip)]
    pub source: String,
    #[serde(skip)]
    pub(super) places: problem::Places,
}

impl StyleSet {
    /// Reads a style set; `file` is how problems call it.
    pub fn parse(yaml: &str, file: &str) -> Result<Self, Vec<Problem>> {
        parse::styleset(yaml, file)
    }

    /// Reads a style set's bytes, which must be UTF-8.
    pub fn parse_bytes(yaml: &[u8], file: &str) -> Result<Self, Vec<Problem>> {
        source::utf8(yaml, file).and_then(|yaml| Self::parse(yaml, file))
    }

    /// Reads a style set file, never more of it than [`limits::FILE_BYTES`].
    pub fn load(path: &Path) -> Result<Self, Vec<Problem>> {
        Self::parse_bytes(&source::read(path)?, &path.display().to_string())
    }

    /// A problem with this set that was found later.
    pub fn problem(&self, path: &str, reason: impl Into<String>, suggestion: Option<String>) -> Problem {
        self.places.problem(path, reason, suggestion)
    }
}

/// What an encoder is told of a picture: in training of a drawing that is there, in use of one to be made.
pub fn describe(prompt: &str, category: &str, style: &str) -> String {
    template::fill(prompt, &[("category", &words(category)), ("style", style)])
}

/// A category's name as a prompt says it: bundles learn from captions with spaces, not dashes.
pub fn words(category: &str) -> String {
    category.replace('-', " ")
}

/// Some pictures that share a category, a style and whose they are.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Images {
    /// A file, a folder or a pattern with `*` and `?`, relative to the style set's own folder.
    pub files: String,
    /// What they show; `{stem}` is the file's name without its ending.
    pub category: String,
    /// The style they are examples of; `None` if that is not known, only that they belong together.
    pub style: Option<Name>,
    /// Whose they are.
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

/// How an encoder learns.
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
