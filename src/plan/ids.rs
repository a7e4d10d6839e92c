//! The ids of jobs and campaigns, as texts that are checked once.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::base::checked_text::text_conversions;
use crate::base::digest::Digest;
use crate::base::names::Name;
use crate::base::{hex, limits};

/// Digits of a campaign's hash in its id.
const CAMPAIGN_DIGITS: usize = 12;

/// A job's id: 64 hex digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct JobId(String);

impl JobId {
    /// Makes the id of the job that hashes to `digest`.
    pub(super) fn new(digest: Digest) -> Self {
        Self(digest.hex())
    }

    /// Returns the whole id.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns its first eight digits, for file names and people.
    pub fn short(&self) -> &str {
        &self.0[..8]
    }
}

impl FromStr for JobId {
    type Err = String;

    fn from_str(id: &str) -> Result<Self, String> {
        if hex::is_hex(id, 64) { Ok(Self(id.into())) } else { Err("a job's id has 64 hex digits".into()) }
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text_conversions!(JobId);

/// A campaign's id, `<name>-<12 hex>`: its name and a hash of what it makes. It is also the name of the campaign's
/// folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CampaignId(String);

impl CampaignId {
    /// Makes the id of the campaign of this name whose jobs hash to `digest`.
    pub(super) fn new(name: &Name, digest: Digest) -> Self {
        Self(format!("{name}-{}", &digest.hex()[..CAMPAIGN_DIGITS]))
    }

    /// Returns the id's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for CampaignId {
    type Err = String;

    fn from_str(id: &str) -> Result<Self, String> {
        let fits = |(name, hash): (&str, &str)| name.parse::<Name>().is_ok() && hex::is_hex(hash, CAMPAIGN_DIGITS);
        if id.len() <= limits::NAME + 1 + CAMPAIGN_DIGITS && id.rsplit_once('-').is_some_and(fits) {
            Ok(Self(id.into()))
        } else {
            Err("a campaign's id is its name, a dash and 12 hex digits".into())
        }
    }
}

impl fmt::Display for CampaignId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text_conversions!(CampaignId);
