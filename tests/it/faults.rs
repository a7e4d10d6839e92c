//! What breaks in a house with a broker, and what must come of it: after every fault, each job has exactly one outcome,
//! the same as if nothing had happened. Real processes, real kills, real sockets.
//!
//! Where a fault must meet a worker at work, the bucket holds the outcomes back ([`House::advance`]): no machine is too
//! fast.

use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

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
use housestyle_testkit::broker::{Broker, shared};
use housestyle_testkit::files::files;
use housestyle_testkit::house::{House, JOBS, Worker};
use housestyle_testkit::needs;
use housestyle_testkit::needs::mount;
use housestyle_testkit::plans::{StubPlans, campaign};
use housestyle_testkit::program::{output, terminate};
use housestyle_testkit::proxy::{Mode, Proxy};
use housestyle_testkit::s3::Fault;
use housestyle_testkit::wait::{wait_for, wait_until};

use crate::queue_conformance::messages;

/// What a worker logs when it begins to wait for the store.
const AWAY: &str = "the store is away";
/// What a worker logs when its connection to the broker is gone.
const CUT: &str = "the broker's connection is gone";
/// What a worker logs when it hears that it should stop.
const STOPPING: &str = "asked to stop";
/// What a worker logs for each job of a cancelled campaign.
const DROPPED: &str = "its campaign is cancelled";

fn url() -> String {
    Broker::url(shared().port(), &shared().vhost())
}

#[test]
fn a_campaign_comes_by_the_broker_and_the_same_again_is_the_same() {
    needs!(Broker, Runtime);
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
    needs!(Broker, Runtime);
    let house = House::with_bucket(url());
    let _submit = house.submit();
    for (ending, count) in [(".png", 1), (".json", 2), (".json", 6), (".json", 9)] {
        house.bucket().advance(ending, count);
        let (one, two) = (house.worker(&[]), house.worker(&[]));
        house.reach(ending, count);
        one.kill();
        two.kill();
    }
    house.bucket().release();
    assert!(house.outcomes(".json") < JOBS, "a worker went on after it was killed");
    assert_eq!(house.worker(&["--drain"]).end(), Some(0), "{}", house.log());
    house.assert_complete();
}

