//! The mappings around the domain types in a campaign's schema.

use std::collections::BTreeMap;

use schemars::JsonSchema;

use super::super::asset::AssetSpec;
use super::super::campaign::Priority;
use super::super::gate::Gate;
use super::super::guidance::Guidance;
use super::super::output::OutputSpec;
use super::super::parse::API_VERSION;
use super::super::sampler::Sampler;
use super::super::usage::{Budget, RightsRequest};
use crate::base::names::{BundleRef, Name, StyleRef};
use crate::base::version::CategoryRef;

/// A Housestyle campaign: what to draw, in which styles, how well, and what it may cost.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code, reason = "only its schema is used; the values live in `Campaign`")]
pub(super) struct CampaignFile {
    /// Version of this format.
    #[schemars(rename = "apiVersion", extend("const" = API_VERSION))]
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
    /// Its priority in the queue.
    #[schemars(default)]
    priority: Priority,
    /// The styles to draw in.
    #[schemars(length(min = 1))]
    styles: Vec<StyleRef>,
    /// The trained encoder for the category's prompt; without one, the bundle's own.
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
    /// Which scores an image must reach.
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
