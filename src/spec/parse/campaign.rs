//! The campaign's grammar: which keys there are, what each may hold, and the default of those that are left out.
//!
//! # Invariants
//!
//! Where something could not be read, the campaign holds a stand-in that asks nothing of a bundle, so that the rest can
//! be checked all the same, and a problem is noted.

use std::collections::BTreeMap;

use super::super::asset::{AssetSpec, one};
use super::super::campaign::{Campaign, Priority};
use super::super::gate::Gate;
use super::super::guidance::{Guidance, StyleScale};
use super::super::node::YamlValue;
use super::super::output::{Format, OutputSpec};
use super::super::problem::{Places, Problem};
use super::super::reader::{Field, Object, Reader};
use super::super::sampler::{Sampler, SamplerName};
use super::super::template::{self, NameTemplate};
use super::super::usage::{Budget, RightsRequest};
use super::common::{self, Keys, currency, filled, name, owner, short_text, words};
use super::kind::DocumentKind;
use crate::base::limits;
use crate::base::names::{BundleRef, Name, StyleRef};
use crate::base::text::{self, plain, show};
use crate::base::version::CategoryRef;

/// The keys of every mapping, by the name of its type in the JSON Schema.
pub(in crate::spec) const KEYS: Keys = &[
    ("Document", &["apiVersion", "kind", "metadata", "spec"]),
    ("Metadata", &["name", "owner", "labels"]),
    (
        "Spec",
        &[
            "bundle", "priority", "styles", "category", "assets", "sampler", "guidance", "seed", "gate", "output",
            "budget", "rights",
        ],
    ),
    ("AssetSpec", &["categories", "prompt", "negative", "count", "size"]),
    ("Sampler", &["name", "steps"]),
    ("Guidance", &["category", "style", "style_scale"]),
    ("Gate", &["style", "category", "attempts"]),
    ("Output", &["format", "name"]),
    ("Budget", &["max_cost", "currency"]),
    ("RightsRequest", &["channels", "territories", "until"]),
];

fn object<'a>(r: &mut Reader, field: Field<'a>, of: &str) -> Option<Object<'a>> {
    common::object(r, field, KEYS, of)
}

/// Reads a campaign as far as possible; without problems, it is whole.
pub(in crate::spec) fn campaign(yaml: &str, file: &str) -> (Option<Campaign>, Vec<Problem>) {
    let (read, Reader { places, problems }) = common::read(yaml, file, document);
    (read.map(|campaign| Campaign { source: yaml.into(), places, ..campaign }), problems)
}

/// Reads the whole document; its text and places are filled in by the caller.
fn document(r: &mut Reader, field: Field<'_>) -> Option<Campaign> {
    let doc = common::document(r, field, KEYS, DocumentKind::Campaign)?;
    let metadata = r.need(&doc, "metadata", |r, f| {
        let meta = object(r, f, "Metadata")?;
        let name = r.need(&meta, "name", name);
        let owner = owner(r, &meta);
        let labels = r.or(&meta, "labels", BTreeMap::new(), labels);
        Some((name?, owner?, labels?))
    });
    let spec = r.need(&doc, "spec", spec);
    let spec = spec?;
    Some(match metadata {
        Some((name, owner, labels)) => Campaign { name, owner, labels, ..spec },
        None => spec,
    })
}

