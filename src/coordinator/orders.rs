//! Does what orders ask: submit, watch, retry and score.

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

/// A campaign in which nothing happens for so long, while nothing waits in the queue, is looked through for lost jobs.
const STILL: Duration = Duration::from_secs(150);
/// The number of the longest delay after which a campaign is looked at again.
const LONGEST: u32 = 4;

/// Receives orders and does what they ask until asked to stop.
pub struct Coordinator {
    /// Where orders come from; campaigns are looked after by orders to itself.
    pub orders: Arc<dyn Channel<Order>>,
    /// Where jobs go.
    pub jobs: Arc<dyn Channel<Message>>,
    /// Where plans and records go.
    pub store: Arc<dyn Store>,
    /// What makes plans.
    pub planner: Arc<dyn CampaignPlanner>,
    /// What scores the pictures of deliveries.
    pub scorer: Arc<dyn PictureScorer>,
    /// Where domain events are published.
    pub events: Arc<dyn EventSink>,
    /// When to stop.
    pub shutdown: Shutdown,
}

impl Coordinator {
    /// Settles orders until asked to stop, or until their channel is closed and empty. The order that is under way
    /// when it is asked to stop is done, or comes to another coordinator.
    ///
    /// # Errors
    /// Where the channel of orders cannot say whether anything is left.
    pub async fn run(&self) -> Result<()> {
        loop {
            let received = tokio::select! {
                biased;
                () = self.shutdown.wait() => return Ok(()),
                received = self.orders.receive() => received?,
            };
            let Some(delivery) = received else { return Ok(()) };
            if let Err(error) = self.settle(delivery).await {
                tracing::warn!(error = %error.chain(), "an order could not be settled; it comes again");
            }
        }
    }

    /// Does what an order asks and settles it: acknowledged if done, tried again if it failed in a way that may pass,
    /// given up on otherwise.
    ///
    /// # Errors
    /// Where the order could not be settled; it is delivered again then.
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
                tracing::warn!(error = %error.chain(), "an order failed; it is tried again");
                // A campaign that is looked after must not be lost sight of, however long store or broker are away.
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
            // Not pretty: a hundred thousand jobs are much to read and write as it is.
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
            let accepted = CampaignAccepted { campaign: campaign.to_string(), name, jobs, folder };
            self.events.publish(&DomainEvent::CampaignAccepted(accepted)).await?;
            // Last: while it is not there, a coordinator that takes this order does all of it.
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

    /// Queues every job that has no outcome, and an order to look after the campaign; returns how many jobs.
    async fn queue_missing(&self, plan: &Plan, layout: &Layout, order: &Order) -> Result<usize> {
        let found = Inventory::list(&*self.store, layout).await?;
        let missing: Vec<&Job> = plan.jobs.iter().filter(|job| found.state(&job.stem).is_none()).collect();
        // First of all: should this coordinator die among the jobs, another one notices.
        let watch = Task::Watch { campaign: plan.campaign.clone(), seen: found.finished(), idle: 0 };
        self.orders.publish_later(Order::new(watch, order.traceparent), 1).await?;
        let traced = |job: &&Job| Message::new((*job).clone()).traced(order.traceparent);
        let messages: Vec<Message> = missing.iter().map(traced).collect();
        let count = messages.len();
        self.jobs.publish_all(messages).await?;
        Ok(count)
    }

    /// Looks how far a campaign is, and finishes it or looks again later.
    async fn watch(&self, campaign: &CampaignId, seen: usize, idle: u32, order: &Order) -> Result<()> {
        let Some(status) = CampaignStatus::read(&*self.store, campaign).await? else { return Ok(()) };
        let layout = Layout::of(campaign);
        match status.state {
            CampaignState::Complete => {
                // Looked at twice, by two orders, it is finished once.
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
            tracing::warn!(%campaign, missing, "nothing happens and nothing waits; what is missing is queued again");
            return Ok(()); // queueing has it looked after anew
        }
        let next = Order::new(Task::Watch { campaign: campaign.clone(), seen: done, idle }, order.traceparent);
        // A campaign near its end is looked at soon, one in which nothing happens ever more rarely.
        let near = status.remaining <= 64 && idle == 0;
        self.orders.publish_later(next, if near { 1 } else { (idle + 1).min(LONGEST) }).await
    }

    /// Publishes that nothing more will come of a campaign.
    async fn over(&self, status: &CampaignStatus, layout: &Layout) -> Result<()> {
        tracing::info!(campaign = status.campaign, state = ?status.state, "nothing more comes of a campaign");
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

    /// Records in the store which jobs the broker itself gave up on, as their workers died before they could.
    async fn record_dead(&self, campaign: &CampaignId) -> Result<()> {
        let dead = self.jobs.dead().await?;
        for (Message { job, .. }, reason) in dead.into_iter().filter(|(message, _)| message.job.campaign == *campaign) {
            dead_letter::record(&*self.store, &job, &reason).await?;
            let (campaign, job) = (campaign.to_string(), job.id.to_string());
            self.events.publish(&DomainEvent::AssetDead(AssetDead { campaign, job, reason })).await?;
        }
        Ok(())
    }

    /// Returns whether nothing has happened for long while nothing waits, so that jobs must have been lost.
    async fn is_still(&self, layout: &Layout, idle: u32) -> Result<bool> {
        let delays = self.orders.delays();
        let last = delays.last().copied().unwrap_or_default();
        let waited: Duration = (0..idle as usize).map(|n| delays.get(n + 1).copied().unwrap_or(last) / 2).sum();
        let queued: Option<Queued> = records::read(&*self.store, &layout.queued()).await?;
        // Before the record is there, a coordinator is still at it, or died.
        let seconds = queued.map_or(0.0, |queued| queued.seconds_per_job);
        // Where the delays are short, patience is short too.
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

    /// Writes manifest and contact sheet.
    async fn finish(&self, layout: &Layout, campaign: &CampaignId) -> Result<()> {
        let plan = plan_file::read(&*self.store, layout).await?;
        let outcomes = Outcomes::read(&self.store, layout, &plan.jobs, Verify::Sidecars).await?;
        outcomes.remove_unusable(&self.store).await?;
        if outcomes.sidecars.len() < plan.jobs.len() {
            return Err(Error::new(Kind::Transient, format!("{campaign} was complete, and is no more")));
        }
        let title = campaign.as_str().rsplit_once('-').map_or(campaign.as_str(), |(name, _)| name);
        finish::finish(&self.store, layout, title, Arc::new(outcomes)).await
    }

    /// Queues what failed or died again.
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
