//! Checks whether a version may be used today: the rights in its training pictures are neither revoked, expired nor
//! refused by the policy.
//!
//! # Invariants
//!
//! The ledger's entry takes precedence over the card, because a contract may have been renewed or narrowed after
//! training. The training pictures of a version include those of its ancestors.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::digest::Digest;
use crate::base::error::Result;
use crate::base::version::VersionId;
use crate::registry::card::Card;
use crate::registry::ledger::{Entry, Ledger, Revocations};
use crate::registry::versions::Registry;
use crate::rights::{Grant, Policy, Ruling};

impl Registry {
    /// Returns why a version must not be used, promoted, exported or rolled back to; `None` if it may be.
    ///
    /// # Errors
    ///
    /// Fails if a card or an entry is missing or damaged, or if the store cannot be read.
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

    /// Returns the distinct rights in the training pictures of a version and its ancestors, as they are today: the
    /// card has them as of training, the ledger as renewed or narrowed since.
    ///
    /// # Errors
    ///
    /// Fails as [`Registry::barred`] does.
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

/// Returns the distinct rights in the pictures of these cards: from the ledger, or from the card if it has no entry.
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

/// Returns why the policy refuses these rights today; `None` if it allows all of them.
pub(super) fn refused(version: &VersionId, grants: &[Grant], policy: &Policy) -> Option<String> {
    let refused = |grant: &Grant| match policy.judge(grant) {
        (Ruling::Refused, reason) => Some(format!("{} from {}: {reason}", grant.licence, grant.source)),
        _ => None,
    };
    let reasons: Vec<String> = grants.iter().filter_map(refused).collect();
    let more = if reasons.len() > 1 { format!(" (and {} more)", reasons.len() - 1) } else { String::new() };
    reasons.first().map(|first| format!("{version} learned from {first}{more}"))
}
