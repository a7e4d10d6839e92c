//! A campaign as it was read and checked, and where each of its values stands in the file.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::asset::AssetSpec;
use super::gate::Gate;
use super::guidance::Guidance;
use super::output::OutputSpec;
use super::problem::{Places, Problem};
use super::sampler::Sampler;
use super::usage::{Budget, RightsRequest};
use crate::base::limits;
use crate::base::names::{BundleRef, Name, StyleRef};
use crate::base::version::CategoryRef;

/// A campaign, checked: what to draw, in which styles, which scores it must reach, and what it may cost.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Campaign {
    /// Its name.
    pub name: Name,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Free labels for searching and reporting.
    pub labels: BTreeMap<String, String>,
    /// The bundle to draw with.
    pub bundle: BundleRef,
    /// Its priority in the queue.
    pub priority: Priority,
    /// The styles to draw in.
    pub styles: Vec<StyleRef>,
    /// The trained encoder for the category's prompt; `None` for the bundle's own.
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
    /// Which scores an image must reach.
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
    pub(super) places: Places,
}

impl Campaign {
    /// Returns the line and column of a key path such as `spec.styles[1]`, or of what stands around it when it was left
    /// out.
    pub fn place(&self, path: &str) -> (u32, u32) {
        self.places.find(path)
    }

    /// Makes a problem of this campaign that was found after reading.
    pub fn problem(&self, path: &str, reason: impl Into<String>, suggestion: Option<String>) -> Problem {
        self.places.problem(path, reason, suggestion)
    }

    /// Returns how many images it asks for.
    pub fn images(&self) -> u64 {
        let one_style: u64 = self.assets.iter().map(|a| a.categories.len() as u64 * u64::from(a.count)).sum();
        one_style * self.styles.len() as u64
    }

    /// Says that it asks for more images than one campaign may make, if it does.
    pub(crate) fn too_many_images(&self) -> Option<String> {
        let images = self.images();
        (images > limits::JOBS).then(|| {
            format!(
                "asks for {images} images (categories × styles × count), at most {} make one campaign",
                limits::JOBS
            )
        })
    }
}

/// A campaign's priority in the queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// Before the others, which still make progress.
    High,
    /// The usual priority.
    #[default]
    Normal,
    /// When nothing else waits, and now and then besides.
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
