//! Whether a version may be put to new use today: what it learned from is neither revoked nor expired.
//!
//! In: a version, the revocations, the house's policy. Out: the reason against it, or none. What always holds: the ledger's word
//! counts before the card's, since a contract may have been renewed or narrowed after training; a version also answers for its
//! ancestors.

use std::collections::BTreeSet;

use super::registry::Registry;
use crate::error::Result;
use crate::rights::{Grant, Ledger, Policy, Revocations, Ruling};
use crate::spec::VersionId;

impl Registry {
    /// Why a version must not be promoted, exported or returned to; none if nothing speaks against it.
    pub async fn barred(&self, version: &VersionId, revocations: &Revocations, policy: &Policy) -> Result<Option<String>> {
        if let Some(reason) = self.revoked(version, revocations).await? {
            return Ok(Some(reason));
        }
        let refused = |grant: Grant| match policy.judge(&grant) {
            (Ruling::Refused, reason) => Some(format!("{} from {}: {reason}", grant.licence, grant.source)),
            _ => None,
        };
        let reasons: Vec<String> = self.grants_today(version).await?.into_iter().filter_map(refused).collect();
        let more = if reasons.len() > 1 { format!(" (and {} more)", reasons.len() - 1) } else { String::new() };
        Ok(reasons.first().map(|first| format!("{version} learned from {first}{more}")))
    }

    /// The distinct rights in everything that a version learned from, itself or before it began. The card says what they were
    /// at training; what the ledger says has been renewed or narrowed since.
    pub async fn grants_today(&self, version: &VersionId) -> Result<Vec<Grant>> {
        let ledger = Ledger::new(self.store());
        let mut grants = BTreeSet::new();
        for card in self.lineage(version).await? {
            for lesson in &card.pictures {
                match ledger.entry(&lesson.sha256).await? {
                    Some(entry) => grants.extend([entry.grant]),
                    None => grants.extend(card.grants.iter().filter(|grant| grant.source == lesson.source).cloned()),
                }
            }
        }
        Ok(grants.into_iter().collect())
    }
}
