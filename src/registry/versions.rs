//! Publishes, reads and promotes the versions of trained encoders in a store.
//!
//! # Invariants
//!
//! Two trainings that finish at the same time get different numbers. Writing the weights (only if there are none)
//! claims a number, writing the card makes the version valid; a number whose training was killed in between stays
//! unused. Weights are verified against their card whenever they are read.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;

use crate::base::digest::Digest;
use crate::base::error::{Error, Kind, Result};
use crate::base::time::Timestamp;
use crate::base::version::{Branch, EncoderName, VersionId};
use crate::plan::EncoderRef;
use crate::registry::card::{Card, Draft};
use crate::registry::ledger::Revocations;
use crate::registry::promote::{self, Against};
use crate::registry::promotion::{NamedScores, Promotion, PromotionBasis, PromotionReason};
use crate::rights::Policy;
use crate::store::{Key, Log, Store};

/// How many numbers are tried before giving up.
const MAX_GAP: u32 = 1_000;

/// The registry of trained encoders' versions in a store; cheap to clone.
#[derive(Clone, Debug)]
pub struct Registry {
    store: Arc<dyn Store>,
}

/// The card of a version, or the error of a missing or damaged card.
pub(crate) type CardLookup = Result<Card>;

impl Registry {
    /// Returns the registry in a store.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// Returns the store of the registry.
    pub(super) fn store(&self) -> Arc<dyn Store> {
        self.store.clone()
    }

    /// Stores a new version under the next free number and returns its card.
    ///
    /// # Errors
    ///
    /// Fails if a score is not a number, if the parent is missing, or if the store cannot be written to.
    pub async fn publish(&self, draft: &Draft, weights: &[u8], curve: Option<&str>) -> Result<Card> {
        if let Some((name, _)) = draft.scores.iter().find(|(_, score)| !score.is_finite()) {
            return Err(Error::invalid(format!("the score {name} of the new {} is not a number", draft.encoder)));
        }
        if let Some(parent) = &draft.parent {
            self.card(parent).await?; // without it the new version's training pictures would be unknown
        }
        // A number that was ever in use is not given again, even if its files are gone: it would inherit the promotion.
        let promoted = self.promotions(&draft.encoder).await?.into_iter().map(|record| record.version.number).max();
        let last = self.numbers(&draft.encoder).await?.last().copied().max(promoted);
        let first = last.map_or(1, |last| last.saturating_add(1));
        for number in first..first.saturating_add(MAX_GAP) {
            let folder = folder(&draft.encoder.version(number))?;
            if !self.store.put_if_absent(&folder.join(WEIGHTS)?, Bytes::copy_from_slice(weights)).await? {
                continue; // another training has or had this number
            }
            if let Some(svg) = curve {
                self.store.put(&folder.join(CURVE)?, svg.to_owned().into()).await?;
            }
            let card = Card::new(draft, number, weights, curve.map(|_| CURVE), Timestamp::now());
            if self.store.put_if_absent(&folder.join(CARD)?, card.to_bytes()?.into()).await? {
                return Ok(card);
            }
        }
        Err(Error::internal(format!("no number is free for {}", draft.encoder)))
    }

    /// Lists the numbers of an encoder's versions, in order.
    ///
    /// # Errors
    ///
    /// Fails if the store cannot be listed.
    pub async fn numbers(&self, encoder: &EncoderName) -> Result<Vec<u32>> {
        let all = self.versions().await?;
        Ok(all.into_iter().filter(|version| version.encoder() == *encoder).map(|version| version.number).collect())
    }

    /// Lists every version there is, in order.
    ///
    /// # Errors
    ///
    /// Fails if the store cannot be listed.
    pub async fn versions(&self) -> Result<Vec<VersionId>> {
        let mut versions = Vec::new();
        for branch in Branch::ALL {
            let prefix = root(branch)?;
            let of = |key: &Key| -> Option<VersionId> {
                let name = key
                    .as_str()
                    .strip_prefix(prefix.as_str())?
                    .strip_prefix('/')?
                    .strip_suffix(CARD)?
                    .strip_suffix('/')?;
                format!("{branch}/{name}").parse().ok()
            };
            versions.extend(self.store.list(&prefix).await?.iter().filter_map(of));
        }
        versions.sort();
        Ok(versions)
    }

    /// Reads the card of a version.
    ///
    /// # Errors
    ///
    /// Fails if it is missing or damaged, or if the store cannot be read.
    pub async fn card(&self, version: &VersionId) -> Result<Card> {
        self.look_up(version).await?
    }

    /// Reads the card of a version; a missing or damaged card is a value, apart from errors of the store.
    ///
    /// # Errors
    ///
    /// Fails if the store cannot be read.
    pub(crate) async fn look_up(&self, version: &VersionId) -> Result<CardLookup> {
        let key = folder(version)?.join(CARD)?;
        let Some(bytes) = self.store.get(&key).await? else { return Ok(Err(self.unknown(version))) };
        Ok(Card::from_bytes(&bytes, key.as_str()).and_then(|card| {
            if card.id == *version {
                return Ok(card);
            }
            Err(Error::invalid(format!("{key} is the card of {}", card.id)).hint("restore the folder from a backup"))
        }))
    }

