//! Scores: the evaluator's findings on an image, as sidecars and events keep them.

use serde::{Deserialize, Serialize};

use crate::appearance::Fingerprint;

/// The findings of the evaluator, which never guides generation, on one image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// The probability of the requested style; `None` if the evaluator does not know it.
    pub style: Option<f32>,
    /// The probability of the requested category; `None` if the evaluator does not know it.
    pub category: Option<f32>,
    /// The most probable style.
    pub style_found: String,
    /// The most probable category.
    pub category_found: String,
    /// The rank of the requested category among all, from 1.
    pub category_rank: Option<u32>,
    /// The cosine of the picture and the category's prompt in the bundle's own CLIP, which guided it; `None` without
    /// image encoder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreement: Option<f32>,
    /// The fingerprint by which evaluation compares images; kept for the chosen attempt only, so that a sidecar stays a
    /// few kilobytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<Fingerprint>,
}

impl Scores {
    /// Returns the scores without the fingerprint, which is most of their size.
    pub fn said(&self) -> Self {
        let Self { style, category, ref style_found, ref category_found, category_rank, agreement, fingerprint: _ } =
            *self;
        let (style_found, category_found) = (style_found.clone(), category_found.clone());
        Self { style, category, style_found, category_found, category_rank, agreement, fingerprint: None }
    }
}
