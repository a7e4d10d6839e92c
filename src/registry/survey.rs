//! Reads a [`Survey`] of a store: its cards, promotions, ledger, revocations and assets, for reports and traces.
//!
//! # Invariants
//!
//! Records that cannot be read are listed in the survey. It is a snapshot; the store remains authoritative.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::Arc;

use futures_util::TryStreamExt as _;

use crate::base::digest::Digest;
use crate::base::error::Result;
use crate::base::stem::Stem;
use crate::base::time::Date;
use crate::base::version::{EncoderName, VersionId};
use crate::campaign::outcomes::{self, FoundSidecar};
use crate::campaign::sidecar::Sidecar;
use crate::registry::card::{Card, TrainingImage};
use crate::registry::ledger::{Entry, Ledger, Revocation, Revocations};
use crate::registry::retrain::Drift;
use crate::registry::usability;
use crate::registry::versions::Registry;
use crate::rights::Policy;
use crate::store::parallel::in_parallel;
use crate::store::{Key, Store};

/// The encoders, rights and assets in a store.
#[derive(Clone, Debug, Default)]
pub struct Survey {
    /// The card of every version.
    pub cards: BTreeMap<VersionId, Card>,
    /// The promoted version of each encoder.
    pub promoted: BTreeMap<EncoderName, VersionId>,
    /// The ledger's entries by the picture's digest.
    pub entries: BTreeMap<Digest, Entry>,
    /// Every revocation.
    pub revocations: Revocations,
    /// Every finished asset.
    pub assets: Vec<AssetRow>,
    /// The reasons of the records that could not be read.
    pub unreadable: Vec<String>,
}

/// The facts of an asset that a trace needs.
#[derive(Clone, Debug, PartialEq)]
pub struct AssetRow {
    /// Its sidecar's key.
    pub sidecar: String,
    /// The stem of its files.
    pub stem: Stem,
    /// The style of the asset.
    pub style: String,
    /// The style encoder's version, if it was a trained one.
    pub version: Option<VersionId>,
    /// The category encoder's version, if it was a trained one.
    pub category_version: Option<VersionId>,
    /// The sources its sidecar names.
    pub sources: Vec<String>,
    /// The digest of its image, if one was made.
    pub image: Option<Digest>,
    /// The evaluator's style score of the first attempt.
    pub first_style: Option<f32>,
}

impl AssetRow {
    /// Returns the trained versions that generated the asset.
    pub fn versions(&self) -> impl Iterator<Item = &VersionId> {
        self.version.iter().chain(&self.category_version)
    }
}

impl Survey {
    /// Reads encoders, ledger and assets.
    ///
    /// # Errors
    ///
    /// Fails if the store cannot be read; a damaged record is listed as unreadable instead.
    pub async fn of(store: &Arc<dyn Store>) -> Result<Self> {
        let mut survey = Self::of_encoders(store).await?;
        survey.read_assets(store).await?;
        Ok(survey)
    }

    /// Reads encoders and ledger without the assets, of which there may be a hundred thousand.
    ///
    /// # Errors
    ///
    /// Fails as [`Survey::of`] does.
    pub(crate) async fn of_encoders(store: &Arc<dyn Store>) -> Result<Self> {
        let (registry, ledger) = (Registry::new(store.clone()), Ledger::new(store.clone()));
        let mut survey = Self { revocations: ledger.revocations().await?, ..Self::default() };
        let mut encoders = BTreeSet::new();
        let versions = registry.versions().await?;
        let mut cards = pin!(in_parallel(versions.clone(), |version| {
            let registry = registry.clone();
            async move { registry.look_up(&version).await }
        }));
        for version in versions {
            match cards.try_next().await? {
                Some(Ok(card)) => {
                    survey.cards.insert(version.clone(), card);
                }
                Some(Err(error)) => survey.unreadable.push(error.chain()),
                None => {}
            }
            let encoder = version.encoder();
            if encoders.insert(encoder.clone())
                && let Some(promoted) = survey.read(registry.promoted(&encoder).await)?.flatten()
            {
                survey.promoted.insert(encoder, promoted);
            }
        }
        for entry in ledger.entries(ledger.pictures().await?).await? {
            if let Some(entry) = survey.read(entry)?.flatten() {
                survey.entries.insert(entry.sha256, entry);
            }
        }
        Ok(survey)
    }

