//! A group of images that share prompt, count and size.

use schemars::JsonSchema;
use serde::Serialize;

use crate::base::limits;

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
    /// The negative prompt.
    #[schemars(default, length(max = limits::PROMPT))]
    pub negative: String,
    /// How many images of each category × style.
    #[schemars(default = "one", range(min = 1, max = limits::COUNT))]
    pub count: u32,
    /// Edge of the square image in pixels; without one, the bundle's first size.
    #[schemars(range(min = limits::SIZE_MIN, max = limits::SIZE_MAX), extend("multipleOf" = 8))]
    pub size: Option<u32>,
}

/// Returns how many images are made of each category × style where none is said.
pub(super) fn one() -> u32 {
    1
}
