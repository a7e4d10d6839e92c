//! Ids and seeds: hashes of canonical JSON, so that the same request is the same job everywhere and for ever.
//!
//! A job's id hashes all that decides its image. A campaign's id hashes its jobs: what is made, and how it is named. So the
//! same images are the same campaign, whoever answers for it, whatever it may cost, in whichever lane of the queue, for
//! whichever use and in whatever order they are asked for; and a campaign that is changed is another one exactly when an
//! image or a name in its folder would be.
//!
//! What always holds: the JSON is versioned and its fields stand in the order written here. Changing anything of it makes
//! every finished image unknown, so it changes only together with its version; a test pins the values.

use super::{BundleFacts, Job, Prompts, StyleFacts};
use crate::base::digest::Digest;
use crate::base::names::Name;
use crate::base::{hex, limits};
use crate::spec::{Campaign, Format, Gate, Guidance, Sampler};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Version of what is hashed for a job.
const VERSION: u32 = 1;
/// Version of what is hashed for a campaign. Until 1 it was the campaign as written, which made everything again when its
/// owner changed.
const CAMPAIGN_VERSION: u32 = 2;

/// All that decides a job's image, and nothing else.
#[derive(Serialize)]
pub(super) struct Identity<'a> {
    version: u32,
    bundle: &'a Digest,
    /// Digests of the trained encoders in use; `None` without one, as it was before there were any.
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
    /// Digest of the trained category encoder; not there without one, as it was before there were any.
    #[serde(skip_serializing_if = "Option::is_none")]
    category_encoder: Option<&'a Digest>,
}

impl<'a> Identity<'a> {
    #[allow(clippy::too_many_arguments, reason = "it is the one place where all that decides an image comes together")]
    pub(super) fn new(
        campaign: &'a Campaign,
        facts: &'a BundleFacts,
        prompts: &'a Prompts,
        category: &'a str,
        style: &'a StyleFacts,
        reader: Option<&'a StyleFacts>,
        index: u32,
        size: u32,
    ) -> Self {
        let (sampler, guidance, gate) = (&campaign.sampler, &campaign.guidance, &campaign.gate);
        Self {
            version: VERSION,
            bundle: &facts.digest,
            encoders: style.encoder.as_ref().map(|encoder| [&encoder.digest]),
            category,
            style: &style.name,
            index,
            seed: campaign.seed,
            prompts,
            size,
            sampler,
            guidance,
            gate,
            category_encoder: reader.and_then(|reader| reader.encoder.as_ref()).map(|encoder| &encoder.digest),
        }
    }

    pub(super) fn id(&self) -> JobId {
        JobId(canonical(self).hex())
    }

    /// The job's own seed. It derives from the campaign's seed and from which image it is (category, style, index), not
    /// from how it is drawn: two guidance settings then start from the same noise and can be compared.
    pub(super) fn seed(&self) -> u64 {
        canonical(&("housestyle/seed", VERSION, self.seed, self.category, self.style, self.index)).leading_u64() >> 11
    }
}

/// The digest of a value's JSON. Our types serialise in their fields' order, without a failing case.
fn canonical(value: &impl Serialize) -> Digest {
    Digest::of(serde_json::to_vec(value).unwrap_or_default())
}

/// A job's id: 64 hex digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct JobId(String);

impl JobId {
    /// The whole id.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its first eight digits, for file names and people.
    pub fn short(&self) -> &str {
        &self.0[..8]
    }
}

/// A campaign's id, `<name>-<12 hex>`: its name and a hash of what it makes. Also its folder's name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CampaignId(String);

impl CampaignId {
    /// The id of the campaign of this name that makes these jobs. Owner, labels, priority, budget and rights make no
    /// difference, nor do comments, layout, order and defaults written out or left out; another version promoted meanwhile
    /// does.
    pub(super) fn of(name: &Name, jobs: &[Job]) -> Self {
        let mut made: Vec<(&JobId, &str, Format)> = jobs.iter().map(|job| (&job.id, job.stem.as_str(), job.format)).collect();
        made.sort_unstable_by_key(|(id, ..)| *id);
        let digest = canonical(&("housestyle/campaign", CAMPAIGN_VERSION, made));
        Self(format!("{name}-{}", &digest.hex()[..12]))
    }

    /// The id's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for JobId {
    type Error = String;

    fn try_from(id: String) -> Result<Self, String> {
        if hex::is_hex(&id, 64) { Ok(Self(id)) } else { Err("a job's id has 64 hex digits".into()) }
    }
}

impl TryFrom<String> for CampaignId {
    type Error = String;

    fn try_from(id: String) -> Result<Self, String> {
        let fits = |(name, hash): (&str, &str)| name.parse::<Name>().is_ok() && hex::is_hex(hash, 12);
        match id.len() <= limits::NAME + 13 && id.rsplit_once('-').is_some_and(fits) {
            true => Ok(Self(id)),
            false => Err("a campaign's id is its name, a dash and 12 hex digits".into()),
        }
    }
}

impl From<JobId> for String {
    fn from(id: JobId) -> String {
        id.0
    }
}

impl From<CampaignId> for String {
    fn from(id: CampaignId) -> String {
        id.0
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for CampaignId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for CampaignId {
    type Err = String;

    fn from_str(id: &str) -> Result<Self, String> {
        id.to_owned().try_into()
    }
}
