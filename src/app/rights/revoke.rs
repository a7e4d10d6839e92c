//! Revokes pictures and sources: from then on nothing new is made with them, nor with any version that was trained on
//! them. Nothing is deleted; the report lists the encoders to train again.

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

/// The request to revoke pictures and sources.
#[derive(Clone, Debug)]
pub(crate) struct RevokeRequest {
    /// Pictures (files or sha256) and sources, as the style set writes them.
    pub what: Vec<String>,
    /// The reason, which is shown to everybody who asks for a version that was trained on them.
    pub reason: Reason,
    /// Whether to revoke also what nothing in the store was made from yet.
    pub unseen: bool,
    /// The person who decided it.
    pub by: Actor,
    /// The store's folder or `s3://BUCKET/PREFIX`; `None`: the setting `out`.
    pub out: Option<String>,
}

/// The result of a revocation.
#[derive(Debug, Serialize)]
pub(crate) struct RevokeReport {
    /// The revocations that were recorded.
    pub revoked: Vec<Revocation>,
    /// Versions that must not be used for new work, including those revoked before.
    pub unusable: Vec<VersionId>,
    /// Encoders whose version in use must not be used any more.
    pub retrain: Vec<RetrainAdvice>,
    /// Finished assets that were made with these versions or from these sources. They are kept; a person decides
    /// about them.
    pub assets: Vec<String>,
    /// Cards, records and sidecars that could not be read, with the reason; they may be affected too.
    pub unreadable: Vec<String>,
}

/// An encoder that must be trained again.
#[derive(Debug, Serialize)]
pub(crate) struct RetrainAdvice {
    /// The encoder.
    pub encoder: EncoderName,
    /// Its version in use, which must not be used any more.
    pub in_use: VersionId,
    /// The latest version for the same bundle that may still be used.
    pub usable: Option<VersionId>,
}

/// One text of the request and its interpretation.
struct AskedTarget {
    text: String,
    question: Question,
}

impl App {
    /// Revokes pictures and sources; reports each as [`Progress::Revoked`] once it is recorded.
    ///
    /// # Errors
    /// Returns an error if something named is unknown or is neither a picture nor a source, or the store cannot be
    /// read or written.
    pub async fn revoke(&self, request: RevokeRequest) -> AppResult<RevokeReport> {
        let at = Timestamp::now();
        let store = self.store(request.out.as_deref()).await?;
        let mut asked = Vec::new();
        for text in &request.what {
            asked.push(AskedTarget { question: question(text).await?, text: text.clone() });
        }
        // A revocation is recorded before sidecars are read, as there may be a hundred thousand and some may be
        // damaged. They are read first only where encoders and ledger do not know what is named.
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

/// Returns the picture or source to revoke. With `unseen`, it may be one that nothing is known of.
fn target(asked: &AskedTarget, survey: &Survey, unseen: bool) -> error::Result<Target> {
    let AskedTarget { text, question } = asked;
    let kind = trace(survey, question).map(|found| found.kind);
    match (question.clone(), kind) {
        (Question::Digest(digest), Some("picture")) => Ok(Target::Picture(digest)),
        (Question::Text(source), Some("source")) => Ok(Target::Source(source)),
        (Question::Digest(digest), None) if unseen => Ok(Target::Picture(digest)),
        (Question::Text(source), None) if unseen => Ok(Target::Source(source)),
        (_, None) => Err(unknown(text).hint("check the spelling, or add --unseen to revoke it nevertheless")),
        (_, Some(kind)) => {
            Err(Error::invalid(format!("{text} is of the kind {kind}; only pictures and sources can be revoked"))
                .hint("`housestyle rights trace` says which pictures and sources it came from"))
        }
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
