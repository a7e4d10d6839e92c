//! Carries out orders: submit, watch, retry and score.

use std::sync::Arc;
use std::time::Duration;

use tracing::Instrument as _;

use super::planner::{CampaignPlanner, NamedPlan, PlanRefusal};
use super::scoring::{self, PictureScorer};
use crate::base::error::{Error, Kind, Result};
use crate::base::time::Timestamp;
use crate::broker::{Channel, Delivery, Message, Order, Task};
use crate::campaign::inventory::{Inventory, JobState};
use crate::campaign::layout::Layout;
use crate::campaign::outcomes::{self, Outcomes, Verify};
use crate::campaign::records::{self, Answer, Queued};
use crate::campaign::status::{CampaignState, CampaignStatus};
use crate::campaign::{dead_letter, finish, plan_file};
use crate::events::{
    AssetDead, CampaignAccepted, CampaignCancelled, CampaignCompleted, CampaignRejected, DomainEvent, EventSink,
};
use crate::io::shutdown::Shutdown;
use crate::plan::{CampaignId, Job, Plan};
use crate::spec::{Priority, Problem};
use crate::store::parallel::delete_all;
use crate::store::{Key, Store};

/// Time without progress after which, if the queue is empty, jobs of a campaign count as lost and are queued again.
const STILL: Duration = Duration::from_secs(150);
/// The number of the longest delay between two checks of a campaign.
const LONGEST: u32 = 4;

/// Receives orders and carries them out until asked to stop.
pub struct Coordinator {
    /// The channel of orders; the coordinator also publishes to it, to check campaigns later.
    pub orders: Arc<dyn Channel<Order>>,
    /// The channel that jobs are published to.
    pub jobs: Arc<dyn Channel<Message>>,
    /// The store of plans, records and assets.
    pub store: Arc<dyn Store>,
    /// The planner of submitted campaigns.
    pub planner: Arc<dyn CampaignPlanner>,
    /// The scorer of imported pictures.
    pub scorer: Arc<dyn PictureScorer>,
    /// Where domain events are published.
    pub events: Arc<dyn EventSink>,
    /// The token that stops the coordinator.
    pub shutdown: Shutdown,
}

impl Coordinator {
    /// Settles orders until asked to stop, or until their channel is closed and empty. An order that is in progress
    /// when the stop is requested is completed first.
    ///
    /// # Errors
    ///
    /// Fails if the channel of orders cannot be received from.
    pub async fn run(&self) -> Result<()> {
        loop {
            let received = tokio::select! {
                biased;
                () = self.shutdown.wait() => return Ok(()),
                received = self.orders.receive() => received?,
            };
            let Some(delivery) = received else { return Ok(()) };
            if let Err(error) = self.settle(delivery).await {
                tracing::warn!(error = %error.chain(), "an order could not be settled; it is delivered again");
            }
        }
    }

    /// Carries out an order and settles it: acknowledged if it succeeded, retried if the failure is transient, given up
    /// on otherwise.
    ///
    /// # Errors
    ///
    /// Fails if the order cannot be settled; it is then delivered again.
    pub async fn settle(&self, delivery: Delivery<Order>) -> Result<()> {
        if let Some(reason) = delivery.given_up.clone() {
            return self.give_up(delivery, reason).await;
        }
        let span = tracing::info_span!("order", otel.kind = "consumer");
        if let Some(parent) = delivery.message.traceparent {
            parent.adopt(&span);
        }
        match self.follow(&delivery.message).instrument(span).await {
            Ok(()) => {
                delivery.ack().await;
                Ok(())
            }
            Err(error) if error.is_about_the_input() => self.give_up(delivery, error.chain()).await,
            Err(error) => {
                tracing::warn!(error = %error.chain(), "an order failed; it is retried");
                // Watching a campaign is never given up on, however long store or broker are unavailable.
                if matches!(delivery.message.task, Task::Watch { .. }) {
                    return delivery.postpone(LONGEST).await;
                }
                delivery.retry(&error.chain()).await
            }
        }
    }

    async fn give_up(&self, delivery: Delivery<Order>, reason: String) -> Result<()> {
        if let Task::Submit { submission, yaml, .. } = &delivery.message.task {
            self.reject(submission, yaml, Vec::new(), Some(reason.clone())).await?;
        }
        scoring::give_up(&*self.store, &delivery.message.task, &reason).await?;
        delivery.dead(&reason).await
    }

    async fn follow(&self, order: &Order) -> Result<()> {
        match &order.task {
            Task::Submit { submission, file, yaml } => self.submit(submission, file, yaml, order).await,
            Task::Watch { campaign, seen, idle } => self.watch(campaign, *seen, *idle, order).await,
            Task::Retry { campaign } => self.retry(campaign, order).await,
            task @ Task::Score { .. } => scoring::score(&*self.store, &*self.scorer, task).await,
        }
    }

