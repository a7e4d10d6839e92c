//! Dead letters: messages that were given up on, with the reason and what they were about.
//!
//! # Invariants
//! Listing changes nothing; what cannot be read stays where it is.

use serde::Serialize;

use super::failure::AppResult;
use super::resources::App;
use crate::base::error::Error;
use crate::broker::DeadLetter;
use crate::campaign::layout::Layout;

/// Which dead letters are put back to work; any of the three suffices.
#[derive(Clone, Debug, Default)]
pub struct RequeueRequest {
    /// Those with these ids.
    pub ids: Vec<String>,
    /// Those of this campaign.
    pub campaign: Option<String>,
    /// All.
    pub all: bool,
    /// The store's place; `None`: the one of the settings.
    pub out: Option<String>,
}

/// What was put back to work.
#[derive(Debug, Serialize)]
pub struct RequeueReport {
    /// The dead letters that are none any more.
    pub requeued: Vec<DeadLetter>,
}

impl App {
    /// Returns every dead letter, oldest first.
    ///
    /// # Errors
    /// Where the broker cannot be reached.
    pub async fn dead_letters(&self) -> AppResult<Vec<DeadLetter>> {
        Ok(self.broker(1).await?.dead_letters().await?)
    }

    /// Returns the dead letter with this id.
    ///
    /// # Errors
    /// Where there is none, or the broker cannot be reached.
    pub(crate) async fn dead_letter(&self, id: &str) -> AppResult<DeadLetter> {
        let letters = self.dead_letters().await?;
        Ok(letters.into_iter().find(|letter| letter.id == id).ok_or_else(|| unknown(id))?)
    }

    /// Puts dead letters back to work, their failures forgotten.
    ///
    /// # Errors
    /// Where an id is unknown, or broker or store cannot be reached.
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
        // The records in the store go first: a job that is made again and dies again writes its own.
        for message in there.iter().filter(|letter| wanted(letter)).filter_map(DeadLetter::message) {
            store.delete(&Layout::of(&message.job.campaign).dead_letter(&message.job.stem)).await?;
        }
        Ok(RequeueReport { requeued: queue.requeue(wanted).await? })
    }
}

fn unknown(id: &str) -> Error {
    Error::invalid(format!("no dead letter has the id {id:?}")).hint("`housestyle dead list` shows every id")
}
