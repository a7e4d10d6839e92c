//! What breaks in a house with a broker, and what must come of it: after every fault, each job has exactly one outcome, the
//! same as if nothing had happened. Real processes, real kills, real sockets.

use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use housestyle::app::announcer::Announcer;
use housestyle::broker::Rabbit;
use housestyle::broker::{Order, Task};
use housestyle::broker::{RabbitSettings, rabbit::topology};
use housestyle::campaign::records::{self, Answer};
use housestyle::campaign::status::{CampaignState, CampaignStatus};
use housestyle::coordinator::Coordinator;
use housestyle::io::shutdown::Shutdown;
use housestyle::spec::Priority;
use housestyle::store::{Local, Store};

use crate::queue_conformance::messages;
use crate::support::broker::{Broker, shared};
use crate::support::files;
use crate::support::house::{House, JOBS, Worker, wait_for};
use crate::support::plans::{StubPlans, campaign};
use crate::support::proxy::{Mode, Proxy};
use crate::support::s3::Fault;

fn url() -> String {
    Broker::url(shared().port(), &shared().vhost())
}

#[test]
fn a_campaign_comes_by_the_broker_and_the_same_again_is_the_same() {
    let house = House::with_bucket(url());
    let _worker = house.worker(&[]);
    let (code, first) = house.ask(&["submit", "c.yaml", "--wait"]);
    assert!(code == 0 || code == 3, "{first:#}");
    assert_eq!((&first["known"], &first["status"]["state"]), (&false.into(), &"complete".into()), "{first:#}");
    house.assert_complete();

    let (_, again) = house.ask(&["submit", "c.yaml"]);
    assert_eq!((&again["known"], &again["campaign"]), (&true.into(), &first["campaign"]));
    let id = first["campaign"].as_str().unwrap();
    let (_, status) = house.ask(&["status", id]);
    let sum: u64 = ["accepted", "rejected", "failed"].iter().map(|k| status[*k].as_u64().unwrap()).sum();
    assert_eq!((sum, status["remaining"].as_u64()), (JOBS as u64, Some(0)), "{status:#}");
    assert_eq!(house.ask(&["retry", id]).1["again"], 0, "nothing failed");
    assert_eq!(house.ask(&["cancel", id]).1["cancelled"], false, "nothing is left to cancel");
    assert_eq!(house.ask(&["status", "house-000000000000"]).0, 2);

    let wrong = house.folder.path().join("wrong.yaml");
    let text = std::fs::read_to_string(house.folder.path().join("c.yaml")).unwrap();
    std::fs::write(&wrong, text.replace("[flat, line]", "[flat, lime]")).unwrap();
    let (code, rejected) = house.ask(&["submit", "wrong.yaml"]);
    assert_eq!(code, 2, "{rejected:#}");
    assert!(rejected["error"]["problems"][0]["reason"].as_str().unwrap().contains("lime"), "{rejected:#}");
}

#[test]
fn workers_killed_anywhere_lose_and_double_nothing() {
    let house = House::new(url());
    let _submit = house.submit();
    for (ending, count) in [(".png", 1), (".json", 2), (".png", 6), (".json", 9)] {
        let (one, two) = (house.worker(&[]), house.worker(&[]));
        house.reach(ending, count);
        one.kill();
        two.kill();
    }
    assert!(house.shelved(".json") < JOBS, "the workers were too fast to be killed");
    assert_eq!(house.worker(&["--drain"]).end(), Some(0), "{}", house.log());
    house.assert_complete();
}

/// Killed exactly between image and sidecar, and exactly between sidecar and acknowledgement: the store itself does it.
#[test]
fn killed_between_any_two_steps_of_a_commit_loses_and_doubles_nothing() {
    for (ending, then) in [(".json", Fault::Status(503)), (".json", Fault::LoseAnswer), (".png", Fault::LoseAnswer)] {
        let house = House::with_bucket(url());
        let _submit = house.submit();
        let victim: Arc<Mutex<Option<Worker>>> = Arc::default();
        let condemned = Arc::clone(&victim);
        house.server.as_ref().unwrap().misbehave(move |method, path| {
            let commits = method == "PUT" && path.contains("/assets/") && path.ends_with(ending);
            match commits.then(|| condemned.lock().unwrap().take()).flatten() {
                Some(worker) => {
                    worker.kill();
                    then
                }
                None => Fault::None,
            }
        });
        *victim.lock().unwrap() = Some(house.worker(&[]));
        wait_for("the worker to be killed", || victim.lock().unwrap().is_none().then_some(()));
        match then {
            Fault::LoseAnswer => house.reach(ending, 1),
            _ => assert!(house.shelved(".png") > house.shelved(".json"), "an image without its sidecar"),
        }
        assert_eq!(house.worker(&["--drain"]).end(), Some(0), "{}", house.log());
        house.assert_complete();
    }
}

