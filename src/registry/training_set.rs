//! Checks the rights of every picture of a style set before an encoder is trained on it. Pure.
//!
//! The result is what the card and the ledger record, or every refused picture with the line that claims its rights.
//!
//! # Invariants
//!
//! One refused picture makes the whole set refused.

use std::collections::BTreeSet;

use crate::base::time::Timestamp;
use crate::base::version::EncoderName;
use crate::registry::card::TrainingImage;
use crate::registry::ledger::{Entry, Revocations};
use crate::rights::{Grant, Policy};
use crate::spec::{Problem, Reference, StyleSet};

/// Pictures that may be trained on, in the references' order.
#[derive(Clone, Debug, PartialEq)]
pub struct ClearedImages {
    /// The card's record of each picture.
    pub lessons: Vec<TrainingImage>,
    /// The distinct rights in the pictures.
    pub grants: Vec<Grant>,
    /// The ledger's entry for each picture; pass them to [`crate::registry::ledger::Ledger::record`] before training.
    pub entries: Vec<Entry>,
}

/// Checks the rights of every picture of a style set.
///
/// # Errors
///
/// Fails with every picture that must not be trained on, by name and place in the style set.
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
/// Fails with the reason if the picture must not be trained on.
pub fn admit(reference: &Reference, policy: &Policy, revocations: &Revocations) -> Result<Grant, String> {
    let grant = policy.admit(&reference.claim)?;
    match revocations.of(&reference.sha256, &grant.source) {
        Some(revocation) => Err(format!("is {}", revocation.because())),
        None => Ok(grant),
    }
}
