//! Cancels a campaign: what is queued is not begun, what is in work stops within a step of the news.
//!
//! # Invariants
//! What is finished stays; a campaign is cancelled by a record in the store alone, so no broker is needed; submitting
//! it again, or a retry, removes the record.

use serde::Serialize;

use super::failure::AppResult;
use super::resources::App;
use crate::base::actor::Actor;
use crate::campaign::records;
use crate::campaign::status::{CampaignState, CampaignStatus, unknown};
use crate::plan::CampaignId;

/// What is cancelled.
#[derive(Clone, Debug)]
pub struct CancelRequest {
    /// The campaign's id.
    pub campaign: CampaignId,
    /// Who decided it.
    pub by: Actor,
    /// The store's place; `None`: the one of the settings.
    pub out: Option<String>,
}

/// What became of it.
#[derive(Debug, Serialize)]
pub struct CancelReport {
    /// Whether it was stopped by this; not if it was over before.
    pub cancelled: bool,
    /// How far it is.
    #[serde(flatten)]
    pub standing: CampaignStatus,
}

impl App {
    /// Cancels a campaign.
    ///
    /// # Errors
    /// Where there is no such campaign, or the store cannot be read or written.
    pub async fn cancel(&self, request: CancelRequest) -> AppResult<CancelReport> {
        let store = self.store(request.out.as_deref()).await?;
        let id = &request.campaign;
        let standing = CampaignStatus::read(&*store, id).await?.ok_or_else(|| unknown(id, &*store))?;
        if standing.state == CampaignState::Complete || standing.state == CampaignState::Cancelled {
            return Ok(CancelReport { cancelled: false, standing });
        }
        records::cancel(&*store, id, request.by.as_str()).await?;
        let standing = CampaignStatus { state: CampaignState::Cancelled, ..standing };
        Ok(CancelReport { cancelled: true, standing })
    }
}
