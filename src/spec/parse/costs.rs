//! The cost model's grammar.

use super::super::costs::{Amount, CostModel, InHouse, Outsourced, People, day};
use super::super::node::Value;
use super::super::problem;
use super::super::reader::{Field, Object, Reader};
use super::{DocumentKind, Keys, currency, name, owner};
use crate::base::limits;

/// The keys of every mapping, by the name of its type in the JSON Schema.
pub(in crate::spec) const KEYS: Keys = &[
    ("Document", &["apiVersion", "kind", "metadata", "spec"]),
    ("Metadata", &["name", "owner"]),
    ("Spec", &["currency", "volume", "people", "in_house", "outsourced"]),
    ("Range", &["value", "low", "high"]),
    ("People", &["hourly_rate", "hours_per_day"]),
    (
        "InHouse",
        &[
            "machine_per_hour",
            "watts",
            "energy_per_kwh",
            "utilisation",
            "megabytes",
            "storage_per_gb_month",
            "months_kept",
            "licences_per_month",
            "training",
            "trainings_per_year",
            "setup",
            "brief_minutes",
            "review_minutes",
            "approval",
        ],
    ),
    (
        "Outsourced",
        &[
            "price",
            "revision_rounds",
            "lead_days",
            "revision_price",
            "retainer_per_month",
            "brief_minutes",
            "review_minutes",
            "approval",
        ],
    ),
];

fn object<'a>(r: &mut Reader, field: Field<'a>, of: &str) -> Option<Object<'a>> {
    super::object(r, field, KEYS, of)
}

/// Reads a whole cost model; its text and places are filled in by the caller.
pub(super) fn document(r: &mut Reader, field: Field<'_>) -> Option<CostModel> {
    let doc = super::document(r, field, KEYS, DocumentKind::CostModel)?;
    let metadata = r.need(&doc, "metadata", |r, f| {
        let meta = object(r, f, "Metadata")?;
        let name = r.need(&meta, "name", name);
        let owner = owner(r, &meta);
        Some((name?, owner?))
    });
    let spec = r.need(&doc, "spec", |r, f| {
        let spec = object(r, f, "Spec")?;
        let currency = r.need(&spec, "currency", currency);
        let volume = r.need(&spec, "volume", |r, f| amount(r, f, 1.0, limits::COST));
        let people = r.need(&spec, "people", people);
        let in_house = r.need(&spec, "in_house", in_house);
        let outsourced = r.or(&spec, "outsourced", Outsourced::default(), outsourced);
        Some((currency?, volume?, people?, in_house?, outsourced?))
    });
    let ((name, owner), (currency, volume, people, in_house, outsourced)) = (metadata?, spec?);
    let (source, places) = (String::new(), problem::Places::default());
    Some(CostModel { name, owner, currency, volume, people, in_house, outsourced, source, places })
}

/// A number from `low` to `high`, or a mapping of a value and the two it lies between.
fn amount(r: &mut Reader, field: Field<'_>, low: f64, high: f64) -> Option<Amount> {
    let Value::Map(_) = field.node.value else { return Some(Amount::exact(r.number(field, low, high)?)) };
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
    let hourly_rate = r.need(&people, "hourly_rate", |r, f| amount(r, f, 0.0, limits::COST));
    let hours_per_day = r.or(&people, "hours_per_day", day(), |r, f| amount(r, f, 0.1, 24.0));
    Some(People { hourly_rate: hourly_rate?, hours_per_day: hours_per_day? })
}

fn in_house(r: &mut Reader, field: Field<'_>) -> Option<InHouse> {
    let house = object(r, field, "InHouse")?;
    let default = InHouse::default();
    // Shares are divided by: a hundredth is far below honest use and far above what would overflow.
    let share = |r: &mut Reader, key: &str, or: Amount| r.or(&house, key, or, |r, f| amount(r, f, 0.01, 1.0));
    let utilisation = share(r, "utilisation", default.utilisation);
    let approval = share(r, "approval", default.approval);
    let mut cost = |key: &str, or: Amount| r.or(&house, key, or, |r, f| amount(r, f, 0.0, limits::COST));
    let machine_per_hour = cost("machine_per_hour", default.machine_per_hour);
    let watts = cost("watts", default.watts);
    let energy_per_kwh = cost("energy_per_kwh", default.energy_per_kwh);
    let megabytes = cost("megabytes", default.megabytes);
    let storage_per_gb_month = cost("storage_per_gb_month", default.storage_per_gb_month);
    let months_kept = cost("months_kept", default.months_kept);
    let licences_per_month = cost("licences_per_month", default.licences_per_month);
    let training = cost("training", default.training);
    let trainings_per_year = cost("trainings_per_year", default.trainings_per_year);
    let setup = cost("setup", default.setup);
    let brief_minutes = cost("brief_minutes", default.brief_minutes);
    let review_minutes = cost("review_minutes", default.review_minutes);
    Some(InHouse {
        machine_per_hour: machine_per_hour?,
        watts: watts?,
        energy_per_kwh: energy_per_kwh?,
        utilisation: utilisation?,
        megabytes: megabytes?,
        storage_per_gb_month: storage_per_gb_month?,
        months_kept: months_kept?,
        licences_per_month: licences_per_month?,
        training: training?,
        trainings_per_year: trainings_per_year?,
        setup: setup?,
        brief_minutes: brief_minutes?,
        review_minutes: review_minutes?,
        approval: approval?,
    })
}

fn outsourced(r: &mut Reader, field: Field<'_>) -> Option<Outsourced> {
    let bought = object(r, field, "Outsourced")?;
    let default = Outsourced::default();
    let approval = r.or(&bought, "approval", default.approval, |r, f| amount(r, f, 0.01, 1.0));
    let mut known = |key: &str| r.maybe(&bought, key, |r, f| amount(r, f, 0.0, limits::COST));
    let (price, revision_rounds, lead_days) = (known("price"), known("revision_rounds"), known("lead_days"));
    let mut cost = |key: &str, or: Amount| r.or(&bought, key, or, |r, f| amount(r, f, 0.0, limits::COST));
    let revision_price = cost("revision_price", default.revision_price);
    let retainer_per_month = cost("retainer_per_month", default.retainer_per_month);
    let brief_minutes = cost("brief_minutes", default.brief_minutes);
    let review_minutes = cost("review_minutes", default.review_minutes);
    Some(Outsourced {
        price: price?,
        revision_rounds: revision_rounds?,
        lead_days: lead_days?,
        revision_price: revision_price?,
        retainer_per_month: retainer_per_month?,
        brief_minutes: brief_minutes?,
        review_minutes: review_minutes?,
        approval: approval?,
    })
}
