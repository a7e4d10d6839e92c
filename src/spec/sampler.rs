//! The sampler: which algorithm turns noise into a picture, in how many steps.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::limits;

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

    /// Returns the name in YAML.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(_, name)| *name == self).map_or("", |(text, _)| text)
    }
}

impl fmt::Display for SamplerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
