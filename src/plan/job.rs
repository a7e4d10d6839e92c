//! A job: one image to make, with all that decides it.

use serde::{Deserialize, Serialize};

use super::facts::{EncoderRef, StyleFacts};
use super::ids::{CampaignId, JobId};
use super::prompts::Prompts;
use crate::base::digest::Digest;
use crate::base::stem::Stem;
use crate::spec::{Format, Gate, Guidance, Priority, Sampler};

/// One image to make.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Hash of all that decides the image.
    pub id: JobId,
    /// The campaign it belongs to.
    pub campaign: CampaignId,
    /// Its files' stem: a slug and eight digits of its id.
    pub stem: Stem,
    /// What to draw.
    pub category: String,
    /// In which style.
    pub style: String,
    /// Which one of the images of its category × style, from 1.
    pub index: u32,
    /// The prompts, filled in.
    pub prompts: Prompts,
    /// Key of its noise; 53 bits, so that every JSON reader keeps it.
    pub seed: u64,
    /// Edge in pixels.
    pub size: u32,
    /// How noise becomes a picture.
    pub sampler: Sampler,
    /// How strongly the prompts are followed.
    pub guidance: Guidance,
    /// Which scores it must reach.
    pub gate: Gate,
    /// The image format.
    pub format: Format,
    /// The bundle to draw with.
    pub bundle: Digest,
    /// Its priority in the queue.
    pub priority: Priority,
    /// Where the style comes from, and under which licence.
    #[serde(rename = "source")]
    pub style_source: StyleFacts,
    /// The same of the trained encoder for the category's prompt; `None` for the bundle's own.
    #[serde(rename = "reader", default, skip_serializing_if = "Option::is_none")]
    pub category_encoder: Option<StyleFacts>,
}

impl Job {
    /// Returns the lines that licences ask to be shown with the picture; empty if they ask for none.
    pub fn attribution(&self) -> String {
        let mut lines: Vec<&str> = self.sources().map(|source| source.attribution.as_str()).collect();
        lines.retain(|line| !line.is_empty());
        lines.dedup();
        lines.join("; ")
    }

    /// Returns the trained encoders that draw it.
    pub fn encoders(&self) -> impl Iterator<Item = &EncoderRef> {
        self.sources().filter_map(|source| source.encoder.as_ref())
    }

    /// Returns the source of the style, then that of the category encoder if there is one.
    pub fn sources(&self) -> impl Iterator<Item = &StyleFacts> {
        [Some(&self.style_source), self.category_encoder.as_ref()].into_iter().flatten()
    }
}
