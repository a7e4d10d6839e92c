//! Reports a campaign's status: progress, rate, time left, and jobs queued ahead of it.
//!
//! # Invariants
//! Counts come from the store. The broker is asked only for the place in the queue; if it cannot be reached, the
//! status is returned without it.

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

/// Interval between two readings of a watched campaign's status; longer if reading takes longer.
const PAUSE: Duration = Duration::from_millis(500);

/// The request for a campaign's status.
#[derive(Clone, Debug)]
pub(crate) struct StatusRequest {
    /// The campaign's id.
    pub campaign: CampaignId,
    /// The store's folder or `s3://BUCKET/PREFIX`; `None`: the setting `out`.
    pub out: Option<String>,
}

impl App {
    /// Returns a campaign's status.
    ///
    /// # Errors
    /// Returns an error if there is no such campaign, or the store cannot be read.
    pub async fn status(&self, request: StatusRequest) -> AppResult<StatusReport> {
        let store = self.store(request.out.as_deref()).await?;
        Ok(self.campaign_status(&*store, &request.campaign, None).await?)
    }

    /// Waits until a campaign has ended or the application is asked to stop, and returns its status; reports every
    /// change as [`Progress::Status`].
    ///
    /// # Errors
    /// As [`App::status`].
    pub async fn watch(&self, request: StatusRequest) -> AppResult<StatusReport> {
        let store = self.store(request.out.as_deref()).await?;
        Ok(self.watch_campaign(&*store, &request.campaign).await?)
    }

    /// Waits as [`App::watch`] does, for a campaign in an open store.
    ///
    /// # Errors
    /// As [`App::status`].
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
            // The manifest is written last, and callers that wait for the end expect it.
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

    /// Counts the jobs of other campaigns that wait in the queue of the campaign's priority; returns `None` if the
    /// broker cannot be asked.
    async fn ahead(&self, standing: &CampaignStatus) -> Option<usize> {
        let depth = async { self.broker(1).await?.jobs().depth(standing.priority).await };
        match depth.await {
            Ok(depth) => Some((depth as usize).saturating_sub(standing.remaining)),
            Err(error) => {
                tracing::warn!(error = %error.chain(), "cannot read the place in the queue");
                None
            }
        }
    }
}

/// A campaign's progress at the first reading, from which the rate is computed.
struct Since {
    finished: usize,
    elapsed: Duration,
}

async fn has_manifest(store: &dyn Store, campaign: &CampaignId) -> error::Result<bool> {
    Ok(store.size(&Layout::of(campaign).manifest()).await?.is_some())
}
