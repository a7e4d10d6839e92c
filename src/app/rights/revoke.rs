//! Revokes pictures and sources: from then on nothing new is made with them, nor with any version that learned from
//! them. Nothing is deleted; what must be trained again is said.

use std::collections::BTreeSet;

use serde::Serialize;

use super::question::{question, unknown};
use crate::app::failure::AppResult;
use crate::app::progress::Progress;
use crate::app::resources::App;
use crate::base::actor::{Actor, Reason};
use crate::base::error::{self, Error};
use crate::base::time::Timestamp;
use crate::base::version::{EncoderName, VersionId};
use crate::registry::Survey;
use crate::registry::ledger::{Ledger, Revocation, Target};
use crate::registry::trace::{Question, trace};
use crate::rights::Policy;

/// What is revoked.
#[derive(Clone, Debug)]
pub struct RevokeRequest {
    /// Pictures (files or sha256) and sources, as the style set writes them.
    pub what: Vec<String>,
    /// Why; it is what everybody is told who asks for a version that learned from them.
    pub reason: Reason,
    /// Whether what nothing here came from yet is revoked too, so that nothing ever does.
    pub unseen: bool,
    /// Who decided it.
    pub by: Actor,
    /// The store's place; `None`: the one of the settings.
    pub out: Option<String>,
}

/// What came of it.
#[derive(Debug, Serialize)]
pub struct RevokeReport {
    /// What was revoked.
    pub revoked: Vec<Revocation>,
    /// Versions that must not be used for new work, those revoked before included.
    pub unusable: Vec<VersionId>,
    /// Encoders whose version in use is one of those.
    pub retrain: Vec<RetrainAdvice>,
    /// Finished assets that these versions, or these sources, went into. They stay; a person decides what becomes of
    /// them.
    pub assets: Vec<String>,
    /// Cards, records and sidecars that could not be read, with the reason: they may belong here too.
    pub unreadable: Vec<String>,
}

/// An encoder that must be trained again.
#[derive(Debug, Serialize)]
pub struct RetrainAdvice {
    /// The encoder.
    pub encoder: EncoderName,
    /// Its version in use, which must not be used any more.
    pub in_use: VersionId,
    /// The latest version for the same bundle that may still be used.
    pub usable: Option<VersionId>,
}

/// A text of the request and what it means.
struct AskedTarget {
    text: String,
    question: Question,
}

impl App {
    /// Revokes; every revocation is reported as [`Progress::Revoked`] once it counts.
    ///
    /// # Errors
    /// Where nothing is known of what is named, or it is neither picture nor source, or the store cannot be read or
    /// written.
    pub async fn revoke(&self, request: RevokeRequest) -> AppResult<RevokeReport> {
        let at = Timestamp::now();
        let store = self.store(request.out.as_deref()).await?;
        let mut asked = Vec::new();
        for text in &request.what {
            asked.push(AskedTarget { question: question(text).await?, text: text.clone() });
        }
        // Nobody waits for a hundred thousand sidecars to be read, nor for a damaged one, before a revocation counts:
        // they
        // are read first only where nothing else knows what is meant.
        let mut survey = Survey::of_encoders(&store).await?;
        let known = asked.iter().all(|asked| trace(&survey, &asked.question).is_some());
        if !known {
            survey.read_assets(&store).await?;
        }
        let targets = asked.iter().map(|asked| target(asked, &survey, request.unseen));
        let targets = targets.collect::<error::Result<Vec<_>>>()?;
        let ledger = Ledger::new(store.clone());
        let mut revoked = Vec::new();
        for target in targets {
            let (reason, by) = (request.reason.to_string(), request.by.to_string());
            let revocation = Revocation { target, reason, at, by };
            ledger.revoke(&revocation).await?;
            self.report(&Progress::Revoked(&revocation.target));
            revoked.push(revocation);
        }
        survey.revocations = ledger.revocations().await?;
        if known {
            survey.read_assets(&store).await?;
        }
        let traces = asked.iter().filter_map(|asked| trace(&survey, &asked.question));
        let assets = traces.flat_map(|found| found.assets).map(|asset| asset.sidecar).collect();
        Ok(report(revoked, &survey, assets, &self.policy()))
    }
}

/// Returns what is to be revoked, if it is a picture or a source; with `unseen`, even if nothing is known of it.
fn target(asked: &AskedTarget, survey: &Survey, unseen: bool) -> error::Result<Target> {
    let AskedTarget { text, question } = asked;
    let kind = trace(survey, question).map(|found| found.kind);
    match (question.clone(), kind) {
        (Question::Digest(digest), Some("picture")) => Ok(Target::Picture(digest)),
        (Question::Text(source), Some("source")) => Ok(Target::Source(source)),
        (Question::Digest(digest), None) if unseen => Ok(Target::Picture(digest)),
        (Question::Text(source), None) if unseen => Ok(Target::Source(source)),
        (_, None) => Err(unknown(text).hint("check how it is written, or add --unseen to revoke it all the same")),
        (_, Some(kind)) => Err(Error::invalid(format!("{text} is of {kind}, only pictures and sources are revoked"))
            .hint("`housestyle rights trace` says which pictures and sources it came from")),
    }
}

fn report(revoked: Vec<Revocation>, survey: &Survey, assets: BTreeSet<String>, policy: &Policy) -> RevokeReport {
    let unusable: Vec<VersionId> =
        survey.cards.keys().filter(|version| survey.revoked(version).is_some()).cloned().collect();
    let base = |version: &VersionId| survey.cards.get(version).map(|card| &card.base.digest);
    let retrain = survey.promoted.iter().filter(|(_, version)| unusable.contains(version)).map(|(encoder, in_use)| {
        let usable = |version: &&VersionId| {
            version.encoder() == *encoder
                && base(version) == base(in_use)
                && !unusable.contains(version)
                && survey.refused(version, policy).is_none()
        };
        let usable = survey.cards.keys().rfind(usable).cloned();
        RetrainAdvice { encoder: encoder.clone(), in_use: in_use.clone(), usable }
    });
    let unreadable = survey.unreadable.clone();
    RevokeReport { retrain: retrain.collect(), revoked, unusable, assets: assets.into_iter().collect(), unreadable }
}
