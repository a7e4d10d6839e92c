//! The plan: a campaign and a bundle's facts become jobs, an estimate and verdicts on budget and rights. Pure.
//!
//! In: a [`Campaign`], [`BundleFacts`], [`Rates`]. Out: a [`Plan`], or every problem that shows only with the bundle at
//! hand. What always holds: a job's id depends on what decides its image and on nothing else (not on the campaign's name,
//! not on its order in the file); all ids and all stems of a plan are distinct.

mod catalog;
mod categories;
mod check;
mod estimate;
mod facts;
mod identity;
mod outline;
mod prompts;
mod rights;
mod ruling_problems;
mod unscored;

pub use crate::rights::Ruling;
pub use catalog::{House, Obstacle, Offer, TrainedStyle};
pub use categories::Categories;
pub use check::check;
pub use estimate::{BudgetVerdict, Estimate, Rates, Standing, amount};
pub use facts::{BundleFacts, EncoderRef, GrantSummary, MAX_GRANTS, StyleFacts};
pub use identity::{CampaignId, JobId};
pub use outline::{JobOutline, Outline};
pub use prompts::{Prompts, check_prompts};
pub use rights::{RightsVerdict, StyleRights};
pub use ruling_problems::{check_budget, check_rights};
pub use unscored::Unscored;

use crate::base::digest::Digest;
use crate::base::{limits, text};
use crate::spec::{AssetSpec, Campaign, Format, Gate, Guidance, Priority, Problem, Sampler};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use std::collections::BTreeMap;

/// Everything a campaign will make.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The campaign's id, which is also its folder's name.
    pub campaign: CampaignId,
    /// The bundle it is planned for.
    pub bundle: String,
    /// That bundle's digest.
    pub digest: Digest,
    /// What it takes.
    pub estimate: Estimate,
    /// Whether that is within the campaign's budget, if it has one.
    pub budget: Option<BudgetVerdict>,
    /// Whether the styles' licences allow it.
    pub rights: RightsVerdict,
    /// Every image to make, in the campaign's order.
    pub jobs: Vec<Job>,
}

/// One image to make.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Hash of all that decides the image.
    pub id: JobId,
    /// The campaign it belongs to.
    pub campaign: CampaignId,
    /// Its files' stem: a slug and eight digits of its id.
    #[serde(deserialize_with = "safe_stem")]
    pub stem: String,
    /// What to draw.
    pub category: String,
    /// In which style.
    pub style: String,
    /// Which one of the images of its category × style, from 1.
    pub index: u32,
    /// The prompts, filled in.
    pub prompts: Prompts,
    /// Key of its noise; 53 bits, so that every JSON reader keeps it.
    pub seed: u64,
    /// Edge in pixels.
    pub size: u32,
    /// How noise becomes a picture.
    pub sampler: Sampler,
    /// How strongly the prompts are followed.
    pub guidance: Guidance,
    /// What is good enough.
    pub gate: Gate,
    /// The image format.
    pub format: Format,
    /// The bundle to draw with.
    pub bundle: Digest,
    /// Which lane of the queue it takes.
    pub priority: Priority,
    /// Where the style comes from, and under which licence.
    pub source: StyleFacts,
    /// The same of the trained encoder that reads the category's prompt; none for the bundle's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reader: Option<StyleFacts>,
}

impl Job {
    /// The lines that licences ask to be shown with the picture; empty if they ask for none.
    pub fn attribution(&self) -> String {
        let of = |source: &StyleFacts| source.attribution.clone();
        let mut lines: Vec<String> = [Some(&self.source), self.reader.as_ref()].into_iter().flatten().map(of).collect();
        lines.retain(|line| !line.is_empty());
        lines.dedup();
        lines.join("; ")
    }

    /// The trained encoders that draw it.
    pub fn encoders(&self) -> impl Iterator<Item = &EncoderRef> {
        [Some(&self.source), self.reader.as_ref()].into_iter().flatten().filter_map(|source| source.encoder.as_ref())
    }
}

/// A stem that came in a message must be what [`text::slug`] makes, or it could name another place.
fn safe_stem<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let stem = String::deserialize(deserializer)?;
    match text::slug(&stem, limits::STEM + 9) == stem {
        true => Ok(stem),
        false => Err(D::Error::custom(format!("{} is not a safe file stem", text::show(&stem)))),
    }
}