    /// Plans a campaign and queues its jobs.
    async fn submit(&self, submission: &str, file: &str, yaml: &str, order: &Order) -> Result<()> {
        let answer = records::answer_key(submission)?;
        let NamedPlan { name, plan } = match self.planner.plan(yaml, file).await {
            Ok(planned) => planned,
            Err(PlanRefusal { problems, error: Some(error) }) if problems.is_empty() && !error.is_about_the_input() => {
                return Err(error);
            }
            Err(PlanRefusal { problems, error }) => {
                return self.reject(submission, yaml, problems, error.map(|error| error.chain())).await;
            }
        };
        let (campaign, jobs) = (plan.campaign.clone(), plan.jobs.len());
        let layout = Layout::of(&campaign);
        let before: Option<Queued> = records::read(&*self.store, &layout.queued()).await?;
        let cancelled = self.store.size(&layout.cancelled()).await?.is_some();
        let known = before.as_ref().is_some_and(|before| before.submission != submission);
        if before.is_none() || cancelled {
            // Without indentation, because a plan may have a hundred thousand jobs.
            let bytes =
                serde_json::to_vec(&plan).map_err(|e| Error::internal("cannot write the plan as JSON").caused_by(e))?;
            self.store.put(&layout.campaign(), yaml.to_owned().into()).await?;
            self.store.put(&layout.plan(), bytes.into()).await?;
            self.store.delete(&layout.cancelled()).await?;
            self.queue_missing(&plan, &layout, order).await?;
            let queued = Queued {
                submission: submission.into(),
                at: Timestamp::now(),
                since: records::now(),
                jobs,
                priority: plan.jobs.first().map(|job| job.priority).unwrap_or_default(),
                seconds_per_job: plan.estimate.seconds / jobs.max(1) as f64,
            };
            tracing::info!(%campaign, jobs, "a campaign is planned and queued");
            let folder = self.store.locate(layout.folder());
            let accepted = CampaignAccepted { campaign: campaign.clone(), name, jobs, folder };
            self.events.publish(&DomainEvent::CampaignAccepted(accepted)).await?;
            // Last: until this record exists, a coordinator that receives this order carries out all of it.
            records::write(&*self.store, &layout.queued(), &queued).await?;
        }
        records::write(&*self.store, &answer, &Answer::Accepted { campaign, jobs, known }).await
    }

    async fn reject(&self, submission: &str, yaml: &str, problems: Vec<Problem>, error: Option<String>) -> Result<()> {
        let mut rejected = CampaignRejected::of(yaml.as_bytes(), None, &problems);
        rejected.problems.extend(error.clone());
        tracing::info!(submission, problems = rejected.problems.len(), "a campaign is rejected");
        self.events.publish(&DomainEvent::CampaignRejected(rejected)).await?;
        records::write(&*self.store, &records::answer_key(submission)?, &Answer::Rejected { problems, error }).await
    }

    /// Queues every job without an outcome, and an order to watch the campaign; returns the number of jobs.
    async fn queue_missing(&self, plan: &Plan, layout: &Layout, order: &Order) -> Result<usize> {
        let found = Inventory::list(&*self.store, layout).await?;
        let missing: Vec<&Job> = plan.jobs.iter().filter(|job| found.state(&job.stem).is_none()).collect();
        // First, so that if this coordinator is killed while it queues jobs, another one notices.
        let watch = Task::Watch { campaign: plan.campaign.clone(), seen: found.finished(), idle: 0 };
        self.orders.publish_later(Order::new(watch, order.traceparent), 1).await?;
        let traced = |job: &&Job| Message::new((*job).clone()).traced(order.traceparent);
        let messages: Vec<Message> = missing.iter().map(traced).collect();
        let count = messages.len();
        self.jobs.publish_all(messages).await?;
        Ok(count)
    }

    /// Checks the progress of a campaign, and finishes it or schedules the next check.
    async fn watch(&self, campaign: &CampaignId, seen: usize, idle: u32, order: &Order) -> Result<()> {
        let Some(status) = CampaignStatus::read(&*self.store, campaign).await? else { return Ok(()) };
        let layout = Layout::of(campaign);
        match status.state {
            CampaignState::Complete => {
                // Two orders may watch one campaign; it is finished once.
                if self.store.size(&layout.manifest()).await?.is_none() {
                    self.finish(&layout, campaign).await?;
                }
                return self.over(&status, &layout).await;
            }
            CampaignState::Incomplete | CampaignState::Cancelled => return self.over(&status, &layout).await,
            CampaignState::Queued | CampaignState::Running => {}
        }
        let done = status.finished() + status.dead;
        let idle = if done == seen { idle + 1 } else { 0 };
        if self.is_still(&layout, idle).await? {
            let plan = plan_file::read(&*self.store, &layout).await?;
            self.record_dead(campaign).await?;
            let missing = self.queue_missing(&plan, &layout, order).await?;
            tracing::warn!(%campaign, missing, "no progress and an empty queue; the missing jobs are queued again");
            return Ok(()); // queueing has published a new order to watch
        }
        let next = Order::new(Task::Watch { campaign: campaign.clone(), seen: done, idle }, order.traceparent);
        // A campaign near its end is checked soon, one without progress at growing intervals.
        let near = status.remaining <= 64 && idle == 0;
        self.orders.publish_later(next, if near { 1 } else { (idle + 1).min(LONGEST) }).await
    }