/// Reads `spec`; the metadata's fields are filled in by [`document`].
fn spec(r: &mut Reader, field: Field<'_>) -> Option<Campaign> {
    let spec = object(r, field, "Spec")?;
    let bundle = r.need(&spec, "bundle", |r, f| r.text(f, str::parse::<BundleRef>));
    let priority = r.or(&spec, "priority", Priority::default(), |r, f| {
        r.word(f, &[("high", Priority::High), ("normal", Priority::Normal), ("low", Priority::Low)])
    });
    let styles = r.need(&spec, "styles", |r, f| {
        let styles = r.items(f, limits::ENTRIES, |r, f| r.text(f, str::parse::<StyleRef>))?;
        r.distinct(f, &styles, ToString::to_string);
        Some(styles)
    });
    let category = r.maybe(&spec, "category", |r, f| r.text(f, str::parse::<CategoryRef>));
    let assets = r.need(&spec, "assets", |r, f| r.items(f, limits::NODES, asset));
    let sampler = r.or(&spec, "sampler", Sampler::default(), sampler);
    let guidance = r.or(&spec, "guidance", Guidance::default(), guidance);
    let seed = r.or(&spec, "seed", 42, |r, f| r.integer(f, 0, u64::MAX.into()));
    let gate = r.or(&spec, "gate", Gate::default(), gate);
    let output = r.or(&spec, "output", OutputSpec::default(), output);
    let budget = r.maybe(&spec, "budget", budget);
    let rights = r.maybe(&spec, "rights", rights);
    // Without the bundle nothing more can be checked.
    let bundle = bundle?;
    let no_style = || StyleRef { name: bundle.name.clone(), version: None };
    let campaign = Campaign {
        name: bundle.name.clone(),
        owner: None,
        labels: BTreeMap::new(),
        priority: priority.unwrap_or_default(),
        styles: styles.unwrap_or_default().into_iter().map(|style| style.unwrap_or_else(no_style)).collect(),
        category: category.unwrap_or_default(),
        assets: assets.unwrap_or_default().into_iter().map(|asset| asset.unwrap_or_else(nothing)).collect(),
        sampler: sampler.unwrap_or_default(),
        guidance: guidance.unwrap_or_default(),
        seed: seed.unwrap_or_default(),
        gate: gate.unwrap_or(Gate { style: 0.0, category: 0.0, attempts: 1 }),
        output: output.unwrap_or_default(),
        budget: budget.unwrap_or_default(),
        rights: rights.unwrap_or_default(),
        source: String::new(),
        places: Places::default(),
        bundle,
    };
    if let Some(reason) = campaign.too_many_images() {
        r.problems.push(r.places.problem("spec.assets", reason, None));
    }
    Some(campaign)
}

/// Stands in for an asset that could not be read.
fn nothing() -> AssetSpec {
    AssetSpec { categories: Vec::new(), prompt: None, negative: String::new(), count: one(), size: None }
}

fn labels(r: &mut Reader, field: Field<'_>) -> Option<BTreeMap<String, String>> {
    let entries = r.entries(field)?;
    if entries.len() > limits::ENTRIES {
        return r.wrong(field, format!("has {} entries, at most {} are allowed", entries.len(), limits::ENTRIES), None);
    }
    let read: Vec<_> = entries
        .into_iter()
        .map(|(key, node)| match key.parse::<Name>() {
            Ok(name) => r.visit(&format!("{}.{name}", field.path), node, short_text).map(|value| (name.into(), value)),
            Err(reason) => r.wrong(
                field,
                format!("the key {} {reason}", show(key)),
                Some(format!("`{}`", text::slug(key, limits::NAME))),
            ),
        })
        .collect();
    read.into_iter().collect()
}

fn prompt(r: &mut Reader, field: Field<'_>) -> Option<String> {
    r.text(field, |text| plain(text, limits::PROMPT))
}

fn asset(r: &mut Reader, field: Field<'_>) -> Option<AssetSpec> {
    let asset = object(r, field, "AssetSpec")?;
    let categories = r.need(&asset, "categories", |r, f| {
        let categories = r.items(f, limits::NODES, |r, f| r.text(f, text::category))?;
        r.distinct(f, &categories, Clone::clone);
        Some(categories)
    });
    let many = categories.as_ref().is_some_and(|c| c.len() > 1);
    let prompt = r.maybe(&asset, "prompt", |r, f| {
        let text = prompt(r, f)?;
        filled(r, f, template::check(&text, &template::PROMPT_FIELDS))?;
        if text.is_empty() {
            return r.wrong(f, "is empty; leave it out to use the bundle's own", None);
        }
        if many && !text.contains("{category}") {
            return r.wrong(f, "does not say `{category}`, so every category would be drawn by the same prompt", None);
        }
        Some(text)
    });
    let negative = r.or(&asset, "negative", String::new(), |r, f| {
        let text = self::prompt(r, f)?;
        filled(r, f, template::check(&text, &template::PROMPT_FIELDS)).map(|()| text)
    });
    let count = r.or(&asset, "count", one(), |r, f| r.integer(f, 1, limits::COUNT.into()));
    let size = r.maybe(&asset, "size", |r, f| {
        let size: u32 = r.integer(f, limits::SIZE_MIN.into(), limits::SIZE_MAX.into())?;
        let near = size.next_multiple_of(8);
        if near == size {
            Some(size)
        } else {
            r.wrong(f, format!("{size} is not a multiple of 8"), Some(near.to_string()))
        }
    });
    Some(AssetSpec {
        categories: categories.unwrap_or_default().into_iter().map(Option::unwrap_or_default).collect(),
        prompt: prompt.unwrap_or_default(),
        negative: negative.unwrap_or_default(),
        count: count.unwrap_or_else(one),
        size: size.unwrap_or_default(),
    })
}

