//! What planning needs to know of a bundle and its styles. The pipeline reads it from the bundle's manifest.

use serde::{Deserialize, Serialize};

use crate::base::digest::Digest;
use crate::base::names::Name;
use crate::base::version::VersionId;
use crate::rights::{Grant, Terms};

/// A bundle, as far as planning goes.
#[derive(Clone, Debug, PartialEq)]
pub struct BundleFacts {
    /// Its name.
    pub name: Name,
    /// What its `bundle.yaml` hashes to.
    pub digest: Digest,
    /// The styles it can draw in.
    pub styles: Vec<StyleFacts>,
    /// The categories its evaluator knows; empty without an evaluator, and then every category is taken.
    pub categories: Vec<String>,
    /// The styles its evaluator knows; empty without an evaluator.
    pub scored_styles: Vec<String>,
    /// Edges it can draw, in pixels; the first is the default.
    pub sizes: Vec<u32>,
    /// How many values a per-layer `style_scale` has.
    pub cross_attention_layers: usize,
    /// Its prompt for a `{category}`.
    pub prompt_category: String,
    /// How a `{prompt}` and a `{look}` become the style's prompt.
    pub prompt_style: String,
    /// Measured: one image of the first size, one UNet step, all guidance branches.
    pub seconds_per_step: f64,
    /// Measured: one image of the first size, as stored.
    pub bytes_per_image: u64,
}

impl BundleFacts {
    /// Returns the bundle's own style of this name.
    pub fn style(&self, name: &str) -> Option<&StyleFacts> {
        self.styles.iter().find(|style| style.name == name)
    }

    /// Tells whether images in a style can be scored as far as the evaluator goes; without one, nothing is to be
    /// scored.
    pub(super) fn can_score(&self, style: &str) -> bool {
        self.categories.is_empty() || self.scored_styles.iter().any(|known| known == style)
    }
}

/// A style: its look, and its licence and source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StyleFacts {
    /// Its name.
    pub name: String,
    /// An expert's description of its look, which the prompt carries.
    pub look: String,
    /// SPDX name of the licence of the drawings it was learnt from.
    pub licence: String,
    /// Who holds the rights.
    pub holder: String,
    /// Where the drawings came from.
    pub source: String,
    /// The line the licence asks to be shown with the pictures; empty if it asks for none.
    #[serde(default)]
    pub attribution: String,
    /// The trained encoder that draws it; none for a style that the bundle itself knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoder: Option<EncoderRef>,
    /// The distinct rights in a trained encoder's pictures, the first `MAX_GRANTS` of them; every job carries them
    /// along.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<GrantSummary>,
}

/// The rights in some of a trained encoder's pictures, as a job carries them: one grant, or several that are too many
/// to be named one by one, their licences and holders listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantSummary {
    /// Where the pictures came from.
    pub source: String,
    /// The licence, or several.
    pub licence: String,
    /// Who holds the rights.
    pub holder: String,
    /// What proves it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<String>,
    /// How far they go together.
    #[serde(default)]
    pub terms: Terms,
}

impl From<&Grant> for GrantSummary {
    fn from(grant: &Grant) -> Self {
        let Grant { source, licence, holder, evidence, terms } = grant.clone();
        Self { source, licence: licence.into(), holder, evidence, terms }
    }
}

/// Grants that a job names one by one.
pub(crate) const MAX_GRANTS: usize = 16;

/// A version of a trained encoder, and the very weights.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EncoderRef {
    /// Which version.
    pub version: VersionId,
    /// What its weights hash to; part of the job's identity.
    pub digest: Digest,
}