/// A folder on a file system so small that not even the plan fits: waited for, and finished once there is room.
#[test]
fn a_full_disk_costs_time_only() {
    let house = House::new(url());
    let out = house.folder.path().join("out");
    std::fs::create_dir(&out).unwrap();
    let mount = |options: &str| {
        let status = Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(&out).status();
        status.is_ok_and(|status| status.success())
    };
    if !mount("size=48k") {
        eprintln!("not tried: only root may make a small file system here");
        return;
    }
    let _unmount = Unmount(&out);
    let _submit = house.submit();
    let worker = house.worker(&[]);
    wait_for("the disk to be full", || house.log().contains("is away").then_some(()));
    assert!(house.shelved(".json") < JOBS);
    assert!(mount("remount,size=16m"));
    house.assert_complete();
    assert_eq!(worker.terminate(), Some(0), "{}", house.log());
}

struct Unmount<'a>(&'a std::path::Path);

impl Drop for Unmount<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").args(["-l"]).arg(self.0).status();
    }
}

#[test]
fn two_workers_with_the_same_jobs_come_to_one_outcome() {
    let house = House::with_bucket(url());
    let _first = house.submit();
    let workers = [house.worker(&[]), house.worker(&[])];
    house.reach(".json", 3);
    // Every job once more, as after a confirmation that was lost.
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let plan = crate::support::files(&house.place()).into_iter().find(|(name, _)| name.ends_with("plan.json")).unwrap().1;
    let plan: housestyle::plan::Plan = serde_json::from_slice(&plan).unwrap();
    runtime.block_on(async {
        let queue = rabbit(&house).await;
        queue.jobs().publish_all(plan.jobs.into_iter().map(housestyle::broker::Message::new).collect()).await.unwrap();
    });
    house.assert_complete();
    drop(workers);
}

/// The house's own queue, as a program of ours would use it.
async fn rabbit(house: &House) -> Rabbit {
    let settings =
        RabbitSettings { delays: [100, 300, 500, 1000].map(Duration::from_millis).into(), ..RabbitSettings::default() };
    Rabbit::connect(&house.broker().into(), false, settings).await.unwrap()
}

#[test]
fn sigterm_gives_back_what_is_not_done() {
    let house = House::new(url());
    let _submit = house.submit();
    let worker = house.worker(&[]);
    house.reach(".json", 2);
    let asked = Instant::now();
    assert_eq!(worker.terminate(), Some(0), "{}", house.log());
    assert!(asked.elapsed() < Duration::from_secs(20));
    let done = house.shelved(".json");
    assert!((2..JOBS).contains(&done), "{done} were done");
    assert_eq!(house.worker(&["--drain"]).end(), Some(0), "{}", house.log());
    house.assert_complete();
}

#[test]
fn a_cut_or_silent_connection_costs_time_only() {
    let proxy = Proxy::before(shared().port());
    // A short heartbeat, so that silence is noticed within the test's patience.
    let house = House::new(Broker::url(proxy.port, &format!("{}?heartbeat=2", shared().vhost())));
    let _submit = house.submit();
    let worker = house.worker(&[]);
    house.reach(".json", 1);
    proxy.cut();
    house.reach(".json", 4);
    proxy.set(Mode::Stall);
    std::thread::sleep(Duration::from_secs(6));
    proxy.set(Mode::Pass);
    house.reach(".json", 8);
    // Confirmations and deliveries are lost, what we say arrives.
    proxy.set(Mode::StallAnswers);
    std::thread::sleep(Duration::from_millis(500));
    proxy.cut();
    house.assert_complete();
    assert_eq!(worker.terminate(), Some(0), "{}", house.log());
}

