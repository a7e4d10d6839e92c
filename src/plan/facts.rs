//! What planning needs to know of a bundle; the pipeline, which can open bundles, produces it.

use crate::spec::Digest;
use serde::{Deserialize, Serialize};

/// A bundle, as far as planning goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BundleFacts {
    /// Its name.
    pub name: String,
    /// What its `bundle.yaml` hashes to.
    pub digest: Digest,
    /// The styles it can draw in.
    pub styles: Vec<StyleFacts>,
    /// The categories its evaluator knows; empty without an evaluator, and then every category is taken.
    pub categories: Vec<String>,
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
    /// The style of this name.
    pub fn style(&self, name: &str) -> Option<&StyleFacts> {
        self.styles.iter().find(|style| style.name == name)
    }

    /// The category as the bundle names it, if it can draw and score it: `red apple` is its `red-apple`.
    pub fn category<'a>(&'a self, category: &'a str) -> Option<&'a str> {
        if self.categories.is_empty() {
            return Some(category);
        }
        let is_it = |known: &&String| *known == category || words(known) == words(category);
        self.categories.iter().find(is_it).map(String::as_str)
    }
}

/// A category's name as a prompt says it: bundles learn from captions with spaces, not dashes.
pub(super) fn words(category: &str) -> String {
    category.replace('-', " ")
}

/// A style: what it looks like and whose it is.
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
}
