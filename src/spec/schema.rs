//! The campaign file's JSON Schema, for editors: made from the domain types, so that it cannot drift from them.

use super::{
    AssetSpec, Budget, BundleRef, Gate, Guidance, Name, Output, Priority, RightsRequest, Sampler, StyleRef, StyleScale, parse,
};
use schemars::transform::transform_subschemas;
use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings, json_schema};
use serde_json::Value;
use std::{borrow::Cow, collections::BTreeMap};

/// A Housestyle campaign: what to draw, in which styles, how well, and what it may cost.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code, reason = "only its schema is used; the values live in `Campaign`")]
struct Document {
    /// Version of this format.
    #[schemars(rename = "apiVersion", extend("const" = parse::API_VERSION))]
    api_version: String,
    /// What this file describes.
    #[schemars(extend("const" = parse::KIND))]
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
    output: Output,
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
            "anyOf": [scale, {"type": "array", "items": scale, "minItems": 1, "maxItems": super::limits::LAYERS}],
        })
    }
}

/// The schema.
pub fn schema() -> Schema {
    let settings = SchemaSettings::draft2020_12().with_transform(tidy);
    let mut schema = settings.into_generator().into_root_schema_for::<Document>();
    schema.insert("title".into(), "Housestyle campaign".into());
    schema
}

/// The schema as text, as it stands in `specs/campaign.schema.json`.
pub fn text() -> String {
    format!("{:#}\n", schema().to_value())
}

/// Says what the reader does: a key without a value is an error (so no `null`), and single-precision defaults print
/// as they are written.
fn tidy(schema: &mut Schema) {
    if let Some(object) = schema.as_object_mut() {
        if let Some(Value::Array(types)) = object.get_mut("type") {
            types.retain(|t| t != "null");
            if let [one] = &types[..] {
                let one = one.clone();
                object.insert("type".into(), one);
            }
        }
        if let Some(Value::Array(options)) = object.get_mut("anyOf") {
            options.retain(|o| o.get("type").is_none_or(|t| t != "null"));
            if let [Value::Object(one)] = &options[..] {
                let one = one.clone();
                object.remove("anyOf");
                object.extend(one);
            }
        }
        object.remove("format");
        if let Some(default) = object.get_mut("default") {
            shorten(default);
        }
        if object.get("default").is_some_and(Value::is_null) {
            object.remove("default");
        }
    }
    transform_subschemas(&mut tidy, schema);
}

fn shorten(value: &mut Value) {
    match value {
        Value::Object(map) => map.values_mut().for_each(shorten),
        Value::Number(n) if n.is_f64() => {
            let short = n.as_f64().map(|n| (n as f32).to_string()).and_then(|n| n.parse::<f64>().ok());
            *value = short.map_or(Value::Null, Value::from);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schema_and_reader_know_the_same_keys() {
        let schema = schema();
        for (of, keys) in parse::KEYS {
            let pointer = if of == "Document" { "/properties".into() } else { format!("/$defs/{of}/properties") };
            let found =
                schema.pointer(&pointer).and_then(Value::as_object).unwrap_or_else(|| panic!("{of} is not in the schema"));
            let mut keys = keys.to_vec();
            keys.sort_unstable();
            let mut found: Vec<_> = found.keys().map(String::as_str).collect();
            found.sort_unstable();
            assert_eq!(found, keys, "{of}");
        }
        let text = text();
        assert!(!text.contains("null") && !text.contains("0.6000"), "{text}");
    }
}