#[test]
fn a_deleted_queue_is_declared_again_and_its_jobs_queued_again() {
    let house = House::new(url()).slow();
    let _submit = house.submit();
    let _worker = house.worker(&[]);
    house.reach(".json", 2);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let connection = lapin::Connection::connect(&house.broker(), lapin::ConnectionProperties::default()).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        channel.queue_delete("housestyle.jobs.normal".into(), lapin::options::QueueDeleteOptions::default()).await.unwrap();
    });
    house.assert_complete();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_no_queue_takes_is_noticed_and_finds_its_way() {
    let (url, lane) = (url(), "housestyle.jobs.normal");
    let queue = Rabbit::connect(&url.clone().into(), false, RabbitSettings::default()).await.unwrap();
    queue.jobs().publish_all(messages(1, Priority::Normal)).await.unwrap();
    assert_eq!(queue.jobs().depth(Priority::Normal).await.unwrap(), 1);
    let connection = lapin::Connection::connect(&url, lapin::ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    channel.queue_delete(lane.into(), lapin::options::QueueDeleteOptions::default()).await.unwrap();
    // The broker would take it and drop it; it is given back as unroutable, the queue is declared again, and it arrives.
    queue.jobs().publish_all(messages(2, Priority::Normal)).await.unwrap();
    assert_eq!(queue.jobs().depth(Priority::Normal).await.unwrap(), 2);
    // A queue that will not be declared as ours is: an error, not silence.
    channel.queue_delete(lane.into(), lapin::options::QueueDeleteOptions::default()).await.unwrap();
    let (options, arguments) = (lapin::options::QueueDeclareOptions::durable(), lapin::types::FieldTable::default());
    channel.queue_declare(lane.into(), options, arguments).await.unwrap();
    let patience = RabbitSettings { patience: Duration::from_secs(1), ..RabbitSettings::default() };
    let error = match Rabbit::connect(&url.into(), false, patience).await {
        Ok(queue) => queue.jobs().publish_all(messages(1, Priority::Normal)).await.unwrap_err(),
        Err(error) => error,
    };
    assert!(error.advice().unwrap().contains("other arguments"), "{}", error.chain());
}

#[test]
fn poison_blocks_nobody_and_can_be_looked_at() {
    let house = House::new(url());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let _declared = rabbit(&house).await;
        let connection = lapin::Connection::connect(&house.broker(), lapin::ConnectionProperties::default()).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        for (queue, body) in [
            ("housestyle.jobs.normal", &b"\x1b[31mnot a job\r\n"[..]),
            ("housestyle.jobs.normal", &[0xff; 300 << 10][..]),
            ("housestyle.campaigns", &b"{}"[..]),
        ] {
            let (options, properties) = (lapin::options::BasicPublishOptions::default(), lapin::BasicProperties::default());
            channel.basic_publish(topology::DIRECT.into(), queue.into(), options, body, properties).await.unwrap();
        }
    });
    let _submit = house.submit();
    let worker = house.worker(&[]);
    house.assert_complete();
    let dead = wait_for("the poison to be buried", || {
        let (_, dead) = house.ask(&["dead", "list"]);
        (dead.as_array().unwrap().len() == 3).then_some(dead)
    });
    let id = dead[0]["id"].as_str().unwrap();
    let (code, shown) = house.ask(&["dead", "show", id]);
    assert_eq!((code, &shown["reason"]), (0, &dead[0]["reason"]));
    assert_eq!(house.ask(&["dead", "requeue", "--all"]).1["requeued"].as_array().unwrap().len(), 0, "nobody can read them");
    assert_eq!(house.ask(&["dead", "list"]).1.as_array().unwrap().len(), 3);
    assert_eq!(house.ask(&["dead", "show", "nothing"]).0, 2);
    assert_eq!(worker.terminate(), Some(0));
}

/// So many consumers, one after the other, take all jobs in hand and die.
async fn die_with_the_jobs(broker: &str, jobs: usize, times: i64) {
    for _ in 0..times {
        let connection = lapin::Connection::connect(broker, lapin::ConnectionProperties::default()).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        let mut held = 0;
        while held < jobs {
            match channel.basic_get("housestyle.jobs.normal".into(), lapin::options::BasicGetOptions::default()).await.unwrap()
            {
                Some(_) => held += 1,
                None => tokio::time::sleep(Duration::from_millis(20)).await, // the last one's are on their way back
            }
        }
        connection.close(200, "".into()).await.unwrap();
    }
}

