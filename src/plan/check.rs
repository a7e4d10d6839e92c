//! Checks a campaign, whole or as far as it could be read, against a style catalog and a machine's rates.
//!
//! # Invariants
//!
//! The work is linear in what the campaign asks for, and bounded by [`limits::JOBS`].

use super::catalog::StyleCatalog;
use super::categories::Categories;
use super::estimate::Rates;
use super::ids::CampaignId;
use super::job::Job;
use super::jobs::{Jobs, jobs};
use super::words::{list, nearest};
use crate::base::{limits, text};
use crate::spec::{Campaign, Problem, StyleScale};

/// A campaign that the catalog and the rates can serve, with its jobs: all that [`super::plan()`] needs.
#[derive(Debug)]
pub struct Checked<'a> {
    pub(super) campaign: &'a Campaign,
    pub(super) catalog: &'a StyleCatalog,
    pub(super) rates: &'a Rates,
    pub(super) id: CampaignId,
    pub(super) jobs: Vec<Job>,
}

/// Checks that the catalog and the rates can serve `campaign`.
///
/// # Errors
///
/// Tells everything they cannot serve, as it is found (`Problem::tidy` puts it in order); images that are asked for
/// twice, and names that two images would share, only where nothing else is wrong.
pub fn check<'a>(
    campaign: &'a Campaign,
    catalog: &'a StyleCatalog,
    rates: &'a Rates,
) -> Result<Checked<'a>, Vec<Problem>> {
    let problems = problems(campaign, catalog, rates);
    if !problems.is_empty() {
        return Err(problems);
    }
    let Jobs { campaign: id, jobs } = jobs(campaign, catalog)?;
    Ok(Checked { campaign, catalog, rates, id, jobs })
}

/// Everything that shows without looking at each image.
fn problems(campaign: &Campaign, catalog: &StyleCatalog, rates: &Rates) -> Vec<Problem> {
    let mut found = Findings { campaign, catalog, problems: Vec::new() };
    let facts = &catalog.bundle;
    let bundle = &facts.name;
    if campaign.bundle.name != *bundle || campaign.bundle.digest.as_ref().is_some_and(|d| *d != facts.digest) {
        let reason = format!("asks for {}, but the bundle here is {bundle}@{}", campaign.bundle, facts.digest);
        found.wrong("spec.bundle", reason, None);
    }
    if let Some(reason) = campaign.too_many_images() {
        found.wrong("spec.assets", reason, None);
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

struct Findings<'a> {
    campaign: &'a Campaign,
    catalog: &'a StyleCatalog,
    problems: Vec<Problem>,
}

impl Findings<'_> {
    fn wrong(&mut self, path: &str, reason: String, suggestion: Option<String>) {
        self.problems.push(self.campaign.problem(path, reason, suggestion));
    }

    fn styles(&mut self) {
        let Self { campaign, catalog, .. } = *self;
        let facts = &catalog.bundle;
        for (i, style) in campaign.styles.iter().enumerate() {
            let path = format!("spec.styles[{i}]");
            match catalog.style(style) {
                Err(refusal) => self.wrong(&path, refusal.reason, refusal.suggestion),
                // No attempt at it could pass the gate.
                Ok(available) if campaign.gate.style > 0.0 && !facts.can_score(&available.style.name) => {
                    let reason = format!(
                        "the evaluator of the bundle {} does not know the style `{}`, so that no image could pass \
                            gate.style; \
                         it knows {}",
                        facts.name,
                        available.style.name,
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
        if let Some(Err(refusal)) = asked.map(|asked| self.catalog.category_encoder(asked)) {
            self.wrong("spec.category", refusal.reason, refusal.suggestion);
        }
    }

    fn assets(&mut self) {
        let Self { campaign, catalog, .. } = *self;
        let facts = &catalog.bundle;
        let categories = Categories::of(facts);
        let bundle = &facts.name;
        for (i, asset) in campaign.assets.iter().enumerate() {
            for (j, category) in asset.categories.iter().enumerate().filter(|(_, c)| categories.find(c).is_none()) {
                let known = facts.categories.iter().map(String::as_str);
                let reason =
                    format!("the bundle {bundle} has no category {} among its {}", text::show(category), known.len());
                // Only the first problems are shown, and looking for every suggestion would take minutes.
                let readable = self.problems.len() < limits::PROBLEMS;
                let suggestion = if readable { nearest(category, known) } else { None };
                self.wrong(&format!("spec.assets[{i}].categories[{j}]"), reason, suggestion);
            }
            if let Some(size) = asset.size.filter(|size| !facts.sizes.contains(size)) {
                let reason =
                    format!("the bundle {bundle} cannot draw {size} pixels; it draws {}", list(facts.sizes.iter()));
                self.wrong(&format!("spec.assets[{i}].size"), reason, None);
            }
        }
    }

    fn gate(&mut self) {
        let gate = &self.campaign.gate;
        if self.catalog.bundle.categories.is_empty() && (gate.style > 0.0 || gate.category > 0.0) {
            let reason = format!("the bundle {} has no evaluator to score images with", self.catalog.bundle.name);
            self.wrong("spec.gate", reason, Some("`gate: {style: 0, category: 0}`".into()));
        }
    }
}
