//! A plan in short: what finding its images takes, without the prompts and licences that make up most of it.

use serde::Deserialize;

use super::ids::{CampaignId, JobId};
use crate::base::digest::Digest;
use crate::base::names::Name;
use crate::base::stem::Stem;
use crate::spec::Gate;

/// A plan in short; reads the JSON of a [`super::Plan`].
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct PlanOutline {
    /// The campaign's id.
    pub campaign: CampaignId,
    /// The bundle it is planned for.
    pub bundle: Name,
    /// That bundle's digest.
    pub digest: Digest,
    /// Every image, in the campaign's order.
    pub jobs: Vec<JobOutline>,
}

/// A job in short.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct JobOutline {
    /// Hash of all that decides the image.
    pub id: JobId,
    /// Its files' stem.
    pub stem: Stem,
    /// Which scores it must reach.
    pub gate: Gate,
}
