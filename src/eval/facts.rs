//! One arm in numbers: how much was asked for, made, accepted; what it cost and how long it took. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::evaluation::{ArmFacts, Brief, Delivery, Work};
use super::read::Shown;
use super::stats::mean;

/// The facts of an arm; `unfinished` jobs were asked for, too.
pub fn facts(name: &str, shown: &[Shown], unfinished: usize) -> ArmFacts {
    let works: Vec<&Work> = shown.iter().filter_map(|s| s.work.as_ref()).collect();
    let deliveries: Vec<&Delivery> = shown.iter().filter_map(|s| s.delivery.as_ref()).collect();
    let count = |holds: &dyn Fn(&Shown) -> bool| shown.iter().filter(|s| holds(s)).count();
    let of_works = |value: &dyn Fn(&Work) -> f64| mean(&works.iter().map(|work| value(work)).collect::<Vec<_>>());
    let numbers = |value: &dyn Fn(&Delivery) -> Option<f64>| deliveries.iter().filter_map(|d| value(d)).collect::<Vec<_>>();
    let mut spent: BTreeMap<String, f64> = BTreeMap::new();
    for delivery in &deliveries {
        if let (Some(price), Some(currency)) = (delivery.price, &delivery.currency) {
            *spent.entry(currency.clone()).or_default() += price;
        }
    }
    let lead = numbers(&|d| d.lead_days().map(|days| days as f64));
    let distinct = |texts: &mut dyn Iterator<Item = &String>| -> Vec<String> {
        texts.filter(|text| !text.is_empty()).cloned().collect::<BTreeSet<_>>().into_iter().collect()
    };
    ArmFacts {
        name: name.to_owned(),
        asked: shown.len() + unfinished,
        accepted: count(&|s| s.accepted),
        rejected: count(&|s| !s.accepted && !s.failed),
        failed: count(&|s| s.failed),
        first_pass_yield: of_works(&|work| f64::from(u8::from(work.first_passed))),
        attempts: of_works(&|work| work.attempts as f64),
        briefs: shown.iter().filter(|s| s.accepted).map(|s| &s.brief).collect::<BTreeSet<&Brief>>().len(),
        seconds: (!works.is_empty()).then(|| works.iter().map(|work| work.seconds).sum()),
        licences: distinct(&mut shown.iter().flat_map(|s| &s.licences)),
        vendors: distinct(&mut deliveries.iter().filter_map(|d| d.vendor.as_ref())),
        priced: deliveries.iter().filter(|d| d.price.is_some()).count(),
        spent,
        revision_rounds: mean(&numbers(&|d| d.revision_rounds.map(f64::from))),
        lead_days: mean(&lead),
        lead_days_longest: lead.into_iter().reduce(f64::max),
    }
}