    /// Reads every asset of every campaign into the survey.
    ///
    /// # Errors
    ///
    /// Fails as [`Survey::of`] does.
    pub(crate) async fn read_assets(&mut self, store: &Arc<dyn Store>) -> Result<()> {
        let mut found = pin!(outcomes::of_all_campaigns(store).await?);
        while let Some(FoundSidecar { key, sidecar }) = found.try_next().await? {
            match sidecar {
                Ok(sidecar) => self.assets.push(row(&key, *sidecar)),
                Err(error) => self.unreadable.push(error.chain()),
            }
        }
        Ok(())
    }

    /// Returns what was read, or `None` after listing a damaged record as unreadable; other errors are returned.
    fn read<T>(&mut self, found: Result<T>) -> Result<Option<T>> {
        match found {
            Err(error) if error.is_about_the_input() => {
                self.unreadable.push(error.chain());
                Ok(None)
            }
            found => found.map(Some),
        }
    }

    /// Returns the pictures that a version and its ancestors were trained on.
    pub fn learned(&self, version: &VersionId) -> Vec<&TrainingImage> {
        self.lineage(version).into_iter().flat_map(|card| &card.pictures).collect()
    }

    /// Returns the cards of a version and its ancestors, as far as they could be read.
    fn lineage(&self, version: &VersionId) -> Vec<&Card> {
        let (mut cards, mut seen, mut next) = (Vec::new(), BTreeSet::new(), self.cards.get(version));
        while let Some(card) = next.filter(|card| seen.insert(&card.id)) {
            cards.push(card);
            next = card.parent.as_ref().and_then(|parent| self.cards.get(parent));
        }
        cards
    }

    /// Returns the revocation that makes a version unusable, and the picture it applies to.
    pub fn revoked(&self, version: &VersionId) -> Option<(&TrainingImage, &Revocation)> {
        let mut lessons = self.learned(version).into_iter();
        lessons.find_map(|lesson| Some((lesson, self.revocations.of(&lesson.sha256, &lesson.source)?)))
    }

    /// Returns why the rights policy refuses a version's training pictures, apart from revocations: a grant expired or
    /// a licence is not allowed any longer.
    pub fn refused(&self, version: &VersionId, policy: &Policy) -> Option<String> {
        usability::refused(version, &usability::grants(&self.lineage(version), &self.entries), policy)
    }

    /// Measures the drift of a promoted version, for the update policy.
    pub fn drift(&self, card: &Card, today: Date) -> Drift {
        let learned: BTreeSet<&Digest> = self.learned(&card.id).iter().map(|lesson| &lesson.sha256).collect();
        let is_new = |entry: &&Entry| {
            entry.encoder == card.id.encoder()
                && !learned.contains(&entry.sha256)
                && self.revocations.of(&entry.sha256, &entry.grant.source).is_none()
        };
        let scores: Vec<f64> = self
            .assets
            .iter()
            .filter(|asset| asset.version.as_ref() == Some(&card.id))
            .filter_map(|asset| asset.first_style.map(f64::from))
            .collect();
        Drift {
            age_days: today.days().saturating_sub(card.created_at.date().days()),
            new_references: self.entries.values().filter(is_new).count(),
            consistency: (!scores.is_empty()).then(|| (scores.iter().sum::<f64>() / scores.len() as f64, scores.len())),
        }
    }
}

fn row(key: &Key, sidecar: Sidecar) -> AssetRow {
    AssetRow {
        sidecar: key.as_str().into(),
        first_style: sidecar.first_scores().and_then(|scores| scores.style),
        sources: sidecar.rights.into_iter().map(|reference| reference.source).collect(),
        image: sidecar.image.map(|image| image.sha256),
        stem: sidecar.job.stem,
        style: sidecar.job.style,
        category_version: sidecar.job.category_encoder.and_then(|reader| reader.encoder).map(|encoder| encoder.version),
        version: sidecar.job.style_source.encoder.map(|encoder| encoder.version),
    }
}