#[test]
fn what_keeps_killing_workers_is_given_up_on_and_can_be_made_again() {
    let house = House::new(url());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut submit = house.submit();
    let planned = house.worker(&[]);
    house.reach(".json", 1);
    planned.kill();
    let _ = submit.0.wait();
    // That worker's death counts as well.
    runtime.block_on(die_with_the_jobs(&house.broker(), JOBS - house.shelved(".json"), topology::DELIVERY_LIMIT - 1));
    assert_eq!(house.worker(&["--drain"]).end(), Some(0), "{}", house.log());
    let id = house.campaign();
    let (_, status) = house.ask(&["status", &id]);
    let dead = status["dead"].as_u64().unwrap();
    assert!(dead > 0 && status["remaining"] == 0, "{status:#}");
    assert_eq!(house.ask(&["retry", &id]).1["again"].as_u64(), Some(dead));
    assert!(house.ask(&["dead", "list"]).1.as_array().unwrap().is_empty(), "they are at work again");
    assert_eq!(house.worker(&["--drain"]).end(), Some(0), "{}", house.log());
    house.assert_complete();
}

#[test]
fn what_was_planned_is_not_made_once_its_source_is_revoked() {
    let house = House::new(url());
    let mut submit = house.submit();
    let planned = house.worker(&[]);
    house.reach(".json", 1);
    planned.kill();
    let _ = submit.0.wait();
    let (code, told) = house.ask(&["rights", "revoke", "random weights", "--reason", "the contract ended"]);
    assert!(code == 0 && !told["assets"].as_array().unwrap().is_empty(), "{told:#}");
    let made = house.shelved(".png");
    assert!(made < JOBS, "nothing is left to be refused");
    assert_eq!(house.worker(&["--drain"]).end(), Some(0), "{}", house.log());
    assert_eq!((house.shelved(".png"), house.shelved(".json")), (made, JOBS), "{}", house.log());
    let rejected = files(&house.place()).into_iter().filter(|(name, _)| name.contains("/rejected/") && name.ends_with(".json"));
    let told = rejected.filter(|(_, text)| String::from_utf8_lossy(text).contains("random weights, is revoked on")).count();
    assert!(told >= JOBS - made, "{told} of {JOBS} say why, {made} were made before");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_broker_gave_up_on_is_dead_in_the_store_too() {
    let (url, folder) = (url(), tempfile::tempdir().unwrap());
    let store: Arc<dyn Store> = Arc::new(Local::new(folder.path()));
    let settings = RabbitSettings { delays: [0.1, 0.2].map(Duration::from_secs_f64).into(), ..RabbitSettings::default() };
    let queue = Rabbit::connect(&url.clone().into(), false, settings).await.unwrap();
    let shutdown = Shutdown::default();
    let coordinator = Coordinator {
        orders: queue.orders(),
        jobs: queue.jobs(),
        store: Arc::clone(&store),
        planner: Arc::new(StubPlans),
        scorer: Arc::new(StubPlans),
        events: Arc::new(Announcer::new(queue.clone(), "/test".into())),
        shutdown: shutdown.clone(),
    };
    let planning = tokio::spawn(async move { coordinator.run().await });
    let submission = records::submission().unwrap();
    let task = Task::Submit { submission: submission.clone(), file: "c.yaml".into(), yaml: campaign(10) };
    queue.orders().publish(Order::new(task, None)).await.unwrap();
    let key = records::answer_key(&submission).unwrap();
    let id = loop {
        match records::read(&*store, &key).await.unwrap() {
            Some(Answer::Accepted { campaign, .. }) => break campaign,
            other => assert!(other.is_none(), "{other:?}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    // Once more than anybody of ours would be told about.
    die_with_the_jobs(&url, 10, topology::DELIVERY_LIMIT + 1).await;
    let standing = loop {
        let standing = CampaignStatus::read(&*store, &id).await.unwrap().unwrap();
        if standing.is_over() {
            break standing;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!((standing.state, standing.dead, standing.remaining), (CampaignState::Incomplete, 10, 0), "{standing:?}");
    assert_eq!(queue.dead_letters().await.unwrap().len(), 10);
    shutdown.request();
    planning.await.unwrap().unwrap();
}

#[test]
fn a_store_that_misbehaves_is_waited_for() {
    let house = House::with_bucket(url());
    let mut count = 0u32;
    house.server.as_ref().unwrap().misbehave(move |method, _| {
        count += 1;
        match (method, count % 7) {
            (_, 0) => Fault::Status(503),
            ("PUT", 3) => Fault::LoseAnswer,
            ("GET", 5) => Fault::CutBody,
            _ if count == 9 => Fault::Stall,
            _ => Fault::None,
        }
    });
    let _submit = house.submit();
    let worker = house.worker(&[]);
    house.reach(".json", 3);
    // Away altogether, for longer than the SDK's own patience with refused requests.
    house.server.as_ref().unwrap().misbehave(|_, _| Fault::Status(503));
    std::thread::sleep(Duration::from_secs(5));
    house.server.as_ref().unwrap().misbehave(|_, _| Fault::None);
    house.assert_complete();
    assert_eq!(worker.terminate(), Some(0), "{}", house.log());
}

#[test]
fn a_cancelled_campaign_stops_and_comes_back_when_submitted_again() {
    let house = House::new(url()).slow();
    let _submit = house.submit();
    let worker = house.worker(&[]);
    house.reach(".json", 2);
    let id = house.campaign();
    let (code, cancelled) = house.ask(&["cancel", &id, "--by", "a test"]);
    assert_eq!((code, &cancelled["cancelled"]), (0, &true.into()), "{cancelled:#}");
    // The news takes a second, a step far less; after that nothing more comes.
    std::thread::sleep(Duration::from_secs(4));
    let done = house.shelved(".json");
    assert!(done < JOBS, "it was too fast to be cancelled");
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(house.shelved(".json"), done, "still at work");
    assert_eq!(house.ask(&["status", &id]).1["state"], "cancelled");
    let (_, again) = house.ask(&["submit", "c.yaml"]);
    assert_eq!((&again["campaign"], &again["known"]), (&id.into(), &true.into()));
    house.assert_complete();
    assert_eq!(worker.terminate(), Some(0));
}

#[test]
fn a_worker_that_lacks_something_takes_nothing() {
    let house = House::new(url());
    for (name, value) in [
        ("HOUSESTYLE_PROVIDER", "cuda"),
        ("HOUSESTYLE_RUNTIME_LIBRARY", "none.so"),
        ("HOUSESTYLE_BROKER", "amqp://house:wrong@127.0.0.1:1/t0"),
        ("HOUSESTYLE_OUT", "/proc/nowhere"),
    ] {
        let mut command = house.command(&["worker"]);
        command.env(name, value);
        let (code, stdout, stderr) = crate::support::output(command);
        assert_eq!(code, 4, "{name}: {stderr}");
        assert!(!stdout.contains("ready") && !stderr.contains("wrong"), "{name}: {stdout}{stderr}");
    }
}

/// Alone on its broker: the whole broker is stopped here.
#[test]
fn a_broker_that_restarts_or_takes_nothing_costs_time_only() {
    let mut broker = Broker::start();
    let house = House::new(Broker::url(broker.port(), &broker.vhost()));
    let _submit = house.submit();
    let worker = house.worker(&[]);
    house.reach(".json", 2);
    broker.down();
    std::thread::sleep(Duration::from_secs(1));
    broker.up();
    house.reach(".json", 6);
    // An alarm: the broker reads nothing from publishers. What is in the lanes is made all the same.
    broker.ctl(&["set_vm_memory_high_watermark", "0"]);
    house.reach(".json", 9);
    let mut blocked = house.command(&["submit", "c.yaml"]).spawn().unwrap();
    std::thread::sleep(Duration::from_secs(2));
    assert!(blocked.try_wait().unwrap().is_none(), "handed over although the broker takes nothing");
    broker.ctl(&["set_vm_memory_high_watermark", "0.4"]);
    house.assert_complete();
    assert_eq!(blocked.wait().unwrap().code(), Some(0));
    assert_eq!(worker.terminate(), Some(0), "{}", house.log());
}
