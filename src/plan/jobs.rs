//! Makes the jobs of a campaign: every category × style × count of its assets.

use std::collections::BTreeMap;

use super::catalog::{AvailableStyle, StyleCatalog, TrainedStyle};
use super::categories::Categories;
use super::identity::{JobIdentity, JobInputs, campaign_id};
use super::ids::{CampaignId, JobId};
use super::job::Job;
use super::prompts::Prompts;
use crate::base::error::{Error, Result as Outcome};
use crate::base::stem::Stem;
use crate::base::text;
use crate::spec::{AssetSpec, Campaign, Problem};

/// The jobs of a campaign, with the id that follows from them.
pub(super) struct Jobs {
    pub(super) campaign: CampaignId,
    pub(super) jobs: Vec<Job>,
}

/// Makes the jobs of a campaign that the catalog can serve, or tells the problems that show only in the whole list:
/// images that are asked for twice, and names that two images would share.
pub(super) fn jobs(campaign: &Campaign, catalog: &StyleCatalog) -> Result<Jobs, Vec<Problem>> {
    let unhashed = |error: &Error| vec![campaign.problem("spec", error.chain(), None)];
    let images = images(campaign, catalog).map_err(|error| unhashed(&error))?;
    let problems = repeated(campaign, &images);
    if !problems.is_empty() {
        return Err(problems);
    }
    let made = images.iter().map(|image| (&image.id, image.stem.as_str(), campaign.output.format));
    let id = campaign_id(&campaign.name, made).map_err(|error| unhashed(&error))?;
    let jobs = images.into_iter().map(|image| image.into_job(campaign, catalog, &id)).collect();
    Ok(Jobs { campaign: id, jobs })
}

/// An image that is asked for, hashed and named.
struct Image<'a> {
    /// Which entry of `spec.assets` asks for it.
    asset: usize,
    request: ImageRequest<'a>,
    prompts: Prompts,
    size: u32,
    id: JobId,
    seed: u64,
    stem: Stem,
}

/// Which image is asked for.
#[derive(Clone, Copy)]
struct ImageRequest<'a> {
    category: &'a str,
    style: AvailableStyle<'a>,
    category_encoder: Option<&'a TrainedStyle>,
    /// From 1.
    index: u32,
}

/// Every image that the campaign asks for, in its order.
fn images<'a>(campaign: &'a Campaign, catalog: &'a StyleCatalog) -> Outcome<Vec<Image<'a>>> {
    let (categories, styles) = (Categories::of(&catalog.bundle), catalog.styles_for(campaign));
    let category_encoder = catalog.category_encoder_for(campaign);
    let mut images = Vec::new();
    for (i, asset) in campaign.assets.iter().enumerate() {
        for category in asset.categories.iter().filter_map(|category| categories.find(category)) {
            for &style in &styles {
                for index in 1..=asset.count {
                    let request = ImageRequest { category, style, category_encoder, index };
                    images.push(image(campaign, catalog, (i, asset), request)?);
                }
            }
        }
    }
    Ok(images)
}

fn image<'a>(
    campaign: &'a Campaign,
    catalog: &'a StyleCatalog,
    (entry, asset): (usize, &AssetSpec),
    request: ImageRequest<'a>,
) -> Outcome<Image<'a>> {
    let ImageRequest { category, style, category_encoder, index } = request;
    let prompts = Prompts::of(asset, &catalog.bundle, category, style, category_encoder);
    let size = asset.size.or_else(|| catalog.bundle.sizes.first().copied()).unwrap_or_default();
    let identity = JobIdentity::new(JobInputs {
        bundle: &catalog.bundle.digest,
        style_encoder: style.style.encoder.as_ref().map(|encoder| &encoder.digest),
        category_encoder: category_encoder
            .and_then(|trained| trained.style.encoder.as_ref())
            .map(|encoder| &encoder.digest),
        category,
        style: &style.style.name,
        index,
        seed: campaign.seed,
        prompts: &prompts,
        size,
        sampler: &campaign.sampler,
        guidance: &campaign.guidance,
        gate: &campaign.gate,
    });
    let (id, seed) = (identity.id()?, identity.seed()?);
    let (number, edge) = (index.to_string(), size.to_string());
    let values = [
        ("category", category),
        ("style", &style.style.name),
        ("index", &number),
        ("size", &edge),
        ("campaign", campaign.name.as_str()),
    ];
    let stem = Stem::of(&format!("{}-{}", campaign.output.name.stem(&values), id.short()));
    Ok(Image { asset: entry, request, prompts, size, id, seed, stem })
}

/// Tells the images that are asked for twice, and the names that two images would share.
fn repeated(campaign: &Campaign, images: &[Image<'_>]) -> Vec<Problem> {
    let (mut ids, mut stems, mut problems) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
    for image in images {
        if let Some(before) = ids.insert(&image.id, image.asset) {
            let reason = format!(
                "asks for {} in `{}` just as spec.assets[{before}] does; raise its `count` instead",
                text::show(image.request.category),
                image.request.style.style.name
            );
            problems.push(campaign.problem(&format!("spec.assets[{}]", image.asset), reason, None));
        } else if stems.insert(&image.stem, image.asset).is_some() {
            let reason =
                format!("two images would both be named {}; name them by category, style and index", image.stem);
            problems.push(campaign.problem("spec.output.name", reason, Some("`{category}-{style}-{index}`".into())));
        }
    }
    // One sentence for each pair of groups is enough, however many images they share.
    problems.dedup_by(|a, b| a.path == b.path);
    problems
}

impl Image<'_> {
    fn into_job(self, campaign: &Campaign, catalog: &StyleCatalog, id: &CampaignId) -> Job {
        let ImageRequest { category, style, category_encoder, index } = self.request;
        Job {
            id: self.id,
            campaign: id.clone(),
            stem: self.stem,
            category: category.into(),
            style: style.style.name.clone(),
            index,
            prompts: self.prompts,
            seed: self.seed,
            size: self.size,
            sampler: campaign.sampler.clone(),
            guidance: campaign.guidance.clone(),
            gate: campaign.gate.clone(),
            format: campaign.output.format,
            bundle: catalog.bundle.digest,
            priority: campaign.priority,
            style_source: style.style.clone(),
            category_encoder: category_encoder.map(|trained| trained.style.clone()),
        }
    }
}
