//! Changes which version of an encoder is in use: promotes one, or rolls back. Both only add a record.

use crate::app::failure::AppResult;
use crate::app::resources::App;
use crate::base::actor::{Actor, Reason};
use crate::base::version::{EncoderName, VersionId};
use crate::registry::ledger::Ledger;
use crate::registry::{Promotion, PromotionBasis, Registry};

/// What is promoted.
#[derive(Clone, Debug)]
pub struct PromoteRequest {
    /// The version.
    pub version: VersionId,
    /// What the promotion rests on.
    pub basis: PromotionRequestBasis,
    /// Who decided it.
    pub by: Actor,
    /// The store's place; `None`: the one of the settings.
    pub out: Option<String>,
}

/// What a promotion rests on.
#[derive(Clone, Debug)]
pub enum PromotionRequestBasis {
    /// The candidate and the version in use draw side by side now.
    Measure,
    /// The scores that the cards have from training.
    Recorded,
    /// A decision in spite of the scores.
    Forced(Reason),
}

/// What is rolled back.
#[derive(Clone, Debug)]
pub struct RollbackRequest {
    /// The encoder.
    pub encoder: EncoderName,
    /// Why.
    pub reason: Reason,
    /// Who decided it.
    pub by: Actor,
    /// The store's place; `None`: the one of the settings.
    pub out: Option<String>,
}

impl App {
    /// Promotes a version, if it stands up to the one in use or is forced; returns the record.
    ///
    /// # Errors
    /// Where its rights or scores forbid it, or store or models are not as needed.
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

    /// Puts the version in use again that was before the one in use; returns the record.
    ///
    /// # Errors
    /// Where there is none, or its rights forbid it, or the store cannot be read or written.
    pub(crate) async fn roll_back(&self, request: RollbackRequest) -> AppResult<Promotion> {
        let store = self.store(request.out.as_deref()).await?;
        let revocations = Ledger::new(store.clone()).revocations().await?;
        let RollbackRequest { encoder, reason, by, .. } = &request;
        let registry = Registry::new(store);
        Ok(registry.rollback(encoder, by.as_str(), reason.as_str(), &revocations, &self.policy()).await?)
    }
}