    /// Publishes that a campaign has ended.
    async fn over(&self, status: &CampaignStatus, layout: &Layout) -> Result<()> {
        tracing::info!(campaign = %status.campaign, state = ?status.state, "a campaign has ended");
        let campaign = status.campaign.clone();
        let event = if status.state == CampaignState::Cancelled {
            DomainEvent::CampaignCancelled(CampaignCancelled {
                campaign,
                finished: status.finished(),
                left: status.remaining,
            })
        } else {
            let made = |key: Key| (status.state == CampaignState::Complete).then(|| self.store.locate(&key));
            DomainEvent::CampaignCompleted(CampaignCompleted {
                campaign,
                accepted: status.accepted,
                rejected: status.rejected,
                failed: status.failed + status.dead,
                folder: self.store.locate(layout.folder()),
                manifest: made(layout.manifest()),
                contact_sheet: made(layout.contact_sheet()),
            })
        };
        self.events.publish(&event).await
    }

    /// Records in the store the jobs that the broker itself gave up on, because their workers were killed.
    async fn record_dead(&self, campaign: &CampaignId) -> Result<()> {
        let dead = self.jobs.dead().await?;
        for (Message { job, .. }, reason) in dead.into_iter().filter(|(message, _)| message.job.campaign == *campaign) {
            dead_letter::record(&*self.store, &job, &reason).await?;
            let (campaign, job) = (campaign.clone(), job.id);
            self.events.publish(&DomainEvent::AssetDead(AssetDead { campaign, job, reason })).await?;
        }
        Ok(())
    }

    /// Returns whether a campaign made no progress for long while the queue is empty, so jobs must have been lost.
    async fn is_still(&self, layout: &Layout, idle: u32) -> Result<bool> {
        let delays = self.orders.delays();
        let last = delays.last().copied().unwrap_or_default();
        let waited: Duration = (0..idle as usize).map(|n| delays.get(n + 1).copied().unwrap_or(last) / 2).sum();
        let queued: Option<Queued> = records::read(&*self.store, &layout.queued()).await?;
        // Until the record exists, a coordinator is still queueing, or was killed.
        let seconds = queued.map_or(0.0, |queued| queued.seconds_per_job);
        // With short delays the limit is short too.
        let patience = STILL.min(last * 2).max(Duration::from_secs_f64((100.0 * seconds).clamp(0.0, 86_400.0)));
        if waited < patience {
            return Ok(false);
        }
        for priority in Priority::ALL {
            if self.jobs.depth(priority).await? > 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Writes manifests and contact sheet of a complete campaign.
    async fn finish(&self, layout: &Layout, campaign: &CampaignId) -> Result<()> {
        let plan = plan_file::read(&*self.store, layout).await?;
        let outcomes = Outcomes::read(&self.store, layout, &plan.jobs, Verify::Sidecars).await?;
        outcomes.remove_unusable(&self.store).await?;
        if outcomes.sidecars.len() < plan.jobs.len() {
            return Err(Error::new(
                Kind::Transient,
                format!("{campaign} is not complete any longer: outcomes are missing or unusable"),
            ));
        }
        let title = campaign.as_str().rsplit_once('-').map_or(campaign.as_str(), |(name, _)| name);
        finish::finish(&self.store, layout, title, Arc::new(outcomes)).await
    }

    /// Queues the jobs again that failed or were given up on.
    async fn retry(&self, campaign: &CampaignId, order: &Order) -> Result<()> {
        let layout = Layout::of(campaign);
        let plan = plan_file::read(&*self.store, &layout).await?;
        let found = Inventory::list(&*self.store, &layout).await?;
        delete_all(&self.store, [layout.completion().as_slice(), &[layout.cancelled()]].concat()).await?;
        outcomes::forget_failed(&self.store, &layout, &found.stems(JobState::Failed)).await?;
        let dead = found.stems(JobState::Dead);
        delete_all(&self.store, dead.iter().map(|stem| layout.dead_letter(stem)).collect()).await?;
        self.queue_missing(&plan, &layout, order).await.map(drop)
    }
}