    /// Reads the weights of a version and verifies them against its card.
    ///
    /// # Errors
    ///
    /// Fails if they are missing or damaged, or if the store cannot be read.
    pub async fn weights(&self, card: &Card) -> Result<Bytes> {
        let key = folder(&card.id)?.join(WEIGHTS)?;
        let missing =
            || Error::unavailable(format!("the weights of {} are not at {}", card.id, self.store.locate(&key)));
        let bytes = self.store.get(&key).await?.ok_or_else(missing)?;
        if Digest::of(&bytes) == card.weights {
            return Ok(bytes);
        }
        Err(Error::unavailable(format!("the weights of {} are not those of its card", card.id))
            .hint("restore its folder from a backup, or use another version"))
    }

    /// Returns the path or address of a version's files, for messages.
    ///
    /// # Errors
    ///
    /// Fails if the version's name is not a valid key.
    pub fn locate(&self, version: &VersionId) -> Result<String> {
        Ok(self.store.locate(&folder(version)?))
    }

    /// Reads the cards of a version and of its ancestors, its own first.
    ///
    /// # Errors
    ///
    /// Fails if a card is missing or damaged, or if the store cannot be read.
    pub(crate) async fn lineage(&self, version: &VersionId) -> Result<Vec<Card>> {
        let mut cards = vec![self.card(version).await?];
        while let Some(parent) = cards.last().and_then(|card| card.parent.clone()) {
            if cards.iter().any(|card| card.id == parent) {
                return Err(
                    Error::invalid(format!("{version} descends from itself")).hint("restore the cards from a backup")
                );
            }
            cards.push(self.card(&parent).await?);
        }
        Ok(cards)
    }

    /// Returns why a version must not be used: it or an ancestor was trained on a revoked picture; `None` if not.
    ///
    /// # Errors
    ///
    /// Fails as `Registry::lineage` does.
    pub async fn revoked(&self, version: &VersionId, revocations: &Revocations) -> Result<Option<String>> {
        let mut reasons: Vec<String> = Vec::new();
        for card in self.lineage(version).await? {
            for lesson in &card.pictures {
                if let Some(revocation) = revocations.of(&lesson.sha256, &lesson.source) {
                    reasons.push(format!("{} from {}, {}", lesson.file, lesson.source, revocation.because()));
                }
            }
        }
        let more = if reasons.len() > 1 { format!(" (and {} more)", reasons.len() - 1) } else { String::new() };
        Ok(reasons.first().map(|first| format!("{version} learned from {first}{more}")))
    }

    /// Reads every promotion of an encoder, oldest first; the last one's version is in use.
    ///
    /// # Errors
    ///
    /// Fails if a record is damaged or the store cannot be read.
    pub async fn promotions(&self, encoder: &EncoderName) -> Result<Vec<Promotion>> {
        self.log(encoder)?.read().await
    }

    /// Returns the version in use.
    ///
    /// # Errors
    ///
    /// Fails as [`Registry::promotions`] does.
    pub async fn promoted(&self, encoder: &EncoderName) -> Result<Option<VersionId>> {
        Ok(self.promotions(encoder).await?.pop().map(|record| record.version))
    }

