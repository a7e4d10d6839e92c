//! The coordinator on channels in this process and a folder: no broker and no waiting, one order after the other.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use housestyle::base::error::{Error, Kind, Result};
use housestyle::broker::{Channel, MAX_DELIVERIES, MemoryChannel, Message, Order, Task};
use housestyle::campaign::records::{self, Answer};
use housestyle::campaign::status::{CampaignState, CampaignStatus};
use housestyle::coordinator::Coordinator;
use housestyle::events::{DomainEvent, EventSink};
use housestyle::io::shutdown::Shutdown;
use housestyle::plan::CampaignId;
use housestyle::spec::Priority;
use housestyle::store::{Local, Store};
use housestyle::worker::{Mode, WorkSummary, Worker, WorkerEvent};
use housestyle_testkit::plans::{StubPlans, campaign};
use housestyle_testkit::stub::Stub;

const JOBS: usize = 10;
const DELAY: Duration = Duration::from_secs(3600);

/// Records the topics of what is published; fails as often as it is told to.
#[derive(Default)]
struct RecordedEvents {
    topics: Mutex<Vec<&'static str>>,
    failures: AtomicUsize,
}

#[async_trait]
impl EventSink for RecordedEvents {
    async fn publish(&self, event: &DomainEvent) -> Result<()> {
        if self.failures.load(Ordering::SeqCst) > 0 {
            self.failures.fetch_sub(1, Ordering::SeqCst);
            return Err(Error::new(Kind::Transient, "not now"));
        }
        self.topics.lock().unwrap().push(event.topic());
        Ok(())
    }
}

