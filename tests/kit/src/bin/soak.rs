//! The soak: many jobs, several worker processes that are killed at random, a broker that is restarted; prints its
//! figures.
//!
//! Not part of `make test`; `make soak` runs it. The workers are this program again (`soak worker`): all of a worker
//! but its model, so that a job costs what broker, store and the worker itself cost. No such engine is in the product.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::{Args, Parser, Subcommand, ValueEnum};
use housestyle::app::service::Service;
use housestyle::broker::{Order, Rabbit, RabbitSettings, Task};
use housestyle::campaign::inventory::{Inventory, JobState};
use housestyle::campaign::layout::Layout;
use housestyle::campaign::records::{self, Answer};
use housestyle::campaign::status::{CampaignState, CampaignStatus};
use housestyle::io::shutdown::Shutdown;
use housestyle::plan::CampaignId;
use housestyle::store::s3::Credentials;
use housestyle::store::s3::settings::S3Settings;
use housestyle::store::{Local, S3, Store};
use housestyle::telemetry::Metrics;
use housestyle_testkit::broker::Broker;
use housestyle_testkit::files::{files, is_outcome};
use housestyle_testkit::plans::{StubPlans, campaign};
use housestyle_testkit::s3::{self, BUCKET, Server};
use housestyle_testkit::stub::Stub;

/// Between two looks at how far the soak is.
const LOOK: Duration = Duration::from_millis(200);
/// A soak that takes longer hangs.
const LONGEST: Duration = Duration::from_secs(3600);

/// Runs many jobs through workers that are killed and a broker that is restarted.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    role: Option<Role>,
    #[command(flatten)]
    extent: Extent,
}

#[derive(Subcommand)]
enum Role {
    /// Works for the soak that started it
    Worker {
        /// The broker's address
        broker: String,
        /// The bucket's endpoint, or a folder
        store: String,
    },
}

/// How much is done, and how much of it is disturbed.
#[derive(Args, Clone, Copy)]
struct Extent {
    /// Jobs, to a whole ten
    #[arg(long, default_value_t = 10_000)]
    jobs: usize,
    /// Worker processes at any time
    #[arg(long, default_value_t = 3)]
    workers: usize,
    /// Workers that are killed
    #[arg(long, default_value_t = 12)]
    kills: usize,
    /// Restarts of the broker
    #[arg(long, default_value_t = 2)]
    restarts: usize,
    /// Where assets go
    #[arg(long, default_value = "bucket")]
    place: Place,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Place {
    Bucket,
    Folder,
}

#[tokio::main]
async fn main() {
    let arguments = Arguments::parse();
    match arguments.role {
        Some(Role::Worker { broker, store }) => work(broker, &store).await,
        None => soak(arguments.extent).await,
    }
}

fn settings() -> RabbitSettings {
    RabbitSettings { delays: [0.2, 0.5, 2.0].map(Duration::from_secs_f64).into(), ..RabbitSettings::default() }
}

/// Opens a bucket behind an endpoint, or a folder.
async fn open(place: &str) -> Arc<dyn Store> {
    if !place.starts_with("http") {
        return Arc::new(Local::new(place));
    }
    let settings = S3Settings { endpoint: Some(place.into()), ..S3Settings::default() };
    let credentials = Credentials::new(s3::KEY, s3::SECRET, None, None, "test");
    Arc::new(S3::open_as(BUCKET, &settings, Some(credentials)).await.unwrap())
}

/// Works until told to stop.
async fn work(broker: String, place: &str) {
    let shutdown = Shutdown::default();
    shutdown.on_signals();
    let queue = Rabbit::connect(&broker.into(), false, settings()).await.unwrap();
    let service = Service {
        queue,
        store: open(place).await,
        plans: Arc::new(StubPlans),
        max_batch: 16,
        drain: false,
        source: "/soak".into(),
        metrics: Arc::new(Metrics::new().unwrap()),
        shutdown,
    };
    service.run(Stub::default()).await.unwrap();
}

/// The worker processes; killed when dropped.
struct Workers {
    broker: String,
    store: String,
    children: Vec<Child>,
}

impl Workers {
    fn start(&mut self) {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["worker", &self.broker, &self.store]);
        self.children.push(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    }

