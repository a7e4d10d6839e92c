//! What a promotion rests on: the candidate and what is in use now, drawn side by side.
//!
//! In: a version. Out: [`Measured`] scores of both. What always holds: both draw the same briefs from the same noise, things that
//! neither learned from; both are held against the candidate's references; nothing is drawn for what may not be promoted anyway, nor
//! with a version in use that may not be used any more: the stock encoder takes its place.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::Context;
use crate::base::digest::Digest;
use crate::base::error::{Error, Result};
use crate::base::names::BundleRef;
use crate::base::version::VersionId;
use crate::eval::stats::{Bootstrap, sign_flip};
use crate::pipeline::Bundle;
use crate::plan::Categories;
use crate::registry::ledger::Ledger;
use crate::registry::{Card, Measured, Registry};
use crate::store::Store;
use crate::train::measure::{self, Marks, Subject};

const HINT: &str = "compare the scores of their trainings with --recorded, or give a reason with --force --reason TEXT";

/// Draws with both and scores them.
pub fn measure(version: &VersionId, store: &Arc<dyn Store>, context: &Context) -> Result<Measured> {
    let registry = Registry::new(store.clone());
    let (card, weights, in_use, before) = context.block_on(async {
        let card = registry.card(version).await?;
        let revocations = Ledger::new(store.clone()).revocations().await?;
        if let Some(reason) = registry.barred(version, &revocations, &context.policy()).await? {
            return Err(Error::invalid(format!("{reason}; it cannot be promoted")).hint("train another without these pictures"));
        }
        let in_use = registry.promoted(&version.encoder()).await?;
        if in_use.as_ref() == Some(version) {
            return Err(Error::invalid(format!("{version} is promoted already")));
        }
        let before = match &in_use {
            Some(in_use) => registry.comparable(in_use, &revocations, &context.policy()).await?,
            None => None,
        };
        let before = match before {
            Some(card) => {
                let weights = registry.weights(&card).await?;
                Some((card, weights))
            }
            None => None,
        };
        let weights = registry.weights(&card).await?;
        Ok((card, weights, in_use, before))
    })?;
    if let Some((before, _)) = before.as_ref().filter(|(before, _)| before.base.digest != card.base.digest) {
        let message = format!("{} draws with another bundle than {version}; they cannot be compared", before.id);
        return Err(Error::invalid(message).hint(HINT));
    }
    let base = BundleRef { name: card.base.name.parse().map_err(Error::invalid)?, digest: Some(card.base.digest) };
    let bundle = context.bundle(&base)?;
    if bundle.manifest().spec.evaluator.is_none() {
        return Err(Error::invalid(format!("the bundle {} has no evaluator to compare with", base.name)).hint(HINT));
    }
    let mut pipeline = context.pipeline(&bundle)?;
    for (card, weights) in std::iter::once((&card, &weights)).chain(before.as_ref().map(|(card, weights)| (card, weights))) {
        pipeline.adopt(&card.weights, weights)?;
    }
    let before = before.map(|(card, _)| card);
    let briefs = briefs(&bundle, &card, before.as_ref());
    let whom = before.as_ref().map_or_else(|| "the stock encoder".to_owned(), |before| before.id.to_string());
    context.say(format!("drawing {} briefs with {version} and with {whom}, for the evaluator", briefs.len()));
    let mut draw = |asked: &Card, version: Option<&Digest>| {
        let subject = Subject {
            name: &asked.id.name,
            branch: asked.id.branch,
            prompt: &asked.prompt,
            style_scale: asked.settings.style_scale as f32,
            version,
            look: card.look.as_deref(),
        };
        measure::draw(&mut pipeline, &bundle, subject, &briefs.iter().map(String::as_str).collect::<Vec<_>>(), &|| false)
    };
    let candidate = draw(&card, Some(&card.weights))?;
    let other = match &before {
        Some(before) => draw(before, Some(&before.weights))?,
        None => draw(&card, None)?,
    };
    let notes = [
        paired("style", &candidate, &other, |marks| marks.style.or(marks.consistency)),
        paired("category", &candidate, &other, |marks| Some(marks.category)),
    ];
    Ok(Measured {
        in_use,
        candidate: measure::scores(&candidate),
        version: before.map(|before| before.id),
        other: measure::scores(&other),
        notes: notes.into_iter().flatten().collect(),
    })
}

/// Things that neither learned from; the bundle's other things only where these would be none.
fn briefs(bundle: &Bundle, card: &Card, before: Option<&Card>) -> Vec<String> {
    let facts = bundle.facts();
    let known = Categories::of(&facts);
    let lessons = card.pictures.iter().chain(before.into_iter().flat_map(|before| &before.pictures));
    let learned: BTreeSet<&str> = lessons.filter_map(|lesson| known.find(&lesson.category)).collect();
    let all: Vec<&str> = facts.categories.iter().map(String::as_str).collect();
    let unseen: Vec<&str> = all.iter().copied().filter(|category| !learned.contains(category)).collect();
    let chosen = if unseen.is_empty() { &all } else { &unseen };
    measure::briefs(chosen).into_iter().map(str::to_owned).collect()
}

/// How sure a difference is, brief by brief.
fn paired(what: &str, a: &[Option<Marks>], b: &[Option<Marks>], of: impl Fn(&Marks) -> Option<f64>) -> Option<String> {
    let both = a.iter().zip(b).filter_map(|(a, b)| Some(of(a.as_ref()?)? - of(b.as_ref()?)?));
    let differences: Vec<f64> = both.collect();
    let mean = differences.iter().sum::<f64>() / differences.len().max(1) as f64;
    let interval = Bootstrap { resamples: 10_000, confidence: 0.95, seed: 1 }.mean(&differences)?;
    let p = sign_flip(&differences, 10_000, 1);
    let (low, high, count) = (interval.low, interval.high, differences.len());
    Some(format!("{what} differs by {mean:+.3}, 95 % [{low:+.3}, {high:+.3}], p = {p:.3}, paired over {count} briefs"))
}
