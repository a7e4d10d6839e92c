//! Changes the version of an encoder that is in use: promotes one, or rolls back. Both only add a record.

use crate::app::failure::AppResult;
use crate::app::resources::App;
use crate::base::actor::{Actor, Reason};
use crate::base::version::{EncoderName, VersionId};
use crate::registry::ledger::Ledger;
use crate::registry::{Promotion, PromotionBasis, Registry};

/// The request to promote a version.
#[derive(Clone, Debug)]
pub(crate) struct PromoteRequest {
    /// The version to promote.
    pub version: VersionId,
    /// The basis of the promotion.
    pub basis: PromotionRequestBasis,
    /// The person who decided it.
    pub by: Actor,
    /// The store's folder or `s3://BUCKET/PREFIX`; `None`: the setting `out`.
    pub out: Option<String>,
}

/// The basis of a promotion.
#[derive(Clone, Debug)]
pub(crate) enum PromotionRequestBasis {
    /// A new measurement: the candidate and the version in use draw the same briefs.
    Measure,
    /// The scores that were recorded in the versions' cards at training.
    Recorded,
    /// A decision made regardless of the scores, with its reason.
    Forced(Reason),
}

/// The request to roll back an encoder.
#[derive(Clone, Debug)]
pub(crate) struct RollbackRequest {
    /// The encoder.
    pub encoder: EncoderName,
    /// The reason.
    pub reason: Reason,
    /// The person who decided it.
    pub by: Actor,
    /// The store's folder or `s3://BUCKET/PREFIX`; `None`: the setting `out`.
    pub out: Option<String>,
}

impl App {
    /// Promotes a version if its scores are not worse than those of the version in use, or if it is forced; returns
    /// the record.
    ///
    /// # Errors
    /// Returns an error if its rights or scores forbid it, or store or models cannot be used.
    pub async fn promote(&self, request: PromoteRequest) -> AppResult<Promotion> {
        let store = self.store(request.out.as_deref()).await?;
        let measured = match request.basis {
            PromotionRequestBasis::Measure => Some(self.measure_candidate(&request.version, &store).await?),
            PromotionRequestBasis::Recorded | PromotionRequestBasis::Forced(_) => None,
        };
        let basis = match (&measured, &request.basis) {
            (Some(measured), _) => PromotionBasis::Measured(measured),
            (None, PromotionRequestBasis::Forced(reason)) => PromotionBasis::Forced(reason.as_str()),
            (None, _) => PromotionBasis::Recorded,
        };
        let revocations = Ledger::new(store.clone()).revocations().await?;
        let registry = Registry::new(store);
        Ok(registry.promote(&request.version, request.by.as_str(), basis, &revocations, &self.policy()).await?)
    }

    /// Restores the version that was in use before the current one; returns the record.
    ///
    /// # Errors
    /// Returns an error if there is no such version, its rights forbid it, or the store cannot be read or written.
    pub(crate) async fn roll_back(&self, request: RollbackRequest) -> AppResult<Promotion> {
        let store = self.store(request.out.as_deref()).await?;
        let revocations = Ledger::new(store.clone()).revocations().await?;
        let RollbackRequest { encoder, reason, by, .. } = &request;
        let registry = Registry::new(store);
        Ok(registry.rollback(encoder, by.as_str(), reason.as_str(), &revocations, &self.policy()).await?)
    }
}
