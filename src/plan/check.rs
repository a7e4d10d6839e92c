//! What a bundle and a machine's rates cannot serve of a campaign, whole or as far as it could be read. Pure.
//!
//! In: a [`Campaign`], [`BundleFacts`], [`Rates`]. Out: [`Problem`]s, as they are found; who tells them puts them in order.
//! What always holds: the work is linear in what the campaign asks for.

use super::categories::Categories;
use super::{BundleFacts, Rates, list, nearest};
use crate::base::{limits, text};
use crate::spec::{Campaign, Problem, StyleScale};

/// Everything in `campaign` that this bundle or these rates cannot serve.
pub fn check(campaign: &Campaign, facts: &BundleFacts, rates: &Rates) -> Vec<Problem> {
    let mut found = Found { campaign, facts, problems: Vec::new() };
    let bundle = &facts.name;
    if campaign.bundle.name.as_str() != bundle || campaign.bundle.digest.as_ref().is_some_and(|d| *d != facts.digest) {
        let reason = format!("asks for {}, but the bundle here is {bundle}@{}", campaign.bundle, facts.digest);
        found.wrong("spec.bundle", reason, None);
    }
    found.styles();
    found.category();
    found.assets();
    found.gate();
    if let StyleScale::PerLayer(scales) = &campaign.guidance.style_scale
        && scales.len() != facts.cross_attention_layers
    {
        let (values, layers) = (scales.len(), facts.cross_attention_layers);
        let reason = format!("has {values} values, the bundle's UNet has {layers} cross-attention layers");
        found.wrong("spec.guidance.style_scale", reason, None);
    }
    if let Some(budget) = campaign.budget.as_ref().filter(|b| b.currency != rates.currency) {
        let reason = format!("the budget is in {}, this machine's rate in {}", budget.currency, rates.currency);
        found.wrong("spec.budget.currency", reason, Some(format!("`{}`", rates.currency)));
    }
    found.problems
}

struct Found<'a> {
    campaign: &'a Campaign,
    facts: &'a BundleFacts,
    problems: Vec<Problem>,
}

impl Found<'_> {
    fn wrong(&mut self, path: &str, reason: String, suggestion: Option<String>) {
        self.problems.push(self.campaign.problem(path, reason, suggestion));
    }

    fn styles(&mut self) {
        let Self { campaign, facts, .. } = *self;
        for (i, style) in campaign.styles.iter().enumerate() {
            let path = format!("spec.styles[{i}]");
            match facts.offer(style) {
                Err(refusal) => self.wrong(&path, refusal.reason, refusal.suggestion),
                // Every attempt at it would be in vain.
                Ok(offer) if campaign.gate.style > 0.0 && !facts.scores(&offer.style.name) => {
                    let reason = format!(
                        "the evaluator of the bundle {} does not know the style `{}`, so that no image could pass gate.style; \
                         it knows {}",
                        facts.name,
                        offer.style.name,
                        list(facts.scored_styles.iter())
                    );
                    self.wrong(&path, reason, Some("`gate: {style: 0}`".into()));
                }
                Ok(_) => {}
            }
        }
    }

    fn category(&mut self) {
        let asked = self.campaign.category.as_ref();
        if let Some(Err(refusal)) = asked.map(|asked| self.facts.category_encoder(asked)) {
            self.wrong("spec.category", refusal.reason, refusal.suggestion);
        }
    }

    fn assets(&mut self) {
        let Self { campaign, facts, .. } = *self;
        let categories = Categories::of(facts);
        let bundle = &facts.name;
        for (i, asset) in campaign.assets.iter().enumerate() {
            for (j, category) in asset.categories.iter().enumerate().filter(|(_, c)| categories.find(c).is_none()) {
                let known = facts.categories.iter().map(String::as_str);
                let reason = format!("the bundle {bundle} has no category {} among its {}", text::show(category), known.len());
                // Nobody reads the ten-thousandth suggestion, and looking for them all would take minutes.
                let readable = self.problems.len() < limits::PROBLEMS;
                let suggestion = if readable { nearest(category, known) } else { None };
                self.wrong(&format!("spec.assets[{i}].categories[{j}]"), reason, suggestion);
            }
            if let Some(size) = asset.size.filter(|size| !facts.sizes.contains(size)) {
                let reason = format!("the bundle {bundle} cannot draw {size} pixels; it draws {}", list(facts.sizes.iter()));
                self.wrong(&format!("spec.assets[{i}].size"), reason, None);
            }
        }
    }

    fn gate(&mut self) {
        let gate = &self.campaign.gate;
        if self.facts.categories.is_empty() && (gate.style > 0.0 || gate.category > 0.0) {
            let reason = format!("the bundle {} has no evaluator to score images with", self.facts.name);
            self.wrong("spec.gate", reason, Some("`gate: {style: 0, category: 0}`".into()));
        }
    }
}
