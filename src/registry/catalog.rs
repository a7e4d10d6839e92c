//! Builds the [`StyleCatalog`] that planning chooses from: a bundle's styles, the versions trained for it, and what was
//! revoked.
//!
//! # Invariants
//!
//! A version whose card cannot be read or whose pictures were revoked is listed as unavailable with the reason, so that
//! a campaign that asks for it is told why and other styles can still be planned.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::digest::Digest;
use crate::base::error::Result;
use crate::base::version::{Branch, EncoderName, VersionId};
use crate::plan::{
    BundleFacts, EncoderRef, GrantSummary, MAX_GRANTS, StyleCatalog, StyleFacts, TrainedStyle, Unavailable,
};
use crate::registry::card::Card;
use crate::registry::ledger::{Ledger, Revocations};
use crate::registry::versions::Registry;
use crate::rights::{Grant, Policy, names_the_holder};

/// Largest number of names that a sentence lists.
const LISTED: usize = 4;

/// Builds the catalog of a bundle's styles, the registry's trained versions and the ledger's revocations.
///
/// # Errors
///
/// Fails if the store cannot be read; a damaged version only makes that version unavailable.
pub async fn style_catalog(
    registry: &Registry,
    ledger: &Ledger,
    facts: BundleFacts,
    policy: Policy,
) -> Result<StyleCatalog> {
    let revocations = ledger.revocations().await?;
    let revoked = facts.styles.iter().filter_map(|style| {
        let revocation = revocations.of_source(&style.source)?;
        Some((
            style.name.clone(),
            format!("the source of `{}`, {}, is {}", style.name, style.source, revocation.because()),
        ))
    });
    let revoked = revoked.collect();
    let (mut styles, mut category_encoders) = (Vec::new(), Vec::new());
    let mut promoted: BTreeMap<EncoderName, Result<Option<VersionId>, String>> = BTreeMap::new();
    for version in registry.versions().await? {
        let encoder = version.encoder();
        if !promoted.contains_key(&encoder) {
            let in_use = match registry.promoted(&encoder).await {
                Err(error) if error.is_about_the_input() => Err(error.chain()),
                read => Ok(read?),
            };
            promoted.insert(encoder.clone(), in_use);
        }
        let branch = version.branch;
        let trained = match promoted.get(&encoder) {
            // The promoted version is unknown, so neither a version nor the bundle's style of that name is offered.
            Some(Err(reason)) => unreadable(version, true, reason.clone()),
            in_use => {
                let in_use = matches!(in_use, Some(Ok(Some(in_use))) if *in_use == version);
                style(registry, &revocations, &facts, version, in_use).await?
            }
        };
        match branch {
            Branch::Style => styles.push(trained),
            Branch::Category => category_encoders.push(trained),
        }
    }
    Ok(StyleCatalog { bundle: facts, trained: styles, category_encoders, revoked, policy })
}

async fn style(
    registry: &Registry,
    revocations: &Revocations,
    facts: &BundleFacts,
    version: VersionId,
    promoted: bool,
) -> Result<TrainedStyle> {
    // A failing store fails the plan, which can be retried; a damaged card makes only this version unavailable.
    let card = match registry.look_up(&version).await? {
        Ok(card) => card,
        Err(error) => return Ok(unreadable(version, promoted, error.chain())),
    };
    let mut grants = card.grants.clone();
    let unavailable = if card.base.digest != facts.digest {
        let (name, digest) = (&card.base.name, &card.base.digest);
        Some(Unavailable::OtherBundle(format!(
            "{version} was trained for {name}@{digest}, the bundle here is {}@{}; train it again",
            facts.name, facts.digest
        )))
    } else {
        let judged = async {
            grants = registry.grants_today(&version).await?;
            registry.revoked(&version, revocations).await
        };
        match judged.await {
            Ok(reason) => reason.map(Unavailable::Unusable),
            Err(error) if error.is_about_the_input() => Some(Unavailable::Unusable(error.chain())),
            Err(error) => return Err(error),
        }
    };
    Ok(TrainedStyle { style: style_facts(&card, &grants), prompt: card.prompt, grants, promoted, unavailable })
}

/// Returns the facts of a version that a job carries.
fn style_facts(card: &Card, grants: &[Grant]) -> StyleFacts {
    let list = |of: fn(&Grant) -> &str| listed(grants.iter().map(of), LISTED);
    StyleFacts {
        name: card.id.name.to_string(),
        look: String::new(),
        licence: list(|grant| grant.licence.as_str()),
        holder: list(|grant| &grant.holder),
        source: list(|grant| &grant.source),
        attribution: attribution(card.id.branch, grants),
        encoder: Some(EncoderRef { version: card.id.clone(), digest: card.weights }),
        grants: carried(grants),
    }
}

/// Returns an unavailable style for a version of which only the name is known, with the reason.
fn unreadable(version: VersionId, promoted: bool, reason: String) -> TrainedStyle {
    let nothing = String::new;
    let style = StyleFacts {
        name: version.name.to_string(),
        look: nothing(),
        licence: nothing(),
        holder: nothing(),
        source: nothing(),
        attribution: nothing(),
        encoder: Some(EncoderRef { digest: Digest::of(""), version }),
        grants: Vec::new(),
    };
    TrainedStyle {
        style,
        prompt: nothing(),
        grants: Vec::new(),
        promoted,
        unavailable: Some(Unavailable::Unusable(reason)),
    }
}

/// Returns the attribution line that the licences require for generated images; empty if none does.
fn attribution(branch: Branch, grants: &[Grant]) -> String {
    let asks = |grant: &&Grant| names_the_holder(grant.licence.as_str());
    let names: Vec<String> = grants.iter().filter(asks).map(|g| format!("{} ({})", g.holder, g.licence)).collect();
    if names.is_empty() {
        return String::new();
    }
    format!(
        "{} learned from drawings by {}",
        if branch == Branch::Style { "Style" } else { "Things" },
        listed(names.iter().map(String::as_str), MAX_GRANTS)
    )
}

/// Joins the distinct names for a sentence, listing `most` of them and the number of the rest.
fn listed<'a>(names: impl Iterator<Item = &'a str>, most: usize) -> String {
    let names: BTreeSet<&str> = names.collect();
    let more = if names.len() > most { format!(" and {} more", names.len() - most) } else { String::new() };
    names.into_iter().take(most).collect::<Vec<_>>().join(", ") + &more
}

/// Returns at most [`MAX_GRANTS`] grants for a job to carry; if there are more, the last one summarises the rest.
fn carried(grants: &[Grant]) -> Vec<GrantSummary> {
    if grants.len() <= MAX_GRANTS {
        return grants.iter().map(GrantSummary::from).collect();
    }
    let (named, rest) = grants.split_at(MAX_GRANTS - 1);
    let last = GrantSummary {
        source: format!("{} more sources; the version's card names them", rest.len()),
        licence: listed(rest.iter().map(|grant| grant.licence.as_str()), LISTED),
        holder: listed(rest.iter().map(|grant| grant.holder.as_str()), LISTED),
        evidence: None,
        terms: crate::rights::Terms::of(rest),
    };
    named.iter().map(GrantSummary::from).chain([last]).collect()
}