/// Plans `campaign` for the bundle that `facts` describe.
pub fn plan(campaign: &Campaign, facts: &BundleFacts, rates: &Rates) -> Result<Plan, Vec<Problem>> {
    let problems = check(campaign, facts, rates);
    if !problems.is_empty() {
        return Err(Problem::tidy(problems));
    }
    let offers = offers(campaign, facts);
    let mut jobs = jobs(campaign, facts, &offers).map_err(Problem::tidy)?;
    let id = CampaignId::of(&campaign.name, &jobs);
    jobs.iter_mut().for_each(|job| job.campaign = id.clone());
    let estimate = Estimate::of(&jobs, facts, rates);
    Ok(Plan {
        campaign: id,
        bundle: facts.name.clone(),
        digest: facts.digest,
        budget: campaign.budget.as_ref().map(|budget| BudgetVerdict::of(budget, &estimate)),
        rights: RightsVerdict::of(
            offers.iter().copied().chain(reader(campaign, facts).map(TrainedStyle::as_offer)),
            &facts.house.policy,
            campaign.rights.as_ref(),
        ),
        estimate,
        jobs,
    })
}

/// What is drawn for every style that the campaign asks for and the bundle or the house has.
fn offers<'a>(campaign: &Campaign, facts: &'a BundleFacts) -> Vec<Offer<'a>> {
    campaign.styles.iter().filter_map(|style| facts.offer(style).ok()).collect()
}

/// The category encoder that the campaign asks for, if the house has it.
fn reader<'a>(campaign: &Campaign, facts: &'a BundleFacts) -> Option<&'a TrainedStyle> {
    campaign.category.as_ref().and_then(|asked| facts.category_encoder(asked).ok())
}

fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    text::nearest(word, known).map(|near| format!("`{near}`"))
}

/// Names for a sentence, the first dozen of them.
fn list(names: impl Iterator<Item = impl ToString>) -> String {
    let names: Vec<String> = names.take(13).map(|n| n.to_string()).collect();
    names[..names.len().min(12)].join(", ") + if names.len() > 12 { ", …" } else { "" }
}

/// The jobs, of no campaign yet: its id is theirs to decide.
fn jobs(campaign: &Campaign, facts: &BundleFacts, offers: &[Offer<'_>]) -> Result<Vec<Job>, Vec<Problem>> {
    let (categories, id) = (Categories::of(facts), CampaignId::of(&campaign.name, &[]));
    let (mut jobs, mut problems) = (Vec::new(), Vec::new());
    let (mut ids, mut stems) = (BTreeMap::new(), BTreeMap::new());
    for (i, asset) in campaign.assets.iter().enumerate() {
        for category in asset.categories.iter().filter_map(|category| categories.find(category)) {
            for &offer in offers {
                for index in 1..=asset.count {
                    let job = job(campaign, facts, &id, asset, category, offer, index);
                    let path = || format!("spec.assets[{i}]");
                    if let Some(before) = ids.insert(job.id.clone(), i) {
                        let reason = format!(
                            "asks for {} in `{}` just as spec.assets[{before}] does; raise its `count` instead",
                            text::show(category),
                            offer.style.name
                        );
                        problems.push(campaign.problem(&path(), reason, None));
                    } else if stems.insert(job.stem.clone(), i).is_some() {
                        let reason =
                            format!("two images would both be named {}; name them by category, style and index", job.stem);
                        problems.push(campaign.problem(
                            "spec.output.name",
                            reason,
                            Some("`{category}-{style}-{index}`".into()),
                        ));
                    }
                    jobs.push(job);
                }
            }
        }
    }
    // One sentence for each pair of groups is enough, however many images they share.
    problems.dedup_by(|a, b| a.path == b.path);
    if problems.is_empty() { Ok(jobs) } else { Err(problems) }
}

fn job(
    campaign: &Campaign,
    facts: &BundleFacts,
    id: &CampaignId,
    asset: &AssetSpec,
    category: &str,
    offer: Offer<'_>,
    index: u32,
) -> Job {
    let style = offer.style;
    let reader = reader(campaign, facts);
    let prompts = Prompts::of(asset, facts, category, offer, reader);
    let reader = reader.map(|reader| &reader.style);
    let size = asset.size.or_else(|| facts.sizes.first().copied()).unwrap_or_default();
    let identity = identity::Identity::new(campaign, facts, &prompts, category, style, reader, index, size);
    let (job_id, seed) = (identity.id(), identity.seed());
    let (number, edge) = (index.to_string(), size.to_string());
    let values = [
        ("category", category),
        ("style", &style.name),
        ("index", &number),
        ("size", &edge),
        ("campaign", campaign.name.as_str()),
    ];
    Job {
        stem: format!("{}-{}", campaign.output.name.stem(&values), job_id.short()),
        id: job_id,
        campaign: id.clone(),
        category: category.into(),
        style: style.name.clone(),
        index,
        prompts,
        seed,
        size,
        sampler: campaign.sampler.clone(),
        guidance: campaign.guidance.clone(),
        gate: campaign.gate.clone(),
        format: campaign.output.format,
        bundle: facts.digest,
        priority: campaign.priority,
        source: style.clone(),
        reader: reader.cloned(),
    }
}

#[cfg(test)]
mod tests;
