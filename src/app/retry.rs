//! Retries the failed and dead-lettered jobs of a campaign; accepted and rejected assets stay.

use serde::Serialize;

use super::failure::AppResult;
use super::resources::App;
use crate::broker::{Order, Task};
use crate::campaign::status::{CampaignState, CampaignStatus, unknown};
use crate::plan::CampaignId;

/// The request to retry a campaign.
#[derive(Clone, Debug)]
pub(crate) struct RetryRequest {
    /// The campaign's id.
    pub campaign: CampaignId,
    /// The store's folder or `s3://BUCKET/PREFIX`; `None`: the setting `out`.
    pub out: Option<String>,
}

/// The result of a retry.
#[derive(Debug, Serialize)]
pub(crate) struct RetryReport {
    /// The campaign's id.
    pub campaign: CampaignId,
    /// Number of jobs that are made again.
    pub again: usize,
}

impl App {
    /// Orders that a campaign's unfinished jobs are made again.
    ///
    /// # Errors
    /// Returns an error if there is no such campaign, or store or broker cannot be reached.
    pub async fn retry(&self, request: RetryRequest) -> AppResult<RetryReport> {
        let store = self.store(request.out.as_deref()).await?;
        let id = &request.campaign;
        let standing = CampaignStatus::read(&*store, id).await?.ok_or_else(|| unknown(id, &*store))?;
        let unfinished = if standing.state == CampaignState::Cancelled { standing.remaining } else { 0 };
        let again = standing.failed + standing.dead + unfinished;
        if again > 0 {
            let queue = self.broker(1).await?;
            // Dead letters of this campaign are removed, as the order queues their jobs again.
            queue.forget(|letter| letter.campaign.as_deref() == Some(id.as_str())).await?;
            queue.orders().publish(Order::new(Task::Retry { campaign: id.clone() }, None)).await?;
        }
        Ok(RetryReport { campaign: request.campaign, again })
    }
}
