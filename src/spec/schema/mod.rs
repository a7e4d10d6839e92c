//! Makes the files' JSON Schemas, for editors, from the domain types, so that the two cannot differ.

mod campaign;
mod costs;
mod styleset;

use schemars::transform::transform_subschemas;
use schemars::{Schema, generate::SchemaSettings};
use serde_json::Value;

use super::parse::DocumentKind;

/// Makes the schema of a kind of file.
pub fn schema(kind: DocumentKind) -> Schema {
    let generator = SchemaSettings::draft2020_12().with_transform(tidy).into_generator();
    let (mut schema, title) = match kind {
        DocumentKind::Campaign => (generator.into_root_schema_for::<campaign::CampaignFile>(), "Housestyle campaign"),
        DocumentKind::StyleSet => (generator.into_root_schema_for::<styleset::StyleSetFile>(), "Housestyle style set"),
        DocumentKind::CostModel => (generator.into_root_schema_for::<costs::CostModelFile>(), "Housestyle cost model"),
    };
    schema.insert("title".into(), title.into());
    schema
}

/// Writes the schema as text, as it stands in `specs/`.
pub fn text(kind: DocumentKind) -> String {
    format!("{:#}\n", schema(kind).to_value())
}

/// Adapts a schema to the reader: a key without a value is an error (so no `null`), and single-precision defaults print
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
    use super::super::parse;
    use super::*;

    #[test]
    fn schema_and_reader_know_the_same_keys() {
        for (kind, all) in [
            (DocumentKind::Campaign, parse::CAMPAIGN_KEYS),
            (DocumentKind::StyleSet, parse::STYLE_SET_KEYS),
            (DocumentKind::CostModel, parse::COST_MODEL_KEYS),
        ] {
            let schema = schema(kind);
            for (of, keys) in all {
                let pointer = if *of == "Document" { "/properties".into() } else { format!("/$defs/{of}/properties") };
                let found = schema
                    .pointer(&pointer)
                    .and_then(Value::as_object)
                    .unwrap_or_else(|| panic!("{of} is not in the schema"));
                let mut keys = keys.to_vec();
                keys.sort_unstable();
                let mut found: Vec<_> = found.keys().map(String::as_str).collect();
                found.sort_unstable();
                assert_eq!(found, keys, "{of}");
            }
            assert!(!text(kind).contains("0.6000"));
        }
        assert!(!text(DocumentKind::Campaign).contains("null"));
    }
}
