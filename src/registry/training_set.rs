//! From references to lessons: the rights of every picture are settled before it is learned from. Pure.
//!
//! Takes a style set, its references, the policy and the revocations. Returns what the card and the ledger will say,
//! or every picture that is refused, by name and with the line that claims it.
//!
//! # Invariants
//!
//! One refused picture refuses the set.

use std::collections::BTreeSet;

use crate::base::time::Timestamp;
use crate::base::version::EncoderName;
use crate::registry::card::TrainingImage;
use crate::registry::ledger::{Entry, Revocations};
use crate::rights::{Grant, Policy};
use crate::spec::{Problem, Reference, StyleSet};

/// Pictures whose rights are settled, in the references' order.
#[derive(Clone, Debug, PartialEq)]
pub struct ClearedImages {
    /// What the card says of each.
    pub lessons: Vec<TrainingImage>,
    /// The distinct rights in them.
    pub grants: Vec<Grant>,
    /// What the ledger shall say of each; hand it to [`crate::registry::ledger::Ledger::record`] before training
    /// begins.
    pub entries: Vec<Entry>,
}

/// Settles the rights of every picture of a style set.
///
/// # Errors
///
/// Fails with every picture that may not be learned from, by name and place.
pub fn clear(
    set: &StyleSet,
    references: &[Reference],
    policy: &Policy,
    revocations: &Revocations,
    now: Timestamp,
) -> Result<ClearedImages, Vec<Problem>> {
    let encoder = EncoderName { branch: set.branch, name: set.name.clone() };
    let (mut lessons, mut entries, mut grants, mut problems) = (Vec::new(), Vec::new(), BTreeSet::new(), Vec::new());
    for reference in references {
        let Reference { file, sha256, category, style, .. } = reference;
        let grant = match admit(reference, policy, revocations) {
            Ok(grant) => grant,
            Err(reason) => {
                let path = format!("spec.images[{}]", reference.entry);
                problems.push(set.problem(&path, format!("{file} {reason}"), None));
                continue;
            }
        };
        lessons.push(TrainingImage {
            sha256: *sha256,
            file: file.clone(),
            category: category.clone(),
            style: style.as_ref().map(ToString::to_string),
            source: grant.source.clone(),
            licence: grant.licence.clone(),
        });
        entries.push(Entry {
            sha256: *sha256,
            file: file.clone(),
            encoder: encoder.clone(),
            grant: grant.clone(),
            recorded_at: now,
        });
        grants.insert(grant);
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(ClearedImages { lessons, grants: grants.into_iter().collect(), entries })
}

/// Returns the grant of one picture.
///
/// # Errors
///
/// Fails with the reason if it must not be learned from.
pub fn admit(reference: &Reference, policy: &Policy, revocations: &Revocations) -> Result<Grant, String> {
    let grant = policy.admit(&reference.claim)?;
    match revocations.of(&reference.sha256, &grant.source) {
        Some(revocation) => Err(format!("is {}", revocation.because())),
        None => Ok(grant),
    }
}
