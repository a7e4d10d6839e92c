//! How far a campaign is, how fast, how long still, and how much waits before it.
//!
//! # Invariants
//! What is counted is what the store holds; the broker is asked only for the place in the queue, and that it cannot be
//! reached is no reason not to answer.

use std::time::{Duration, Instant};

use super::failure::AppResult;
use super::findings::StatusReport;
use super::progress::Progress;
use super::resources::App;
use crate::base::error;
use crate::campaign::layout::Layout;
use crate::campaign::status::{CampaignState, CampaignStatus, unknown};
use crate::plan::CampaignId;
use crate::store::Store;

/// Between two looks at a campaign that is watched: longer where looking takes longer.
const PAUSE: Duration = Duration::from_millis(500);

/// Which campaign is asked for.
#[derive(Clone, Debug)]
pub struct StatusRequest {
    /// Its id.
    pub campaign: CampaignId,
    /// The store's place; `None`: the one of the settings.
    pub out: Option<String>,
}

impl App {
    /// Returns how far a campaign is.
    ///
    /// # Errors
    /// Where there is no such campaign, or the store cannot be read.
    pub async fn status(&self, request: StatusRequest) -> AppResult<StatusReport> {
        let store = self.store(request.out.as_deref()).await?;
        Ok(self.campaign_status(&*store, &request.campaign, None).await?)
    }

    /// Returns how far a campaign is once it is over or the application is asked to stop; reports every change on the
    /// way as [`Progress::Status`].
    ///
    /// # Errors
    /// As [`App::status`].
    pub async fn watch(&self, request: StatusRequest) -> AppResult<StatusReport> {
        let store = self.store(request.out.as_deref()).await?;
        Ok(self.watch_campaign(&*store, &request.campaign).await?)
    }

    pub(super) async fn watch_campaign(&self, store: &dyn Store, campaign: &CampaignId) -> error::Result<StatusReport> {
        let (started, mut first, mut reported) = (Instant::now(), None, None);
        loop {
            let looked = Instant::now();
            let since = first.map(|finished| Since { finished, elapsed: started.elapsed() });
            let report = self.campaign_status(store, campaign, since).await?;
            let standing = &report.standing;
            first.get_or_insert(standing.finished());
            let now = (standing.state, standing.finished(), standing.dead);
            if reported != Some(now) {
                self.report(&Progress::Status(&report));
                reported = Some(now);
            }
            // The manifest comes last: who waits for the end wants it, too.
            let whole = standing.state != CampaignState::Complete || has_manifest(store, campaign).await?;
            if standing.is_over() && whole || self.shutdown.requested() {
                return Ok(report);
            }
            tokio::select! {
                () = tokio::time::sleep(PAUSE.max(looked.elapsed() * 4)) => {}
                () = self.shutdown.wait() => {}
            }
        }
    }

    async fn campaign_status(
        &self,
        store: &dyn Store,
        campaign: &CampaignId,
        since: Option<Since>,
    ) -> error::Result<StatusReport> {
        let standing = CampaignStatus::read(store, campaign).await?.ok_or_else(|| unknown(campaign, store))?;
        let (made, seconds) = match since {
            Some(since) => (standing.finished().saturating_sub(since.finished), since.elapsed.as_secs_f64()),
            None => (standing.finished(), standing.age.unwrap_or(0) as f64),
        };
        let rate = (made > 0 && seconds > 0.0 && !standing.is_over()).then(|| made as f64 / seconds);
        let ahead = match standing.state {
            CampaignState::Queued if self.config.broker.is_some() => self.ahead(&standing).await,
            _ => None,
        };
        Ok(StatusReport {
            folder: store.locate(Layout::of(campaign).folder()),
            rate,
            seconds_left: rate.map(|rate| standing.remaining as f64 / rate),
            ahead,
            standing,
        })
    }

    /// Counts the jobs of others that wait on the campaign's lane; `None` where the broker cannot be asked.
    async fn ahead(&self, standing: &CampaignStatus) -> Option<usize> {
        let depth = async { self.broker(1).await?.jobs().depth(standing.priority).await };
        match depth.await {
            Ok(depth) => Some((depth as usize).saturating_sub(standing.remaining)),
            Err(error) => {
                tracing::warn!(error = %error.chain(), "the place in the queue is not known");
                None
            }
        }
    }
}

/// How far a campaign was when it was first looked at.
struct Since {
    finished: usize,
    elapsed: Duration,
}

async fn has_manifest(store: &dyn Store, campaign: &CampaignId) -> error::Result<bool> {
    Ok(store.size(&Layout::of(campaign).manifest()).await?.is_some())
}
