//! The soak: many jobs, several worker processes that are killed at random, a broker that is restarted. Not part of
//! `make test`; `make soak` runs it and prints its figures.
//!
//! The workers are this very test binary, run again: all of a worker but its model, so that a job costs what broker, store
//! and the worker itself cost. No such engine is in the product.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use housestyle::app::service::Service;
use housestyle::broker::Rabbit;
use housestyle::broker::RabbitSettings;
use housestyle::broker::{Order, Task};
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

use crate::support::broker::Broker;
use crate::support::plans::{StubPlans, campaign};
use crate::support::s3::{self, BUCKET, Server};
use crate::support::{Stub, files};

/// A number from the environment, as `make soak` gives it.
fn number(name: &str, default: usize) -> usize {
    std::env::var(name).ok().map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} is not a number")))
}

fn settings() -> RabbitSettings {
    RabbitSettings { delays: [0.2, 0.5, 2.0].map(Duration::from_secs_f64).into(), ..RabbitSettings::default() }
}

/// A bucket behind an endpoint, or a folder.
async fn store(endpoint: &str) -> Arc<dyn Store> {
    if !endpoint.starts_with("http") {
        return Arc::new(Local::new(endpoint));
    }
    let settings = S3Settings { endpoint: Some(endpoint.into()), ..S3Settings::default() };
    let credentials = Credentials::new(s3::KEY, s3::SECRET, None, None, "test");
    Arc::new(S3::open_as(BUCKET, &settings, Some(credentials)).await.unwrap())
}

/// One worker, in a process of its own: started by [`soak`] only.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a process of the soak"]
async fn worker_process() {
    let (Ok(broker), Ok(endpoint)) = (std::env::var("SOAK_BROKER"), std::env::var("SOAK_STORE")) else { return };
    let shutdown = Shutdown::default();
    shutdown.on_signals();
    let queue = Rabbit::connect(&broker.into(), false, settings()).await.unwrap();
    let service = Service {
        queue,
        store: store(&endpoint).await,
        plans: Arc::new(StubPlans),
        max_batch: 16,
        drain: false,
        source: "/soak".into(),
        metrics: Arc::new(Metrics::new().unwrap()),
        shutdown,
    };
    service.run(Stub::default()).await.unwrap();
}

struct Workers {
    broker: String,
    endpoint: String,
    children: Vec<Child>,
}

impl Workers {
    fn start(&mut self) {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "soak::worker_process", "--ignored", "--nocapture"]);
        command.env("SOAK_BROKER", &self.broker).env("SOAK_STORE", &self.endpoint);
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
            None => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

/// SOAK_JOBS jobs, SOAK_WORKERS workers, SOAK_KILLS of them killed, SOAK_RESTARTS of the broker; SOAK_PLACE bucket or folder.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "minutes; make soak"]
async fn soak() {
    let (jobs, workers) = (number("SOAK_JOBS", 10_000), number("SOAK_WORKERS", 3));
    let (mut kills, mut restarts) = (number("SOAK_KILLS", 12), number("SOAK_RESTARTS", 2));
    let (kills_asked, restarts_asked) = (kills, restarts);
    let (server, folder) = (Server::start(), tempfile::tempdir().unwrap());
    let in_folder = std::env::var("SOAK_PLACE").is_ok_and(|place| place == "folder");
    let (place, endpoint) = match in_folder {
        true => (folder.path().to_owned(), folder.path().display().to_string()),
        false => (server.objects(), server.endpoint.clone()),
    };
    let mut broker = Broker::start();
    let url = Broker::url(broker.port(), &broker.vhost());
    let store = store(&endpoint).await;
    let mut house = Workers { broker: url.clone(), endpoint, children: Vec::new() };
    (0..workers).for_each(|_| house.start());

    let began = Instant::now();
    let queue = Rabbit::connect(&url.into(), false, settings()).await.unwrap();
    let id = submit(&queue, &*store, jobs).await;
    let queued = began.elapsed();
    let layout = Layout::of(&id);
    let (mut seed, mut next_kill, mut next_restart) = (7u64, jobs / 20, jobs / 3);
    let sidecars = || {
        let shelf = place.join(layout.folder().as_str()).join("assets");
        std::fs::read_dir(shelf)
            .map_or(0, |dir| dir.flatten().filter(|e| e.path().extension().is_some_and(|x| x == "json")).count())
    };
    let mut made = 0;
    while made < jobs {
        made = sidecars();
        if kills > 0 && made >= next_kill {
            // Which one is chance, but the same chance every time.
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            house.kill((seed >> 33) as usize % house.children.len());
            house.start();
            kills -= 1;
            next_kill = made + jobs / (kills_asked + 2);
        }
        if restarts > 0 && made >= next_restart {
            tokio::task::block_in_place(|| {
                broker.down();
                broker.up();
            });
            restarts -= 1;
            next_restart = made + jobs / 3;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert!(began.elapsed() < Duration::from_secs(3600), "{made} of {jobs} after an hour");
    }
    let all_made = began.elapsed();
    while store.size(&layout.manifest()).await.unwrap().is_none() {
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(began.elapsed() < Duration::from_secs(3600), "never finished");
    }
    let finished = began.elapsed();

    let standing = CampaignStatus::read(&*store, &id).await.unwrap().unwrap();
    assert_eq!((standing.state, standing.accepted, standing.dead), (CampaignState::Complete, jobs, 0), "{standing:?}");
    let found = Inventory::list(&*store, &layout).await.unwrap();
    assert_eq!(found.count(JobState::Accepted), jobs, "no job is lost");
    let all = files(&place.join(layout.folder().as_str()));
    let shelved = |ending: &str| all.keys().filter(|n| n.ending_in(ending)).count();
    assert_eq!((shelved(".png"), shelved(".json")), (jobs, jobs), "no outcome is doubled");
    assert!(queue.dead_letters().await.unwrap().is_empty());
    let each = |time: Duration| 1000.0 * time.as_secs_f64() / jobs as f64;
    println!(
        "soak: {jobs} jobs, {workers} workers, {} kills, {} broker restarts, {}: {jobs} outcomes, none doubled, none lost",
        kills_asked - kills,
        restarts_asked - restarts,
        if in_folder { "a folder" } else { "a bucket" },
    );
    println!("  planned and queued  {:8.1} s  {:.2} ms a job", queued.as_secs_f64(), each(queued));
    println!("  all made            {:8.1} s  {:.2} ms a job", all_made.as_secs_f64(), each(all_made));
    println!("  manifest and sheet  {:8.1} s  {:.2} ms a job", finished.as_secs_f64(), each(finished));
}

/// Names of assets and their sidecars.
trait OnShelf {
    fn ending_in(&self, ending: &str) -> bool;
}

impl OnShelf for String {
    fn ending_in(&self, ending: &str) -> bool {
        self.ends_with(ending) && (self.contains("assets/") || self.contains("rejected/"))
    }
}
