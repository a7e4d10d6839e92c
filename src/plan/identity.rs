//! Hashes canonical JSON into ids and seeds, so that the same request is the same job on every machine and in every
//! release.
//!
//! A job's id hashes all that decides its image. A campaign's id hashes its jobs: what is made, and how it is named. So
//! the same images are the same campaign, whoever answers for it, whatever it may cost, at whichever priority, for
//! whichever use and in whatever order they are asked for; and a campaign that is changed is another one exactly when
//! an image or a name in its folder would be.
//!
//! # Invariants
//!
//! The JSON is versioned and its fields stand in the order written here. Changing anything of it makes every finished
//! image unknown, so it changes only together with its version; a test pins the values.

use serde::Serialize;

use super::ids::{CampaignId, JobId};
use super::prompts::Prompts;
use crate::base::digest::Digest;
use crate::base::error::Result;
use crate::base::json;
use crate::base::names::Name;
use crate::spec::{Format, Gate, Guidance, Sampler};

/// Version of what is hashed for a job.
const JOB_VERSION: u32 = 1;
/// Version of what is hashed for a campaign. Until 1 it was the campaign as written, which made everything again when
/// its owner changed.
const CAMPAIGN_VERSION: u32 = 2;

/// All that decides a job's image, and nothing else.
#[derive(Serialize)]
pub(super) struct JobIdentity<'a> {
    version: u32,
    bundle: &'a Digest,
    /// Digests of the trained style encoder in use; `None` without one, as it was before there were any.
    encoders: Option<[&'a Digest; 1]>,
    category: &'a str,
    style: &'a str,
    index: u32,
    seed: u64,
    prompts: &'a Prompts,
    size: u32,
    sampler: &'a Sampler,
    guidance: &'a Guidance,
    gate: &'a Gate,
    /// Digest of the trained category encoder; left out without one, as it was before there were any.
    #[serde(skip_serializing_if = "Option::is_none")]
    category_encoder: Option<&'a Digest>,
}

/// What a [`JobIdentity`] is made of, by name.
pub(super) struct JobInputs<'a> {
    pub(super) bundle: &'a Digest,
    pub(super) style_encoder: Option<&'a Digest>,
    pub(super) category_encoder: Option<&'a Digest>,
    pub(super) category: &'a str,
    pub(super) style: &'a str,
    pub(super) index: u32,
    /// The campaign's seed.
    pub(super) seed: u64,
    pub(super) prompts: &'a Prompts,
    pub(super) size: u32,
    pub(super) sampler: &'a Sampler,
    pub(super) guidance: &'a Guidance,
    pub(super) gate: &'a Gate,
}

impl<'a> JobIdentity<'a> {
    pub(super) fn new(inputs: JobInputs<'a>) -> Self {
        Self {
            version: JOB_VERSION,
            bundle: inputs.bundle,
            encoders: inputs.style_encoder.map(|digest| [digest]),
            category: inputs.category,
            style: inputs.style,
            index: inputs.index,
            seed: inputs.seed,
            prompts: inputs.prompts,
            size: inputs.size,
            sampler: inputs.sampler,
            guidance: inputs.guidance,
            gate: inputs.gate,
            category_encoder: inputs.category_encoder,
        }
    }

    pub(super) fn id(&self) -> Result<JobId> {
        canonical(self).map(JobId::new)
    }

    /// Returns the job's own seed. It derives from the campaign's seed and from which image it is (category, style,
    /// index), not from how it is drawn: two guidance settings then start from the same noise and can be compared.
    pub(super) fn seed(&self) -> Result<u64> {
        let image = ("housestyle/seed", JOB_VERSION, self.seed, self.category, self.style, self.index);
        Ok(canonical(&image)?.leading_u64() >> 11)
    }
}

/// Returns the id of the campaign of this name that makes these images: the id, stem and format of each.
///
/// Owner, labels, priority, budget and rights make no difference, nor do comments, layout, order and defaults written
/// out or left out; another version promoted meanwhile does.
pub(super) fn campaign_id<'a>(
    name: &Name,
    made: impl Iterator<Item = (&'a JobId, &'a str, Format)>,
) -> Result<CampaignId> {
    let mut made: Vec<_> = made.collect();
    made.sort_unstable_by_key(|(id, ..)| *id);
    Ok(CampaignId::new(name, canonical(&("housestyle/campaign", CAMPAIGN_VERSION, made))?))
}

/// Hashes a value's JSON: our types serialise in their fields' order.
fn canonical(value: &impl Serialize) -> Result<Digest> {
    Ok(Digest::of(json::to_vec("what an id is made of", value)?))
}