/// Killed exactly between image and sidecar, and exactly between sidecar and acknowledgement: the store itself does it.
#[test]
fn killed_between_any_two_steps_of_a_commit_loses_and_doubles_nothing() {
    needs!(Broker, Runtime);
    for (ending, then) in [(".json", Fault::Status(503)), (".json", Fault::LoseAnswer), (".png", Fault::LoseAnswer)] {
        let house = House::with_bucket(url());
        let _submit = house.submit();
        let victim: Arc<Mutex<Option<Worker>>> = Arc::default();
        let condemned = Arc::clone(&victim);
        house.bucket().misbehave(move |method, path| {
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
            _ => assert!(house.outcomes(".png") > house.outcomes(".json"), "an image without its sidecar"),
        }
        assert_eq!(house.worker(&["--drain"]).end(), Some(0), "{}", house.log());
        house.assert_complete();
    }
}

/// A folder on a file system so small that not even the plan fits: waited for, and finished once there is room.
#[test]
fn a_full_disk_costs_time_only() {
    needs!(Broker, Runtime, Mount);
    let house = House::new(url());
    let out = house.folder.path().join("out");
    std::fs::create_dir(&out).unwrap();
    assert!(mount(&out, "size=48k"));
    let _unmount = Unmount(&out);
    let _submit = house.submit();
    let worker = house.worker(&[]);
    house.logged(AWAY, 0);
    assert!(house.outcomes(".json") < JOBS);
    assert!(mount(&out, "remount,size=16m"));
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
    needs!(Broker, Runtime);
    let house = House::with_bucket(url());
    let _first = house.submit();
    let workers = [house.worker(&[]), house.worker(&[])];
    house.advance(".json", 3);
    // Every job once more, as after a confirmation that was lost.
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let plan = files(&house.place()).into_iter().find(|(name, _)| name.ends_with("plan.json")).unwrap().1;
    let plan: housestyle::plan::Plan = serde_json::from_slice(&plan).unwrap();
    runtime.block_on(async {
        let queue = rabbit(&house).await;
        queue.jobs().publish_all(plan.jobs.into_iter().map(housestyle::broker::Message::new).collect()).await.unwrap();
    });
    house.bucket().release();
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
    needs!(Broker, Runtime);
    let house = House::with_bucket(url());
    let _submit = house.submit();
    let worker = house.worker(&[]);
    house.advance(".json", 2);
    terminate(&worker.0);
    house.logged(STOPPING, 0);
    house.bucket().release();
    assert_eq!(worker.end(), Some(0), "{}", house.log());
    assert!(!house.log().contains("not everything was given back in time"), "{}", house.log());
    let done = house.outcomes(".json");
    assert!((2..JOBS).contains(&done), "{done} were done");
    assert_eq!(house.worker(&["--drain"]).end(), Some(0), "{}", house.log());
    house.assert_complete();
}

#[test]
fn a_cut_or_silent_connection_costs_time_only() {
    needs!(Broker, Runtime);
    let proxy = Proxy::before(shared().port());
    // A short heartbeat, so that silence is noticed within the test's patience.
    let house = House::with_bucket(Broker::url(proxy.port, &format!("{}?heartbeat=2", shared().vhost())));
    let _submit = house.submit();
    let worker = house.worker(&[]);
    house.advance(".json", 1);
    proxy.cut();
    house.advance(".json", 4);
    let ended = proxy.ended();
    proxy.set(Mode::Stall);
    wait_for("the silence to be noticed", || (proxy.ended() > ended).then_some(()));
    proxy.set(Mode::Pass);
    house.advance(".json", 8);
    // Confirmations and deliveries are lost, what we say arrives.
    let withheld = proxy.withheld();
    proxy.set(Mode::StallAnswers);
    house.bucket().release();
    wait_for("an answer to be withheld", || (proxy.withheld() > withheld).then_some(()));
    proxy.cut();
    house.assert_complete();
    assert_eq!(worker.terminate(), Some(0), "{}", house.log());
}

#[test]
fn a_deleted_queue_is_declared_again_and_its_jobs_queued_again() {
    needs!(Broker, Runtime);
    let house = House::with_bucket(url());
    let _submit = house.submit();
    let _worker = house.worker(&[]);
    house.advance(".json", 2);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let connection =
            lapin::Connection::connect(&house.broker(), lapin::ConnectionProperties::default()).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        channel
            .queue_delete("housestyle.jobs.normal".into(), lapin::options::QueueDeleteOptions::default())
            .await
            .unwrap();
    });
    house.bucket().release();
    house.assert_complete();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_no_queue_takes_is_noticed_and_finds_its_way() {
    needs!(Broker);
    let (url, lane) = (url(), "housestyle.jobs.normal");
    let queue = Rabbit::connect(&url.clone().into(), false, RabbitSettings::default()).await.unwrap();
    queue.jobs().publish_all(messages(1, Priority::Normal)).await.unwrap();
    assert_eq!(queue.jobs().depth(Priority::Normal).await.unwrap(), 1);
    let connection = lapin::Connection::connect(&url, lapin::ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    channel.queue_delete(lane.into(), lapin::options::QueueDeleteOptions::default()).await.unwrap();
    // The broker would take it and drop it; it is given back as unroutable, the queue is declared again, and it
    // arrives.
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
    needs!(Broker, Runtime);
    let house = House::new(url());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let _declared = rabbit(&house).await;
        let connection =
            lapin::Connection::connect(&house.broker(), lapin::ConnectionProperties::default()).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        for (queue, body) in [
            ("housestyle.jobs.normal", &b"\x1b[31mnot a job\r\n"[..]),
            ("housestyle.jobs.normal", &[0xff; 300 << 10][..]),
            ("housestyle.campaigns", &b"{}"[..]),
        ] {
            let (options, properties) =
                (lapin::options::BasicPublishOptions::default(), lapin::BasicProperties::default());
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
    assert_eq!(
        house.ask(&["dead", "requeue", "--all"]).1["requeued"].as_array().unwrap().len(),
        0,
        "nobody can read them"
    );
    assert_eq!(house.ask(&["dead", "list"]).1.as_array().unwrap().len(), 3);
    assert_eq!(house.ask(&["dead", "show", "nothing"]).0, 2);
    assert_eq!(worker.terminate(), Some(0));
}

/// So many consumers, one after the other, take all jobs in hand and die.
async fn die_with_the_jobs(broker: &str, jobs: usize, times: i64) {
    for _ in 0..times {
        let connection = lapin::Connection::connect(broker, lapin::ConnectionProperties::default()).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        for _ in 0..jobs {
            // Those of the consumer before are on their way back for a moment.
            let take = async || {
                let options = lapin::options::BasicGetOptions::default();
                channel.basic_get("housestyle.jobs.normal".into(), options).await.unwrap()
            };
            wait_until("a job", take).await;
        }
        connection.close(200, "".into()).await.unwrap();
    }
}

#[test]
fn what_keeps_killing_workers_is_given_up_on_and_can_be_made_again() {
    needs!(Broker, Runtime);
    let house = House::with_bucket(url());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut submit = house.submit();
    let planned = house.worker(&[]);
    house.advance(".json", 1);
    planned.kill();
    let _ = submit.0.wait();
    house.bucket().release();
    // That worker's death counts as well.
    runtime.block_on(die_with_the_jobs(&house.broker(), JOBS - house.outcomes(".json"), topology::DELIVERY_LIMIT - 1));
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
    needs!(Broker, Runtime);
    let house = House::with_bucket(url());
    let mut submit = house.submit();
    house.bucket().advance(".png", 1);
    let planned = house.worker(&[]);
    house.reach(".json", 1);
    planned.kill();
    let _ = submit.0.wait();
    house.bucket().release();
    let (code, told) = house.ask(&["rights", "revoke", "random weights", "--reason", "the contract ended"]);
    assert!(code == 0 && !told["assets"].as_array().unwrap().is_empty(), "{told:#}");
    let made = house.outcomes(".png");
    assert!(made < JOBS, "nothing is left to be refused");
    assert_eq!(house.worker(&["--drain"]).end(), Some(0), "{}", house.log());
    assert_eq!((house.outcomes(".png"), house.outcomes(".json")), (made, JOBS), "{}", house.log());
    let rejected =
        files(&house.place()).into_iter().filter(|(name, _)| name.contains("/rejected/") && name.ends_with(".json"));
    let told =
        rejected.filter(|(_, text)| String::from_utf8_lossy(text).contains("random weights, is revoked on")).count();
    assert!(told >= JOBS - made, "{told} of {JOBS} say why, {made} were made before");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_broker_gave_up_on_is_dead_in_the_store_too() {
    needs!(Broker);
    let (url, folder) = (url(), tempfile::tempdir().unwrap());
    let store: Arc<dyn Store> = Arc::new(Local::new(folder.path()));
    let settings =
        RabbitSettings { delays: [0.1, 0.2].map(Duration::from_secs_f64).into(), ..RabbitSettings::default() };
    let queue = Rabbit::connect(&url.clone().into(), false, settings).await.unwrap();
    let start = || {
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
        (shutdown, tokio::spawn(async move { coordinator.run().await }))
    };
    let (shutdown, coordinating) = start();
    let submission = records::submission().unwrap();
    let task = Task::Submit { submission: submission.clone(), file: "c.yaml".into(), yaml: campaign(10) };
    queue.orders().publish(Order::new(task, None)).await.unwrap();
    let key = records::answer_key(&submission).unwrap();
    let answer = wait_until("an answer", async || records::read(&*store, &key).await.unwrap()).await;
    let Answer::Accepted { campaign: id, .. } = answer else { panic!("{answer:?}") };
    // Nobody looks meanwhile: jobs in the hands of others, who are slow, would count as lost and be queued again.
    shutdown.request();
    coordinating.await.unwrap().unwrap();
    // Once more than anybody of ours would be told about.
    die_with_the_jobs(&url, 10, topology::DELIVERY_LIMIT + 1).await;
    let (shutdown, coordinating) = start();
    let over =
        async || Some(CampaignStatus::read(&*store, &id).await.unwrap().unwrap()).filter(CampaignStatus::is_over);
    let standing = wait_until("the campaign to be over", over).await;
    assert_eq!((standing.state, standing.dead, standing.remaining), (CampaignState::Incomplete, 10, 0), "{standing:?}");
    assert_eq!(queue.dead_letters().await.unwrap().len(), 10);
    shutdown.request();
    coordinating.await.unwrap().unwrap();
}

#[test]
fn a_store_that_misbehaves_is_waited_for() {
    needs!(Broker, Runtime);
    let house = House::with_bucket(url());
    let away = Arc::new(AtomicBool::new(false));
    let is_away = Arc::clone(&away);
    let mut count = 0u32;
    house.bucket().misbehave(move |method, _| {
        count += 1;
        match (method, count % 7) {
            _ if is_away.load(Ordering::SeqCst) => Fault::Status(503),
            (_, 0) => Fault::Status(503),
            ("PUT", 3) => Fault::LoseAnswer,
            ("GET", 5) => Fault::CutBody,
            _ if count == 9 => Fault::Stall,
            _ => Fault::None,
        }
    });
    let _submit = house.submit();
    let worker = house.worker(&[]);
    house.advance(".json", 3);
    // Away altogether, for longer than the SDK's own patience with refused requests.
    let waited = house.log().matches(AWAY).count();
    away.store(true, Ordering::SeqCst);
    house.bucket().release();
    house.logged(AWAY, waited);
    house.bucket().misbehave(|_, _| Fault::None);
    house.assert_complete();
    assert_eq!(worker.terminate(), Some(0), "{}", house.log());
}

#[test]
fn a_cancelled_campaign_stops_and_comes_back_when_submitted_again() {
    needs!(Broker, Runtime);
    let house = House::with_bucket(url());
    let _submit = house.submit();
    let worker = house.worker(&[]);
    house.advance(".json", 2);
    let id = house.campaign();
    let (code, cancelled) = house.ask(&["cancel", &id, "--by", "a test"]);
    assert_eq!((code, &cancelled["cancelled"]), (0, &true.into()), "{cancelled:#}");
    // The worker looks for the mark again and again, so that at a later look it knows what one before has shown.
    let looks = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&looks);
    house.bucket().misbehave(move |method, path| {
        seen.fetch_add(usize::from(method == "HEAD" && path.contains("cancelled")), Ordering::SeqCst);
        Fault::None
    });
    wait_for("the worker to see that it is cancelled", || (looks.load(Ordering::SeqCst) > 3).then_some(()));
    // What is being committed is committed; then the worker takes the next job, and drops it and all others.
    house.bucket().release();
    house.logged(DROPPED, 0);
    assert_eq!(worker.terminate(), Some(0), "{}", house.log());
    let done = house.outcomes(".json");
    assert!((2..JOBS).contains(&done), "{done} were done");
    assert_eq!(house.worker(&["--drain"]).end(), Some(0), "{}", house.log());
    assert_eq!(house.outcomes(".json"), done, "still at work");
    assert_eq!(house.ask(&["status", &id]).1["state"], "cancelled");
    let worker = house.worker(&[]);
    let (_, again) = house.ask(&["submit", "c.yaml"]);
    assert_eq!((&again["campaign"], &again["known"]), (&id.into(), &true.into()));
    house.assert_complete();
    assert_eq!(worker.terminate(), Some(0));
}

#[test]
fn a_worker_that_lacks_something_takes_nothing() {
    needs!(Broker, Runtime);
    let house = House::new(url());
    for (name, value) in [
        ("HOUSESTYLE_PROVIDER", "cuda"),
        ("HOUSESTYLE_RUNTIME_LIBRARY", "none.so"),
        ("HOUSESTYLE_BROKER", "amqp://house:wrong@127.0.0.1:1/t0"),
        ("HOUSESTYLE_OUT", "/proc/nowhere"),
    ] {
        let mut command = house.command(&["worker"]);
        command.env(name, value);
        let (code, stdout, stderr) = output(command);
        assert_eq!(code, 4, "{name}: {stderr}");
        assert!(!stdout.contains("ready") && !stderr.contains("wrong"), "{name}: {stdout}{stderr}");
    }
}

/// Alone on its broker: the whole broker is stopped here.
#[test]
fn a_broker_that_restarts_or_takes_nothing_costs_time_only() {
    needs!(Broker, Runtime);
    let mut broker = Broker::start();
    let house = House::with_bucket(Broker::url(broker.port(), &broker.vhost()));
    let _submit = house.submit();
    let worker = house.worker(&[]);
    house.advance(".json", 2);
    broker.down();
    house.logged(CUT, 0);
    broker.up();
    house.advance(".json", 6);
    // An alarm: the broker reads nothing from publishers. What is in the lanes is made all the same.
    broker.ctl(&["set_vm_memory_high_watermark", "0"]);
    house.advance(".json", 9);
    let mut blocked = house.command(&["submit", "c.yaml"]).spawn().unwrap();
    let connection = format!("housestyle publisher {}", blocked.id());
    wait_for("the broker to block the submission", || {
        let connections = broker.ctl(&["list_connections", "--silent", "client_properties", "state"]);
        connections.lines().find(|line| line.contains(&connection) && line.contains("blocked")).map(drop)
    });
    assert!(blocked.try_wait().unwrap().is_none(), "handed over although the broker takes nothing");
    broker.ctl(&["set_vm_memory_high_watermark", "0.4"]);
    house.bucket().release();
    house.assert_complete();
    assert_eq!(blocked.wait().unwrap().code(), Some(0));
    assert_eq!(worker.terminate(), Some(0), "{}", house.log());
}
