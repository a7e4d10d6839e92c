//! Measures the evidence for a promotion: the candidate and the version in use draw the same briefs.
//!
//! # Invariants
//! Both draw from the same noise and categories that neither was trained on, and both are compared with the
//! candidate's references. Nothing is drawn for a version that may not be promoted anyway. If the version in use may
//! not be used any more, the stock encoder is drawn with instead.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;

use crate::app::progress::Progress;
use crate::app::resources::App;
use crate::base::digest::Digest;
use crate::base::error::{Error, Result};
use crate::base::version::VersionId;
use crate::eval::stats::{Bootstrap, sign_flip};
use crate::io::blocking;
use crate::pipeline::Bundle;
use crate::plan::Categories;
use crate::registry::ledger::Ledger;
use crate::registry::{Card, MeasuredComparison, Registry};
use crate::store::Store;
use crate::train::measure::{self, MeasuredEncoder, PictureMarks};

const HINT: &str =
    "compare the scores recorded at training with --recorded, or give a reason with --force --reason TEXT";

/// A version with its weights loaded.
struct LoadedVersion {
    card: Card,
    weights: Bytes,
}

/// The versions to compare.
struct Contest {
    candidate: LoadedVersion,
    /// The version in use.
    in_use: Option<VersionId>,
    /// The version in use with its weights, if it may still be used.
    before: Option<LoadedVersion>,
}

impl App {
    /// Draws with a candidate and with the version in use, and scores both.
    ///
    /// # Errors
    /// Returns an error if the candidate may not be promoted, the two cannot be compared, or store or models cannot
    /// be used.
    pub(in crate::app) async fn measure_candidate(
        &self,
        version: &VersionId,
        store: &Arc<dyn Store>,
    ) -> Result<MeasuredComparison> {
        let contest = self.load_contest(version, store).await?;
        let card = &contest.candidate.card;
        if let Some(before) = contest.before.as_ref().filter(|before| before.card.base.digest != card.base.digest) {
            let message =
                format!("{} draws with another bundle than {version}; they cannot be compared", before.card.id);
            return Err(Error::invalid(message).hint(HINT));
        }
        let bundle = self.bundle(&card.base.reference()).await?;
        if bundle.manifest().spec.evaluator.is_none() {
            return Err(
                Error::invalid(format!("the bundle {} has no evaluator to compare with", card.base.name)).hint(HINT)
            );
        }
        let app = self.clone();
        blocking(move || app.compare_versions(&bundle, contest)).await
    }

    async fn load_contest(&self, version: &VersionId, store: &Arc<dyn Store>) -> Result<Contest> {
        let registry = Registry::new(store.clone());
        let card = registry.card(version).await?;
        let revocations = Ledger::new(store.clone()).revocations().await?;
        if let Some(reason) = registry.barred(version, &revocations, &self.policy()).await? {
            return Err(Error::invalid(format!("{reason}; it cannot be promoted"))
                .hint("train another version without these pictures"));
        }
        let in_use = registry.promoted(&version.encoder()).await?;
        if in_use.as_ref() == Some(version) {
            return Err(Error::invalid(format!("{version} is promoted already")));
        }
        let before = match &in_use {
            Some(in_use) => registry.comparable(in_use, &revocations, &self.policy()).await?,
            None => None,
        };
        let before = match before {
            Some(card) => Some(LoadedVersion { weights: registry.weights(&card).await?, card }),
            None => None,
        };
        let weights = registry.weights(&card).await?;
        Ok(Contest { candidate: LoadedVersion { card, weights }, in_use, before })
    }

    /// Draws with both versions and scores the images. Blocks.
    fn compare_versions(&self, bundle: &Bundle, contest: Contest) -> Result<MeasuredComparison> {
        let Contest { candidate, in_use, before } = contest;
        let mut pipeline = self.load_pipeline(bundle)?;
        for LoadedVersion { card, weights } in std::iter::once(&candidate).chain(&before) {
            pipeline.adopt(&card.weights, weights)?;
        }
        let (card, before) = (candidate.card, before.map(|before| before.card));
        let briefs = briefs(bundle, &card, before.as_ref());
        self.report(&Progress::ComparingVersions {
            briefs: briefs.len(),
            candidate: &card.id,
            other: before.as_ref().map(|before| &before.id),
        });
        let mut draw = |asked: &Card, version: Option<&Digest>| {
            let subject = MeasuredEncoder {
                name: &asked.id.name,
                branch: asked.id.branch,
                prompt: &asked.prompt,
                style_scale: asked.settings.style_scale as f32,
                version,
                look: card.look.as_deref(),
            };
            let briefs: Vec<&str> = briefs.iter().map(String::as_str).collect();
            measure::draw(&mut pipeline, bundle, subject, &briefs, &|| false)
        };
        let drawn = draw(&card, Some(&card.weights))?;
        let other = match &before {
            Some(before) => draw(before, Some(&before.weights))?,
            None => draw(&card, None)?,
        };
        let notes = [
            paired("style", &drawn, &other, |marks| marks.style.or(marks.consistency)),
            paired("category", &drawn, &other, |marks| Some(marks.category)),
        ];
        Ok(MeasuredComparison {
            in_use,
            candidate: measure::scores(&drawn),
            version: before.map(|before| before.id),
            other: measure::scores(&other),
            notes: notes.into_iter().flatten().collect(),
        })
    }
}

/// Returns categories that neither version was trained on, or all the bundle's categories if there are none.
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

/// Describes a difference with its confidence interval and p-value, paired by brief.
fn paired(
    what: &str,
    a: &[Option<PictureMarks>],
    b: &[Option<PictureMarks>],
    of: impl Fn(&PictureMarks) -> Option<f64>,
) -> Option<String> {
    let both = a.iter().zip(b).filter_map(|(a, b)| Some(of(a.as_ref()?)? - of(b.as_ref()?)?));
    let differences: Vec<f64> = both.collect();
    let mean = differences.iter().sum::<f64>() / differences.len().max(1) as f64;
    let interval = Bootstrap { resamples: 10_000, confidence: 0.95, seed: 1 }.mean(&differences)?;
    let p = sign_flip(&differences, 10_000, 1);
    let (low, high, count) = (interval.low, interval.high, differences.len());
    Some(format!("{what} differs by {mean:+.3}, 95 % [{low:+.3}, {high:+.3}], p = {p:.3}, paired over {count} briefs"))
}
