//! Ids and seeds: hashes of canonical JSON, so that the same request is the same job everywhere and for ever.
//!
//! What always holds: the JSON is versioned and its fields stand in the order written here. Changing anything of it makes
//! every finished image unknown, so it changes only together with [`VERSION`]; a test pins the values.

use super::{BundleFacts, Prompts, StyleFacts};
use crate::spec::{Campaign, Digest, Gate, Guidance, Name, Sampler, limits};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Version of what is hashed.
const VERSION: u32 = 1;

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
}

impl<'a> Identity<'a> {
    pub(super) fn new(
        campaign: &'a Campaign,
        facts: &'a BundleFacts,
        prompts: &'a Prompts,
        category: &'a str,
        style: &'a StyleFacts,
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
        }
    }

    pub(super) fn id(&self) -> JobId {
        JobId(canonical(self).hex().into())
    }

    /// The job's own seed. It derives from the campaign's seed and from which image it is (category, style, index), not
    /// from how it is drawn: two guidance settings then start from the same noise and can be compared.
    pub(super) fn seed(&self) -> u64 {
        let digest = canonical(&("housestyle/seed", VERSION, self.seed, self.category, self.style, self.index));
        u64::from_str_radix(&digest.hex()[..16], 16).unwrap_or_default() >> 11
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

/// A campaign's id, `<name>-<12 hex>`: its name and a hash of what it asks for and of whom. Also its folder's name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CampaignId(String);

impl CampaignId {
    /// The id of `campaign` on the bundle with this digest and with these trained encoders. Comments, layout, order of keys
    /// and defaults written out or left out make no difference; another version promoted meanwhile does.
    pub(super) fn of(campaign: &Campaign, bundle: &Digest, encoders: &[&Digest]) -> Self {
        let digest = match encoders {
            [] => canonical(&("housestyle/campaign", VERSION, campaign, bundle)),
            encoders => canonical(&("housestyle/campaign", VERSION, campaign, bundle, encoders)),
        };
        Self(format!("{}-{}", campaign.name, &digest.hex()[..12]))
    }

    /// The id's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

impl TryFrom<String> for JobId {
    type Error = String;

    fn try_from(id: String) -> Result<Self, String> {
        if is_hex(&id, 64) { Ok(Self(id)) } else { Err("a job's id has 64 hex digits".into()) }
    }
}

impl TryFrom<String> for CampaignId {
    type Error = String;

    fn try_from(id: String) -> Result<Self, String> {
        let fits = |(name, hash): (&str, &str)| name.parse::<Name>().is_ok() && is_hex(hash, 12);
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
