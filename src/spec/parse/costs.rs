//! The cost model's grammar.

use super::super::costs::{Amount, Bounds, CostField, CostModel, InHouse, Outsourced, People};
use super::super::node::YamlValue;
use super::super::problem::{Places, Problem};
use super::super::reader::{Field, Object, Reader};
use super::common::{self, Keys, currency, name, owner};
use super::kind::DocumentKind;

/// The keys of every mapping, by the name of its type in the JSON Schema.
pub(in crate::spec) const KEYS: Keys = &[
    ("Document", &["apiVersion", "kind", "metadata", "spec"]),
    ("Metadata", &["name", "owner"]),
    ("Spec", &["currency", "volume", "people", "in_house", "outsourced"]),
    ("Range", &["value", "low", "high"]),
    ("People", People::KEYS),
    ("InHouse", InHouse::KEYS),
    ("Outsourced", Outsourced::KEYS),
];

fn object<'a>(r: &mut Reader, field: Field<'a>, of: &str) -> Option<Object<'a>> {
    common::object(r, field, KEYS, of)
}

/// Reads a whole cost model.
pub(in crate::spec) fn costs(yaml: &str, file: &str) -> Result<CostModel, Vec<Problem>> {
    match common::read(yaml, file, document) {
        (Some(model), Reader { places, problems }) if problems.is_empty() => {
            Ok(CostModel { source: yaml.into(), places, ..model })
        }
        (_, Reader { problems, .. }) => Err(Problem::tidy(problems)),
    }
}

/// Reads the whole document; its text and places are filled in by the caller.
fn document(r: &mut Reader, field: Field<'_>) -> Option<CostModel> {
    let doc = common::document(r, field, KEYS, DocumentKind::CostModel)?;
    let metadata = r.need(&doc, "metadata", |r, f| {
        let meta = object(r, f, "Metadata")?;
        let name = r.need(&meta, "name", name);
        let owner = owner(r, &meta);
        Some((name?, owner?))
    });
    let spec = r.need(&doc, "spec", |r, f| {
        let spec = object(r, f, "Spec")?;
        let currency = r.need(&spec, "currency", currency);
        let volume = given(r, &spec, CostModel::volume());
        let people = r.need(&spec, "people", people);
        let in_house = r.need(&spec, "in_house", in_house);
        let outsourced = r.or(&spec, "outsourced", Outsourced::default(), outsourced);
        Some((currency?, volume??, people?, in_house?, outsourced?))
    });
    let ((name, owner), (currency, volume, people, in_house, outsourced)) = (metadata?, spec?);
    let (source, places) = (String::new(), Places::default());
    Some(CostModel { name, owner, currency, volume, people, in_house, outsourced, source, places })
}

/// Reads a number within bounds, or a mapping of a value and the two numbers it lies between.
fn amount(r: &mut Reader, field: Field<'_>, Bounds { low, high }: Bounds) -> Option<Amount> {
    let YamlValue::Map(_) = field.node.value else { return Some(Amount::exact(r.number(field, low, high)?)) };
    let range = object(r, field, "Range")?;
    let mut end = |key: &str| r.need(&range, key, |r, f| r.number(f, low, high));
    let (value, least, most) = (end("value"), end("low"), end("high"));
    let amount = Amount { value: value?, low: least?, high: most? };
    if !(amount.low <= amount.value && amount.value <= amount.high) {
        return r.wrong(field, "does not hold its own value: low, value and high must rise", None);
    }
    Some(amount)
}

/// Reads a field of a mapping; `Some(None)` if it is left out and may be.
fn given(r: &mut Reader, object: &Object<'_>, field: &CostField) -> Option<Option<Amount>> {
    let read = |r: &mut Reader, f: Field<'_>| amount(r, f, field.bounds);
    if field.required { r.need(object, field.key, read).map(Some) } else { r.maybe(object, field.key, read) }
}

fn people(r: &mut Reader, field: Field<'_>) -> Option<People> {
    let people = object(r, field, "People")?;
    People::read(|field| given(r, &people, field))
}

fn in_house(r: &mut Reader, field: Field<'_>) -> Option<InHouse> {
    let house = object(r, field, "InHouse")?;
    InHouse::read(|field| given(r, &house, field))
}

fn outsourced(r: &mut Reader, field: Field<'_>) -> Option<Outsourced> {
    let bought = object(r, field, "Outsourced")?;
    Outsourced::read(|field| given(r, &bought, field))
}
