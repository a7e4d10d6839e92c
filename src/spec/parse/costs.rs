//! The cost model's grammar.

use super::super::costs::{Amount, Bounds, CostModel, InHouse, Outsourced, People, day};
use super::super::node::YamlValue;
use super::super::problem::{Places, Problem};
use super::super::reader::{Field, Object, Reader};
use super::common::{self, Keys, currency, name, owner};
use super::kind::DocumentKind;
use crate::base::limits;

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
        let volume = r.need(&spec, "volume", |r, f| amount(r, f, Bounds { low: 1.0, high: limits::COST }));
        let people = r.need(&spec, "people", people);
        let in_house = r.need(&spec, "in_house", in_house);
        let outsourced = r.or(&spec, "outsourced", Outsourced::default(), outsourced);
        Some((currency?, volume?, people?, in_house?, outsourced?))
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

fn people(r: &mut Reader, field: Field<'_>) -> Option<People> {
    let people = object(r, field, "People")?;
    let hourly_rate = r.need(&people, "hourly_rate", |r, f| amount(r, f, Bounds { low: 0.0, high: limits::COST }));
    let hours_per_day = r.or(&people, "hours_per_day", day(), |r, f| amount(r, f, Bounds { low: 0.1, high: 24.0 }));
    Some(People { hourly_rate: hourly_rate?, hours_per_day: hours_per_day? })
}

fn in_house(r: &mut Reader, field: Field<'_>) -> Option<InHouse> {
    let house = object(r, field, "InHouse")?;
    InHouse::read(|key, bounds| r.maybe(&house, key, |r, f| amount(r, f, bounds)))
}

fn outsourced(r: &mut Reader, field: Field<'_>) -> Option<Outsourced> {
    let bought = object(r, field, "Outsourced")?;
    Outsourced::read(|key, bounds| r.maybe(&bought, key, |r, f| amount(r, f, bounds)))
}