    /// Promotes a version if its scores compare well with those of the version in use, or for a forced reason. Its
    /// rights and weights must be valid in either case.
    ///
    /// # Errors
    ///
    /// Fails if rights, weights or scores do not allow it, or if the store cannot be read or written to.
    pub async fn promote<'a>(
        &self,
        version: &VersionId,
        by: &str,
        basis: impl Into<PromotionBasis<'a>>,
        revocations: &Revocations,
        policy: &Policy,
    ) -> Result<Promotion> {
        let (basis, card) = (basis.into(), self.card(version).await?);
        if let Some(reason) = self.barred(version, revocations, policy).await? {
            return Err(
                Error::invalid(format!("{reason}; it cannot be promoted")).hint("train another without these pictures")
            );
        }
        self.weights(&card).await?;
        let log = self.log(&version.encoder())?;
        loop {
            let records: Vec<Promotion> = log.read().await?;
            let previous = records.last().map(|record| record.version.clone());
            let before = match &previous {
                Some(previous) if previous == version => {
                    return Err(Error::invalid(format!("{version} is promoted already")));
                }
                Some(previous) => self.comparable(previous, revocations, policy).await?,
                None => None,
            };
            let grounds = match basis {
                PromotionBasis::Forced(reason) => PromotionReason::Forced(reason.into()),
                PromotionBasis::Recorded => {
                    let against = before.as_ref().map_or(Against::Nothing, |b| Against::Version(&b.id, &b.scores));
                    PromotionReason::Evidence(compared(&card, &card.scores, against)?)
                }
                PromotionBasis::Measured(measured) => {
                    if measured.in_use != previous {
                        return Err(Error::new(
                            Kind::Transient,
                            format!("another version of {} was promoted meanwhile", version.encoder()),
                        )
                        .hint("promote again: it is then compared with that one"));
                    }
                    let against = match &measured.version {
                        Some(version) => Against::Version(version, &measured.other),
                        None => Against::Stock(&measured.other),
                    };
                    let mut evidence = compared(&card, &measured.candidate, against)?;
                    evidence.extend(measured.notes.iter().cloned());
                    PromotionReason::Evidence(evidence)
                }
            };
            let record = Promotion { version: version.clone(), previous, at: Timestamp::now(), by: by.into(), grounds };
            if log.add(records.len(), &record).await? {
                return Ok(record);
            }
        }
    }

    /// Returns the card of the version in use, for a comparison; `None` if that version must not be used any longer or
    /// cannot be read, so that it does not block the promotion of its successor.
    ///
    /// # Errors
    ///
    /// Fails if the store cannot be read.
    pub(crate) async fn comparable(
        &self,
        in_use: &VersionId,
        revocations: &Revocations,
        policy: &Policy,
    ) -> Result<Option<Card>> {
        let Ok(card) = self.look_up(in_use).await? else { return Ok(None) };
        match self.barred(in_use, revocations, policy).await {
            Ok(None) => Ok(Some(card)),
            Ok(Some(_)) => Ok(None),
            Err(error) if error.is_about_the_input() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Promotes the version that was in use before the current one. Versions that cannot be used are skipped: those
    /// that are revoked, expired, damaged or trained for another bundle.
    ///
    /// # Errors
    ///
    /// Fails if there is no version to go back to, or if the store cannot be read or written to.
    pub async fn rollback(
        &self,
        encoder: &EncoderName,
        by: &str,
        reason: &str,
        revocations: &Revocations,
        policy: &Policy,
    ) -> Result<Promotion> {
        let log = self.log(encoder)?;
        loop {
            let records: Vec<Promotion> = log.read().await?;
            let in_use = records.last().map(|record| &record.version);
            let base = match in_use {
                Some(version) => self.look_up(version).await?.ok().map(|card| card.base.digest),
                None => None,
            };
            let mut usable = BTreeSet::new();
            for previous in records.iter().filter_map(|record| record.previous.as_ref()) {
                let Some(card) = self.comparable(previous, revocations, policy).await? else { continue };
                let fits = base.as_ref().is_none_or(|base| card.base.digest == *base);
                if fits && self.weights(&card).await.is_ok() {
                    usable.insert(previous);
                }
            }
            let Some(version) = promote::previous(&records, |version| usable.contains(version)) else {
                return Err(Error::invalid(format!("{encoder} has no version to go back to"))
                    .hint("`housestyle encoders show` prints its history"));
            };
            let record = Promotion {
                version: version.clone(),
                previous: records.last().map(|record| record.version.clone()),
                at: Timestamp::now(),
                by: by.into(),
                grounds: PromotionReason::Rollback(reason.into()),
            };
            if log.add(records.len(), &record).await? {
                return Ok(record);
            }
        }
    }

    /// Reads the card and the weights of the encoder that a job was planned with.
    ///
    /// # Errors
    ///
    /// Fails if the digest is not the planned one, if the version must not be used any longer, or if the store cannot
    /// be read.
    pub async fn load(
        &self,
        encoder: &EncoderRef,
        revocations: &Revocations,
        policy: &Policy,
    ) -> Result<(Card, Bytes)> {
        let card = self.card(&encoder.version).await?;
        if card.weights != encoder.digest {
            return Err(Error::invalid(format!(
                "{} here is {}, planned was {}",
                card.id, card.weights, encoder.digest
            ))
            .hint("plan the campaign again, or set --out to the folder it was planned with"));
        }
        match self.barred(&card.id, revocations, policy).await? {
            Some(reason) => Err(Error::invalid(reason).hint("plan the campaign again with another version")),
            None => self.weights(&card).await.map(|weights| (card, weights)),
        }
    }

    fn log(&self, encoder: &EncoderName) -> Result<Log<'_>> {
        Ok(Log::new(&*self.store, Key::new(format!("encoders/{encoder}/promotions"))?))
    }

    fn unknown(&self, version: &VersionId) -> Error {
        Error::invalid(format!("there is no encoder {version}")).hint("`housestyle encoders list` shows every version")
    }
}

/// Returns the evidence for a version, or an error with every reason against it.
fn compared(card: &Card, scores: &NamedScores, against: Against<'_>) -> Result<Vec<String>> {
    promote::compare(card.id.branch, scores, against).map_err(|against| {
        Error::invalid(format!("{} is not promoted: {}", card.id, against.join("; ")))
            .hint("train a better one, or give the reason for doing it all the same: --force --reason TEXT")
    })
}

/// The names of a version's files.
const CARD: &str = "card.json";
const WEIGHTS: &str = "adapter.safetensors";
const CURVE: &str = "loss.svg";

fn root(branch: Branch) -> Result<Key> {
    Key::new(format!("encoders/{branch}"))
}

fn folder(version: &VersionId) -> Result<Key> {
    Key::new(format!("encoders/{version}"))
}
