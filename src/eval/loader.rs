//! What the store holds of a campaign and a baseline, as evaluation sees it.
//!
//! Takes a store, a plan's outline, a baseline. Returns [`Shown`] images, one by one.
//!
//! # Invariants
//!
//! Only sidecars are read, no image and no model, so that evaluating is a read; nothing is changed; a job without a
//! finished asset is counted, not guessed.

use std::sync::Arc;

use futures_util::stream::{Stream, StreamExt as _};

use crate::appearance::Appearance;
use crate::base::digest::Digest;
use crate::base::error::{Error, Result};
use crate::base::names::Name;
use crate::base::text;
use crate::campaign::job_name::JobName;
use crate::campaign::layout::Layout;
use crate::campaign::outcomes::{self, Verify};
use crate::campaign::plan_file;
use crate::campaign::sidecar::{Outcome, Sidecar};
use crate::eval::baseline::{self, Baseline, BaselineItem};
use crate::eval::evaluation::{Arm, Brief, DeliveryFacts, MakingFacts};
use crate::pipeline::scores::Scores;
use crate::plan::{CampaignId, Plan, PlanOutline};
use crate::store::{Key, Store};

/// One image, or a job that gave none.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The arm.
    pub arm: Arm,
    /// Its stem.
    pub id: String,
    /// The brief that it answers.
    pub brief: Brief,
    /// Its key; `None` if there is no image.
    pub image: Option<String>,
    /// SHA-256 of the image's file.
    pub sha256: Option<Digest>,
    /// Whether it counts.
    pub accepted: bool,
    /// Whether nothing could be made.
    pub failed: bool,
    /// Why it does not count.
    pub reasons: Vec<String>,
    /// What the evaluator says; `None` if it was not asked.
    pub scores: Option<Scores>,
    /// What it said of the first attempt, without the fingerprint.
    pub first: Option<Scores>,
    /// What the pixels say.
    pub looks: Option<Appearance>,
    /// Attempts and time, for images of the campaign.
    pub work: Option<MakingFacts>,
    /// Price, dates and licence, for bought images.
    pub delivery: Option<DeliveryFacts>,
    /// Under which licences it stands.
    pub licences: Vec<String>,
}

/// The plan of a campaign, by its id or, where only one campaign has it, its name.
pub async fn plan(store: &dyn Store, campaign: &str) -> Result<Plan> {
    plan_file::read(store, &Layout::of(&id(store, campaign).await?)).await
}

/// The outline of that plan.
pub async fn outline(store: &dyn Store, campaign: &str) -> Result<PlanOutline> {
    plan_file::outline(store, &Layout::of(&id(store, campaign).await?)).await
}

async fn id(store: &dyn Store, campaign: &str) -> Result<CampaignId> {
    match campaign.parse() {
        Ok(id) => Ok(id),
        Err(_) => named(store, campaign).await,
    }
}

/// Returns the id of the one campaign of this name.
async fn named(store: &dyn Store, name: &str) -> Result<CampaignId> {
    let shown = text::show(name);
    name.parse::<Name>().map_err(|_| {
        Error::invalid(format!("{shown} is neither a campaign's id nor its name"))
            .hint("such as spring-launch-0123456789ab, or spring-launch")
    })?;
    let keys = store.list(&Key::new("campaigns")?).await?;
    let of = |key: &Key| -> Option<CampaignId> {
        let id = key.as_str().strip_prefix("campaigns/")?.strip_suffix("/plan.json")?;
        id.parse().ok().filter(|_| id.rsplit_once('-').is_some_and(|(of, _)| of == name))
    };
    let mut found: Vec<CampaignId> = keys.iter().filter_map(of).collect();
    match (found.pop(), found.is_empty()) {
        (Some(id), true) => Ok(id),
        (None, _) => {
            Err(Error::invalid(format!("there is no campaign {shown}"))
                .hint("run it first, or name the folder with --out"))
        }
        (Some(id), false) => {
            found.push(id);
            let ids: Vec<&str> = found.iter().map(CampaignId::as_str).collect();
            Err(Error::invalid(format!("{} campaigns are called {shown}: {}", ids.len(), ids.join(", ")))
                .hint("name one by its id"))
        }
    }
}

/// Streams the outcome of every job of a campaign, in the plan's order; `None` for one that is not finished.
///
/// # Errors
///
/// Fails if the store cannot be listed; the stream's items fail if it cannot be read or a sidecar is damaged.
pub async fn campaign(
    store: &Arc<dyn Store>,
    plan: PlanOutline,
) -> Result<impl Stream<Item = Result<Option<Shown>>> + use<>> {
    let layout = Layout::of(&plan.campaign);
    let jobs = plan.jobs.into_iter().map(JobName::from).collect();
    let outcomes = outcomes::stream(store, &layout, jobs, Verify::Nothing).await?;
    Ok(outcomes.map(move |outcome| {
        let outcome = outcome?;
        match (outcome.sidecar, outcome.unusable.into_iter().next()) {
            (Some(sidecar), _) => Ok(Some(of_sidecar(&layout, *sidecar))),
            (None, Some(unusable)) => {
                Err(Error::invalid(unusable.reason).hint("run the campaign again: the asset is made again, the same"))
            }
            (None, None) => Ok(None),
        }
    }))
}

fn of_sidecar(layout: &Layout, sidecar: Sidecar) -> Shown {
    let image = sidecar.image.as_ref().map(|_| layout.image(sidecar.outcome.shelf(), &sidecar.job.stem).to_string());
    let encoder = sidecar.job.style_source.encoder.as_ref().map(|encoder| encoder.version.to_string());
    let work = MakingFacts {
        attempts: sidecar.attempts.len(),
        first_passed: sidecar.attempts.first().is_some_and(|attempt| attempt.passed),
        seconds: sidecar.timings.values().sum::<f64>() + 0.0,
        encoder,
    };
    let (scores, first) = (sidecar.chosen_scores().cloned(), sidecar.first_scores().map(Scores::said));
    let (sha256, looks) = sidecar.image.map(|image| (image.sha256, image.looks)).unzip();
    Shown {
        arm: Arm::InHouse,
        id: sidecar.job.stem.into(),
        brief: Brief { category: sidecar.job.category, style: sidecar.job.style },
        image,
        sha256,
        accepted: sidecar.outcome == Outcome::Accepted,
        failed: sidecar.outcome == Outcome::Failed,
        reasons: sidecar.reasons,
        scores,
        first,
        looks: looks.flatten(),
        work: Some(work),
        delivery: None,
        licences: sidecar.rights.into_iter().map(|right| right.licence).collect(),
    }
}

/// Every picture of a baseline, in the index' order.
pub fn baseline<'a>(store: &'a dyn Store, baseline: &'a Baseline) -> impl Stream<Item = Result<Shown>> + 'a {
    baseline.items(store).map(|item| of_item(&baseline.name, item?))
}

fn of_item(name: &Name, item: BaselineItem) -> Result<Shown> {
    Ok(Shown {
        arm: Arm::Outsourced,
        image: Some(baseline::image(name, &item.id)?.to_string()),
        id: item.id,
        brief: item.brief,
        sha256: Some(item.sha256),
        accepted: true,
        failed: false,
        reasons: Vec::new(),
        scores: Some(item.scores),
        first: None,
        looks: Some(item.looks),
        work: None,
        licences: vec![item.delivery.licence.clone()],
        delivery: Some(item.delivery),
    })
}
