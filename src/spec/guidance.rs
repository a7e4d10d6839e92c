//! Classifier-free guidance: how strongly each prompt is followed.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::base::limits;

/// How strongly the prompts are followed. With both scales equal this is classic guidance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields, default)]
pub struct Guidance {
    /// From no prompt towards the category's.
    #[schemars(range(min = 0.0, max = limits::GUIDANCE))]
    pub category: f32,
    /// From the category's prompt towards the style's.
    #[schemars(range(min = 0.0, max = limits::GUIDANCE))]
    pub style: f32,
    /// How much of each cross-attention layer listens to the style encoder: 0 is the unmodified UNet.
    pub style_scale: StyleScale,
}

impl Default for Guidance {
    fn default() -> Self {
        Self { category: 3.0, style: 3.0, style_scale: StyleScale::Uniform(0.5) }
    }
}

/// `style_scale`: one value for all layers or one for each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum StyleScale {
    /// The same everywhere.
    Uniform(f32),
    /// In the order of the UNet's cross-attention layers.
    PerLayer(Vec<f32>),
}

impl JsonSchema for StyleScale {
    fn schema_name() -> Cow<'static, str> {
        "StyleScale".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let scale = json_schema!({"type": "number", "minimum": 0.0, "maximum": 1.0});
        json_schema!({
            "description": "One value for all cross-attention layers, or a list with one for each.",
            "anyOf": [scale, {"type": "array", "items": scale, "minItems": 1, "maxItems": limits::LAYERS}],
        })
    }
}
