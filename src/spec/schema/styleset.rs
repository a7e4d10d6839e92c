//! The mappings around the domain types in a style set's schema.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::super::parse::{API_VERSION, DEFAULT_STYLE_PROMPT};
use super::super::styleset::Training;
use crate::base::limits;
use crate::base::names::{BundleRef, Name};
use crate::base::time::Date;
use crate::base::version::Branch;

/// A Housestyle style set: pictures that show a style, the rights in them, and how an encoder is trained on them.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code, reason = "only its schema is used; the values live in `StyleSet`")]
pub(super) struct StyleSetFile {
    /// Version of this format.
    #[schemars(rename = "apiVersion", extend("const" = API_VERSION))]
    api_version: String,
    /// What this file describes.
    #[schemars(extend("const" = "StyleSet"))]
    kind: String,
    /// Whose style it is.
    metadata: Metadata,
    /// What to learn from, and how.
    spec: Spec,
}

/// Whose style it is.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code, reason = "only its schema is used; the values live in `StyleSet`")]
struct Metadata {
    /// The style's or brand's name, under which its encoder is called.
    name: Name,
    /// Who answers for it.
    owner: Option<String>,
}

/// What to learn from, and how.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code, reason = "only its schema is used; the values live in `StyleSet`")]
struct Spec {
    /// The bundle whose text encoder is trained: a name, or `name@sha256:…`.
    bundle: BundleRef,
    /// Which of the two text encoders is trained.
    #[schemars(default)]
    branch: Branch,
    /// How a picture is described to the encoder, with `{category}` and `{style}`.
    #[schemars(length(min = 1, max = limits::PROMPT), extend("default" = DEFAULT_STYLE_PROMPT))]
    prompt: Option<String>,
    /// The pictures.
    #[schemars(length(min = 1, max = limits::PICTURES))]
    images: Vec<Images>,
    /// How the encoder is trained.
    #[schemars(default)]
    training: Training,
}

/// Some pictures that share a category, a style and whose they are.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code, reason = "only its schema is used; the values live in `StyleSet`")]
struct Images {
    /// A PNG file, a folder of them, or a pattern with `*` and `?`, relative to this file's folder.
    #[schemars(length(min = 1, max = limits::PATH))]
    files: String,
    /// What they show; `{stem}` is the file's name without its ending.
    #[schemars(length(min = 1, max = limits::SHORT_TEXT), extend("default" = "{stem}"))]
    category: Option<String>,
    /// The style they are examples of; by default the set's name.
    #[schemars(default)]
    style: Label,
    /// Where they came from.
    #[schemars(length(min = 1, max = limits::RIGHTS_TEXT))]
    source: Option<String>,
    /// The licence: an SPDX name or `LicenseRef-…`.
    #[schemars(length(max = limits::SHORT_TEXT), regex(pattern = "^[A-Za-z0-9.+-]+$"))]
    licence: Option<String>,
    /// Who holds the rights.
    #[schemars(length(min = 1, max = limits::RIGHTS_TEXT))]
    holder: Option<String>,
    /// What proves it: a contract's number, an address.
    #[schemars(length(min = 1, max = limits::RIGHTS_TEXT))]
    evidence: Option<String>,
    /// Where they may be used; left out: everywhere.
    #[schemars(length(min = 1, max = limits::ENTRIES))]
    territories: Option<Vec<String>>,
    /// For what they may be used; left out: everything.
    #[schemars(length(min = 1, max = limits::ENTRIES))]
    channels: Option<Vec<String>>,
    /// The last day of their use.
    until: Option<Date>,
}

/// A style's name, or null for pictures of which only that they belong together is known.
#[derive(Default, serde::Serialize)]
struct Label;

impl JsonSchema for Label {
    fn schema_name() -> Cow<'static, str> {
        "Label".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let name = generator.subschema_for::<Name>();
        // Not `anyOf` with a type of null: that is how an optional key looks, which the tidying takes for no null at
        // all.
        json_schema!({"oneOf": [name, {"const": null}]})
    }
}
