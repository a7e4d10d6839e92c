//! What a campaign's schema adds to the domain types: the frame around them.

use super::super::{AssetSpec, Budget, Gate, Guidance, OutputSpec, Priority, RightsRequest, Sampler, StyleScale, parse};
use crate::base::limits;
use crate::base::names::{BundleRef, Name, StyleRef};
use crate::base::version::CategoryRef;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::{borrow::Cow, collections::BTreeMap};

/// A Housestyle campaign: what to draw, in which styles, how well, and what it may cost.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code, reason = "only its schema is used; the values live in `Campaign`")]
pub(super) struct Document {
    /// Version of this format.
    #[schemars(rename = "apiVersion", extend("const" = parse::API_VERSION))]
    api_version: String,
    /// What this file describes.
    #[schemars(extend("const" = "Campaign"))]
    kind: String,
    /// Who and what for.
    metadata: Metadata,
    /// What to make.
    spec: Spec,
}

/// Who and what for.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code, reason = "only its schema is used; the values live in `Campaign`")]
struct Metadata {
    /// The campaign's name, part of its folder's.
    name: Name,
    /// Who answers for it.
    owner: Option<String>,
    /// Free labels for searching and reporting.
    #[schemars(default)]
    labels: BTreeMap<String, String>,
}

/// What to make.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code, reason = "only its schema is used; the values live in `Campaign`")]
struct Spec {
    /// The bundle to draw with: a name, or `name@sha256:…`.
    bundle: BundleRef,
    /// Which lane of the queue it takes.
    #[schemars(default)]
    priority: Priority,
    /// The styles to draw in.
    #[schemars(length(min = 1))]
    styles: Vec<StyleRef>,
    /// The trained encoder that reads what is drawn; without one, the bundle's own does.
    category: Option<CategoryRef>,
    /// What to draw.
    #[schemars(length(min = 1))]
    assets: Vec<AssetSpec>,
    /// How noise becomes a picture.
    #[schemars(default)]
    sampler: Sampler,
    /// How strongly the prompts are followed.
    #[schemars(default)]
    guidance: Guidance,
    /// What every job's own seed derives from.
    #[schemars(extend("default" = 42))]
    seed: Option<u64>,
    /// What is good enough.
    #[schemars(default)]
    gate: Gate,
    /// How the files are written.
    #[schemars(default)]
    output: OutputSpec,
    /// What it may cost.
    budget: Option<Budget>,
    /// What the pictures will be used for.
    rights: Option<RightsRequest>,
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