/// A coordinator with everything it works with.
struct Bench {
    _folder: tempfile::TempDir,
    store: Arc<dyn Store>,
    orders: MemoryChannel<Order>,
    jobs: MemoryChannel<Message>,
    events: Arc<RecordedEvents>,
    coordinator: Coordinator,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> = Arc::new(Local::new(folder.path()));
        let orders = MemoryChannel::with_delays(vec![DELAY]);
        let jobs = MemoryChannel::default();
        let events = Arc::<RecordedEvents>::default();
        let coordinator = Coordinator {
            orders: Arc::new(orders.clone()),
            jobs: Arc::new(jobs.clone()),
            store: Arc::clone(&store),
            planner: Arc::new(StubPlans),
            scorer: Arc::new(StubPlans),
            events: Arc::clone(&events) as _,
            shutdown: Shutdown::default(),
        };
        Self { _folder: folder, store, orders, jobs, events, coordinator }
    }

    /// Hands in a campaign file without settling the order; returns the submission's name.
    async fn hand_in(&self, yaml: &str) -> String {
        let submission = records::submission().unwrap();
        let task = Task::Submit { submission: submission.clone(), file: "c.yaml".into(), yaml: yaml.into() };
        self.orders.publish(Order::new(task, None)).await.unwrap();
        submission
    }

    async fn answer(&self, submission: &str) -> Option<Answer> {
        records::read(&*self.store, &records::answer_key(submission).unwrap()).await.unwrap()
    }

    /// Submits a campaign of [`JOBS`] jobs; returns its id and whether it was known.
    async fn submit(&self) -> (CampaignId, bool) {
        let submission = self.hand_in(&campaign(JOBS)).await;
        self.settle(1).await;
        match self.answer(&submission).await {
            Some(Answer::Accepted { campaign, jobs: JOBS, known }) => (campaign, known),
            other => panic!("{other:?}"),
        }
    }

    /// Settles so many orders.
    async fn settle(&self, orders: usize) {
        for _ in 0..orders {
            let order = self.orders.receive().await.unwrap().unwrap();
            self.coordinator.settle(order).await.unwrap();
        }
    }

    /// Makes the jobs that wait with one of many workers, which is asked to stop when all of them are settled.
    async fn work(&self, stub: Stub) -> WorkSummary {
        let shutdown = Shutdown::default();
        let (left, stop) = (AtomicUsize::new(self.queued().await), shutdown.clone());
        let worker = Worker {
            jobs: Arc::new(self.jobs.clone()),
            store: Arc::clone(&self.store),
            max_batch: 4,
            mode: Mode::cluster(Arc::clone(&self.events) as _, Arc::clone(&self.store)),
            shutdown,
            observer: Arc::new(move |event| {
                let settled =
                    matches!(event, WorkerEvent::Finished(_) | WorkerEvent::Dropped(_) | WorkerEvent::Skipped(_));
                if settled && left.fetch_sub(1, Ordering::SeqCst) == 1 {
                    stop.request();
                }
            }),
        };
        tokio::time::timeout(Duration::from_secs(60), worker.run(stub)).await.expect("the worker hangs").unwrap()
    }

    async fn queued(&self) -> usize {
        self.jobs.depth(Priority::Normal).await.unwrap() as usize
    }

    async fn status(&self, campaign: &CampaignId) -> CampaignStatus {
        CampaignStatus::read(&*self.store, campaign).await.unwrap().unwrap()
    }

    /// The topics of what was published since the last call, those of assets left out.
    fn published(&self) -> Vec<&'static str> {
        let mut topics = std::mem::take(&mut *self.events.topics.lock().unwrap());
        topics.retain(|topic| topic.starts_with("campaign."));
        topics
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_submitted_campaign_is_queued_made_and_completed() {
    let bench = Bench::new();
    let (campaign, known) = bench.submit().await;
    assert!(!known);
    assert_eq!((bench.queued().await, bench.published()), (JOBS, vec!["campaign.accepted"]));
    assert_eq!(bench.status(&campaign).await.state, CampaignState::Queued);
    bench.settle(1).await;
    assert_eq!(bench.published(), Vec::<&str>::new(), "nothing is made yet");
    assert_eq!(bench.work(Stub::default()).await.finished, JOBS);
    bench.settle(1).await;
    let status = bench.status(&campaign).await;
    assert_eq!((status.state, status.accepted), (CampaignState::Complete, JOBS));
    assert_eq!(bench.published(), ["campaign.completed"]);
    bench.orders.close().await.unwrap();
    assert!(bench.orders.receive().await.unwrap().is_none(), "a complete campaign is not looked after any more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_campaign_again_is_known_and_queued_once() {
    let bench = Bench::new();
    let (campaign, _) = bench.submit().await;
    let again = bench.hand_in(&housestyle_testkit::plans::campaign(JOBS)).await;
    bench.settle(2).await; // the look at the first, and the second
    let expected = Answer::Accepted { campaign, jobs: JOBS, known: true };
    assert_eq!((bench.answer(&again).await, bench.queued().await), (Some(expected), JOBS));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_campaign_is_rejected_with_its_problems() {
    let bench = Bench::new();
    let submission = bench.hand_in("apiVersion: housestyle/v1\nkind: Campaign\n").await;
    bench.settle(1).await;
    let Some(Answer::Rejected { problems, error: None }) = bench.answer(&submission).await else {
        panic!("not rejected")
    };
    assert!(!problems.is_empty());
    assert_eq!((bench.queued().await, bench.published()), (0, vec!["campaign.rejected"]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_campaign_is_not_made() {
    let bench = Bench::new();
    let (campaign, _) = bench.submit().await;
    records::cancel(&*bench.store, &campaign, "a test").await.unwrap();
    assert_eq!(bench.work(Stub::default()).await.finished, 0);
    assert_eq!(bench.queued().await, 0);
    bench.settle(1).await;
    let status = bench.status(&campaign).await;
    assert_eq!((status.state, status.remaining), (CampaignState::Cancelled, JOBS));
    assert_eq!(bench.published(), ["campaign.accepted", "campaign.cancelled"]);
    // Submitted once more, it is made after all.
    bench.submit().await;
    assert_eq!(bench.queued().await, JOBS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retry_makes_what_failed_again_and_nothing_else() {
    let bench = Bench::new();
    let (campaign, _) = bench.submit().await;
    let broken = |ask: &_| format!("{ask:?}").contains("thing3").then(|| Error::new(Kind::Permanent, "no"));
    bench.work(Stub { item_error: Box::new(broken), ..Stub::default() }).await;
    bench.settle(1).await;
    let failed = bench.status(&campaign).await.failed;
    assert!(failed > 0);
    let order = Order::new(Task::Retry { campaign: campaign.clone() }, None);
    bench.orders.publish(order).await.unwrap();
    bench.settle(1).await;
    assert_eq!(bench.queued().await, failed);
    bench.work(Stub::default()).await;
    bench.settle(1).await;
    let status = bench.status(&campaign).await;
    assert_eq!((status.state, status.accepted), (CampaignState::Complete, JOBS));
    assert_eq!(bench.published(), ["campaign.accepted", "campaign.completed", "campaign.completed"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_that_the_broker_lost_are_queued_again() {
    let bench = Bench::new();
    let (campaign, _) = bench.submit().await;
    for _ in 0..JOBS {
        bench.jobs.receive().await.unwrap().unwrap().ack().await;
    }
    assert_eq!(bench.queued().await, 0);
    bench.settle(1).await;
    assert_eq!(bench.queued().await, JOBS, "the time without news is longer than anybody waits");
    assert_eq!(bench.work(Stub::default()).await.finished, JOBS);
    bench.settle(1).await;
    assert_eq!(bench.status(&campaign).await.state, CampaignState::Complete);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_fails_comes_again_and_is_given_up_on_after_enough_failures() {
    let bench = Bench::new();
    bench.events.failures.store(1, Ordering::SeqCst);
    let submission = bench.hand_in(&campaign(JOBS)).await;
    bench.settle(1).await;
    assert_eq!(bench.answer(&submission).await, None, "the event was not published, so nothing is answered");
    while bench.answer(&submission).await.is_none() {
        bench.settle(1).await;
    }
    assert!(matches!(bench.answer(&submission).await, Some(Answer::Accepted { known: false, .. })));

    bench.events.failures.store(usize::MAX, Ordering::SeqCst);
    let hopeless = bench.hand_in("kind: Campaign\n").await;
    while bench.orders.dead().await.unwrap().is_empty() {
        bench.settle(1).await;
    }
    let dead = bench.orders.dead().await.unwrap();
    let (order, reason) = &dead[0];
    assert_eq!((dead.len(), order.failures), (1, MAX_DELIVERIES));
    assert!(reason.contains("not now"), "{reason}");
    assert_eq!(bench.answer(&hopeless).await, None);
}