    fn kill(&mut self, which: usize) {
        let mut child = self.children.swap_remove(which);
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        while !self.children.is_empty() {
            self.kill(0);
        }
    }
}

async fn submit(queue: &Rabbit, store: &dyn Store, jobs: usize) -> CampaignId {
    let submission = records::submission().unwrap();
    let task = Task::Submit { submission: submission.clone(), file: "soak.yaml".into(), yaml: campaign(jobs) };
    queue.orders().publish(Order::new(task, None)).await.unwrap();
    let key = records::answer_key(&submission).unwrap();
    loop {
        match records::read(store, &key).await.unwrap() {
            Some(Answer::Accepted { campaign, .. }) => return campaign,
            Some(Answer::Rejected { problems, error }) => panic!("{problems:?} {error:?}"),
            None => tokio::time::sleep(LOOK).await,
        }
    }
}

/// Disturbs the workers and the broker while jobs are made.
struct Disturbance {
    extent: Extent,
    kills: usize,
    restarts: usize,
    next_kill: usize,
    next_restart: usize,
    seed: u64,
}

impl Disturbance {
    fn new(extent: Extent) -> Self {
        let (next_kill, next_restart) = (extent.jobs / 20, extent.jobs / 3);
        Self { extent, kills: 0, restarts: 0, next_kill, next_restart, seed: 7 }
    }

    /// Kills and restarts what is due after so many jobs.
    fn after(&mut self, made: usize, workers: &mut Workers, broker: &mut Broker) {
        if self.kills < self.extent.kills && made >= self.next_kill {
            // Which one is chance, but the same chance every time.
            self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            workers.kill((self.seed >> 33) as usize % workers.children.len());
            workers.start();
            self.kills += 1;
            self.next_kill = made + self.extent.jobs / (self.extent.kills + 2);
        }
        if self.restarts < self.extent.restarts && made >= self.next_restart {
            tokio::task::block_in_place(|| {
                broker.down();
                broker.up();
            });
            self.restarts += 1;
            self.next_restart = made + self.extent.jobs / 3;
        }
    }
}

async fn soak(extent: Extent) {
    let jobs = extent.jobs.next_multiple_of(10);
    let (server, folder) = (Server::start(), tempfile::tempdir().unwrap());
    let (place, named): (PathBuf, String) = match extent.place {
        Place::Folder => (folder.path().to_owned(), folder.path().display().to_string()),
        Place::Bucket => (server.objects(), server.endpoint.clone()),
    };
    let mut broker = Broker::start();
    let url = Broker::url(broker.port(), &broker.vhost());
    let store = open(&named).await;
    let mut workers = Workers { broker: url.clone(), store: named, children: Vec::new() };
    (0..extent.workers).for_each(|_| workers.start());

    let began = Instant::now();
    let queue = Rabbit::connect(&url.into(), false, settings()).await.unwrap();
    let id = submit(&queue, &*store, jobs).await;
    let queued = began.elapsed();
    let layout = Layout::of(&id);
    let campaign = place.join(layout.folder().as_str());
    let sidecars = || {
        let entries = std::fs::read_dir(campaign.join("assets")).into_iter().flatten().flatten();
        entries.filter(|entry| entry.path().extension().is_some_and(|extension| extension == "json")).count()
    };
    let mut disturbance = Disturbance::new(extent);
    let mut made = 0;
    while made < jobs {
        made = sidecars();
        disturbance.after(made, &mut workers, &mut broker);
        tokio::time::sleep(LOOK).await;
        assert!(began.elapsed() < LONGEST, "{made} of {jobs} after an hour");
    }
    let all_made = began.elapsed();
    while store.size(&layout.manifest()).await.unwrap().is_none() {
        tokio::time::sleep(LOOK).await;
        assert!(began.elapsed() < LONGEST, "never finished");
    }
    let finished = began.elapsed();

    let status = CampaignStatus::read(&*store, &id).await.unwrap().unwrap();
    assert_eq!((status.state, status.accepted, status.dead), (CampaignState::Complete, jobs, 0), "{status:?}");
    let found = Inventory::list(&*store, &layout).await.unwrap();
    assert_eq!(found.count(JobState::Accepted), jobs, "no job is lost");
    let all = files(&campaign);
    let kept = |ending: &str| all.keys().filter(|name| name.ends_with(ending) && is_outcome(name)).count();
    assert_eq!((kept(".png"), kept(".json")), (jobs, jobs), "no outcome is doubled");
    assert!(queue.dead_letters().await.unwrap().is_empty());
    let each = |time: Duration| 1000.0 * time.as_secs_f64() / jobs as f64;
    println!(
        "soak: {jobs} jobs, {} workers, {} kills, {} broker restarts, {}: {jobs} outcomes, none doubled, none lost",
        extent.workers,
        disturbance.kills,
        disturbance.restarts,
        if extent.place == Place::Folder { "a folder" } else { "a bucket" },
    );
    println!("  planned and queued  {:8.1} s  {:.2} ms a job", queued.as_secs_f64(), each(queued));
    println!("  all made            {:8.1} s  {:.2} ms a job", all_made.as_secs_f64(), each(all_made));
    println!("  manifest and sheet  {:8.1} s  {:.2} ms a job", finished.as_secs_f64(), each(finished));
}
