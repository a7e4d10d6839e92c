//! The gate: the scores that an image must reach, and how often it is tried again.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::limits;

/// The scores that an image must reach, and how many seeds are tried before it is rejected.
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
