//! Has what failed, or was given up on, made again; what is accepted or rejected stays.

use serde::Serialize;

use super::failure::AppResult;
use super::resources::App;
use crate::broker::{Order, Task};
use crate::campaign::status::{CampaignState, CampaignStatus, unknown};
use crate::plan::CampaignId;

/// What is retried.
#[derive(Clone, Debug)]
pub struct RetryRequest {
    /// The campaign's id.
    pub campaign: CampaignId,
    /// The store's place; `None`: the one of the settings.
    pub out: Option<String>,
}

/// What is made again.
#[derive(Debug, Serialize)]
pub struct RetryReport {
    /// The campaign's id.
    pub campaign: String,
    /// Jobs that are made again.
    pub again: usize,
}

impl App {
    /// Orders a campaign's unfinished jobs to be made again.
    ///
    /// # Errors
    /// Where there is no such campaign, or store or broker cannot be reached.
    pub async fn retry(&self, request: RetryRequest) -> AppResult<RetryReport> {
        let store = self.store(request.out.as_deref()).await?;
        let id = &request.campaign;
        let standing = CampaignStatus::read(&*store, id).await?.ok_or_else(|| unknown(id, &*store))?;
        let unfinished = if standing.state == CampaignState::Cancelled { standing.remaining } else { 0 };
        let again = standing.failed + standing.dead + unfinished;
        if again > 0 {
            let queue = self.broker(1).await?;
            // They go back to the queue with the rest, not by a requeue of dead letters once more.
            queue.forget(|letter| letter.campaign.as_deref() == Some(id.as_str())).await?;
            queue.orders().publish(Order::new(Task::Retry { campaign: id.clone() }, None)).await?;
        }
        Ok(RetryReport { campaign: id.to_string(), again })
    }
}