fn sampler(r: &mut Reader, field: Field<'_>) -> Option<Sampler> {
    let sampler = object(r, field, "Sampler")?;
    let default = Sampler::default();
    let name = r.or(&sampler, "name", default.name, |r, f| r.word(f, &SamplerName::ALL));
    let steps = r.or(&sampler, "steps", default.steps, |r, f| r.integer(f, 1, limits::STEPS.into()));
    Some(Sampler { name: name?, steps: steps? })
}

/// A number that single precision is enough for.
fn single(low: f64, high: f64) -> impl Fn(&mut Reader, Field<'_>) -> Option<f32> {
    move |r, field| r.number(field, low, high).map(|n| n as f32)
}

fn guidance(r: &mut Reader, field: Field<'_>) -> Option<Guidance> {
    let guidance = object(r, field, "Guidance")?;
    let default = Guidance::default();
    let category = r.or(&guidance, "category", default.category, single(0.0, limits::GUIDANCE));
    let style = r.or(&guidance, "style", default.style, single(0.0, limits::GUIDANCE));
    let style_scale = r.or(&guidance, "style_scale", default.style_scale, |r, f| match f.node.value {
        YamlValue::List(_) => r.list(f, limits::LAYERS, single(0.0, 1.0)).map(StyleScale::PerLayer),
        _ => single(0.0, 1.0)(r, f).map(StyleScale::Uniform),
    });
    Some(Guidance { category: category?, style: style?, style_scale: style_scale? })
}

fn gate(r: &mut Reader, field: Field<'_>) -> Option<Gate> {
    let gate = object(r, field, "Gate")?;
    let default = Gate::default();
    let style = r.or(&gate, "style", default.style, single(0.0, 1.0));
    let category = r.or(&gate, "category", default.category, single(0.0, 1.0));
    let attempts = r.or(&gate, "attempts", default.attempts, |r, f| r.integer(f, 1, limits::ATTEMPTS.into()));
    Some(Gate { style: style?, category: category?, attempts: attempts? })
}

fn output(r: &mut Reader, field: Field<'_>) -> Option<OutputSpec> {
    let output = object(r, field, "Output")?;
    let format = r.or(&output, "format", Format::Png, |r, f| r.word(f, &[("png", Format::Png)]));
    let name = r.or(&output, "name", NameTemplate::default(), |r, f| {
        let template = r.text(f, |text| Ok(NameTemplate::new(text)))?;
        filled(r, f, template)
    });
    Some(OutputSpec { format: format?, name: name? })
}

fn budget(r: &mut Reader, field: Field<'_>) -> Option<Budget> {
    let budget = object(r, field, "Budget")?;
    let max_cost = r.need(&budget, "max_cost", |r, f| r.number(f, 0.0, limits::COST));
    let currency = r.need(&budget, "currency", currency);
    Some(Budget { max_cost: max_cost?, currency: currency? })
}

fn rights(r: &mut Reader, field: Field<'_>) -> Option<RightsRequest> {
    let rights = object(r, field, "RightsRequest")?;
    let channels = r.or(&rights, "channels", Vec::new(), words);
    let territories = r.or(&rights, "territories", Vec::new(), words);
    let until = r.maybe(&rights, "until", |r, f| r.text(f, str::parse));
    Some(RightsRequest { channels: channels?, territories: territories?, until: until? })
}
