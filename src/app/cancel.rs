//! Cancels a campaign: queued jobs are not begun, jobs in work stop within a step.
//!
//! # Invariants
//! Finished assets stay. Cancelling writes one record to the store and needs no broker; submitting the campaign
//! again, or a retry, removes the record.

use serde::Serialize;

use super::failure::AppResult;
use super::resources::App;
use crate::base::actor::Actor;
use crate::campaign::records;
use crate::campaign::status::{CampaignState, CampaignStatus, unknown};
use crate::plan::CampaignId;

/// The request to cancel a campaign.
#[derive(Clone, Debug)]
pub(crate) struct CancelRequest {
    /// The campaign's id.
    pub campaign: CampaignId,
    /// The person who decided it.
    pub by: Actor,
    /// The store's folder or `s3://BUCKET/PREFIX`; `None`: the setting `out`.
    pub out: Option<String>,
}

/// The result of cancelling.
#[derive(Debug, Serialize)]
pub(crate) struct CancelReport {
    /// Whether this call cancelled the campaign; false if it was complete or cancelled before.
    pub cancelled: bool,
    /// The campaign's status.
    #[serde(flatten)]
    pub standing: CampaignStatus,
}

impl App {
    /// Cancels a campaign.
    ///
    /// # Errors
    /// Returns an error if there is no such campaign, or the store cannot be read or written.
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
