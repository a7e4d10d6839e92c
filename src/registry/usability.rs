//! Whether a version may be put to new use today: what it learned from is neither revoked nor expired.
//!
//! Takes a version, the revocations, the house's policy. Returns the reason against it, or none.
//!
//! # Invariants
//!
//! The ledger's word counts before the card's, since a contract may have been renewed or narrowed after training; a
//! version also answers for its ancestors.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::digest::Digest;
use crate::base::error::Result;
use crate::base::version::VersionId;
use crate::registry::card::Card;
use crate::registry::ledger::{Entry, Ledger, Revocations};
use crate::registry::versions::Registry;
use crate::rights::{Grant, Policy, Ruling};

impl Registry {
    /// Why a version must not be drawn with, promoted, exported or returned to; none if nothing speaks against it.
    pub async fn barred(
        &self,
        version: &VersionId,
        revocations: &Revocations,
        policy: &Policy,
    ) -> Result<Option<String>> {
        match self.revoked(version, revocations).await? {
            Some(reason) => Ok(Some(reason)),
            None => Ok(refused(version, &self.grants_today(version).await?, policy)),
        }
    }

    /// The distinct rights in everything that a version learned from, itself or before it began. The card says what
    /// they were at training; what the ledger says has been renewed or narrowed since.
    pub(crate) async fn grants_today(&self, version: &VersionId) -> Result<Vec<Grant>> {
        let (lineage, ledger) = (self.lineage(version).await?, Ledger::new(self.store()));
        let pictures: BTreeSet<Digest> =
            lineage.iter().flat_map(|card| &card.pictures).map(|picture| picture.sha256).collect();
        let mut entries = BTreeMap::new();
        for entry in ledger.entries(pictures.into_iter().collect()).await? {
            entries.extend(entry?.map(|entry| (entry.sha256, entry)));
        }
        Ok(grants(&lineage.iter().collect::<Vec<_>>(), &entries))
    }
}

/// The distinct rights in what these cards learned from: the ledger's word, or the card's where the ledger has none.
pub(super) fn grants(lineage: &[&Card], entries: &BTreeMap<Digest, Entry>) -> Vec<Grant> {
    let mut grants = BTreeSet::new();
    for card in lineage {
        for lesson in &card.pictures {
            match entries.get(&lesson.sha256) {
                Some(entry) => grants.extend([&entry.grant]),
                None => grants.extend(card.grants.iter().filter(|grant| grant.source == lesson.source)),
            }
        }
    }
    grants.into_iter().cloned().collect()
}

/// Why the house's policy refuses these rights today.
pub(super) fn refused(version: &VersionId, grants: &[Grant], policy: &Policy) -> Option<String> {
    let refused = |grant: &Grant| match policy.judge(grant) {
        (Ruling::Refused, reason) => Some(format!("{} from {}: {reason}", grant.licence, grant.source)),
        _ => None,
    };
    let reasons: Vec<String> = grants.iter().filter_map(refused).collect();
    let more = if reasons.len() > 1 { format!(" (and {} more)", reasons.len() - 1) } else { String::new() };
    reasons.first().map(|first| format!("{version} learned from {first}{more}"))
}
