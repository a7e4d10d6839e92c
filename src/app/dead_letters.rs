//! Lists and requeues dead letters: messages that repeatedly failed and were set aside, with the reason and their
//! content.
//!
//! # Invariants
//! Listing changes nothing; a message that cannot be read is kept.

use serde::Serialize;

use super::failure::AppResult;
use super::resources::App;
use crate::base::error::Error;
use crate::broker::DeadLetter;
use crate::campaign::layout::Layout;

/// Selects the dead letters to requeue; a letter that matches any of the three fields is requeued.
#[derive(Clone, Debug, Default)]
pub(crate) struct RequeueRequest {
    /// Ids of dead letters.
    pub ids: Vec<String>,
    /// Every dead letter of this campaign.
    pub campaign: Option<String>,
    /// Every dead letter.
    pub all: bool,
    /// The store's folder or `s3://BUCKET/PREFIX`; `None`: the setting `out`.
    pub out: Option<String>,
}

/// The result of a requeue.
#[derive(Debug, Serialize)]
pub(crate) struct RequeueReport {
    /// The messages that were requeued.
    pub requeued: Vec<DeadLetter>,
}

impl App {
    /// Returns every dead letter, oldest first.
    ///
    /// # Errors
    /// Returns an error if the broker cannot be reached.
    pub async fn dead_letters(&self) -> AppResult<Vec<DeadLetter>> {
        Ok(self.broker(1).await?.dead_letters().await?)
    }

    /// Returns the dead letter with this id.
    ///
    /// # Errors
    /// Returns an error if there is no such dead letter, or the broker cannot be reached.
    pub(crate) async fn dead_letter(&self, id: &str) -> AppResult<DeadLetter> {
        let letters = self.dead_letters().await?;
        Ok(letters.into_iter().find(|letter| letter.id == id).ok_or_else(|| unknown(id))?)
    }

    /// Requeues dead letters, with their failure counts reset.
    ///
    /// # Errors
    /// Returns an error if an id is unknown, or broker or store cannot be reached.
    pub async fn requeue(&self, request: RequeueRequest) -> AppResult<RequeueReport> {
        let store = self.store(request.out.as_deref()).await?;
        let RequeueRequest { ids, campaign, all, .. } = request;
        let queue = self.broker(1).await?;
        let there = queue.dead_letters().await?;
        if let Some(id) = ids.iter().find(|id| !there.iter().any(|letter| letter.id == **id)) {
            return Err(unknown(id).into());
        }
        let wanted = |letter: &DeadLetter| {
            all || ids.contains(&letter.id) || (campaign.is_some() && letter.campaign == campaign)
        };
        // The records in the store are removed first: a job that is made again and fails again writes its own.
        for message in there.iter().filter(|letter| wanted(letter)).filter_map(DeadLetter::message) {
            store.delete(&Layout::of(&message.job.campaign).dead_letter(&message.job.stem)).await?;
        }
        Ok(RequeueReport { requeued: queue.requeue(wanted).await? })
    }
}

fn unknown(id: &str) -> Error {
    Error::invalid(format!("no dead letter has the id {id:?}")).hint("`housestyle dead list` shows every id")
}
