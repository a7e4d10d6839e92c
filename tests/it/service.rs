//! A worker as platform people see it: ready when it is, counted, and heard of by broker and webhooks.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Stdio;

use futures_util::StreamExt as _;
use housestyle::broker::rabbit::topology;
use housestyle::events::CloudEvent;
use housestyle_testkit::broker::{Broker, shared};
use housestyle_testkit::files::files;
use housestyle_testkit::house::{House, JOBS, Worker};
use housestyle_testkit::needs;
use housestyle_testkit::program::output;
use housestyle_testkit::wait::{wait_for, wait_until};
use lapin::options::{BasicConsumeOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::FieldTable;

use crate::evaluation::{many, shop};
use crate::telemetry::get;
use crate::webhooks::{Endpoint, FINE, SECRET};

/// With the users of `deploy/`, each of whom may do what is theirs and nothing else.
#[test]
fn least_privileged_users_can_do_their_work_and_no_more() {
    needs!(Broker, Runtime);
    let vhost = shared().vhost();
    let passwords =
        [("WORKER_PASSWORD", "w"), ("SUBMITTER_PASSWORD", "s"), ("WATCHER_PASSWORD", "l"), ("VHOST", vhost.as_str())];
    shared().script("deploy/rabbitmq/permissions.sh", &passwords);
    let url = |user: &str| format!("amqp://housestyle-{user}@127.0.0.1:{}/{vhost}", shared().port());
    let house = House::new(url("worker:w"));
    let worker = house.worker(&[]);
    wait_for("the worker to be ready", || house.log().contains("ready").then_some(()));
    let as_submitter = |args: &[&str]| {
        let mut command = house.command(args);
        command.env("HOUSESTYLE_BROKER", url("submitter:s"));
        output(command)
    };
    let (code, _, stderr) = as_submitter(&["submit", "c.yaml", "--wait"]);
    assert!(code == 0 || code == 3, "{stderr}\n{}", house.log());
    house.assert_complete();
    let (code, _, stderr) = as_submitter(&["dead", "list"]);
    assert_eq!(code, 4, "{stderr}");
    assert!(stderr.contains("permissions"), "{stderr}");
    assert_eq!(worker.terminate(), Some(0));
}

/// Encrypted and with the right certificate, or not at all.
#[test]
fn a_broker_over_tls_is_trusted_only_with_its_certificate() {
    needs!(Broker, Runtime);
    let house = House::new(Broker::url(shared().port(), &shared().vhost()));
    let (url, certificate) = shared().tls(&shared().vhost());
    let list = |trusted: Option<&Path>| {
        let mut command = house.command(&["dead", "list", "--json"]);
        command.env("HOUSESTYLE_BROKER", &url).env_remove("SSL_CERT_FILE");
        output(match trusted {
            Some(file) => {
                command.env("SSL_CERT_FILE", file);
                command
            }
            None => command,
        })
    };
    let (code, stdout, stderr) = list(Some(&certificate));
    assert_eq!((code, stdout.trim()), (0, "[]"), "{stderr}");
    let (code, stdout, stderr) = list(None);
    assert_eq!(code, 4, "{stdout}{stderr}");
    assert!(!format!("{stdout}{stderr}").contains("style@"), "the password is shown: {stdout}{stderr}");
}

const AWAY: &str = "HTTP/1.1 503 Service Unavailable\r\n\r\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happens_is_counted_announced_and_posted() {
    needs!(Broker, Runtime);
    let url = Broker::url(shared().port(), &shared().vhost());
    let house = House::new(url.clone());
    let endpoint = Endpoint::start(&[AWAY, FINE]).await;
    let secret = house.folder.path().join("secret");
    std::fs::write(&secret, SECRET).unwrap();
    let settings = format!(
        "webhooks:\n  - {{url: '{}', secret_file: '{}', events: [campaign.accepted, campaign.completed]}}\n\
         webhook_networks: [127.0.0.0/8]\n",
        endpoint.url("/hook"),
        secret.display()
    );
    std::fs::write(house.folder.path().join("housestyle.yaml"), settings).unwrap();
    let address: SocketAddr = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut command = house.command(&["worker"]);
    command.env("HOUSESTYLE_LISTEN", address.to_string()).stdout(Stdio::null());
    let collector = Endpoint::start(&[FINE]).await;
    command.env("HOUSESTYLE_OTLP_ENDPOINT", collector.url(""));
    let worker = Worker(command.spawn().unwrap());
    let ready = async || get(address, "/readyz").await.starts_with("HTTP/1.1 200").then_some(());
    wait_until("the worker to be ready", ready).await;

    // Somebody who listens on the exchange.
    let connection = lapin::Connection::connect(&url, lapin::ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    let options = QueueDeclareOptions { exclusive: true, ..QueueDeclareOptions::default() };
    let queue = channel.queue_declare("housestyle.test".into(), options, FieldTable::default()).await.unwrap();
    let name = queue.name().clone();
    let bind = QueueBindOptions::default();
    channel.queue_bind(name.clone(), topology::EVENTS.into(), "#".into(), bind, FieldTable::default()).await.unwrap();
    let consume = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
    let mut consumer = channel.basic_consume(name, "".into(), consume, FieldTable::default()).await.unwrap();

    let mut command = house.command(&["submit", "c.yaml"]);
    command.env("HOUSESTYLE_OTLP_ENDPOINT", collector.url("")).stdout(Stdio::null());
    let submit = Worker(command.spawn().unwrap());
    let mut traces = BTreeSet::new();
    let (mut kinds, mut ids) = (BTreeMap::<String, usize>::new(), BTreeSet::new());
    while !kinds.contains_key("housestyle.campaign.completed") {
        let delivery = consumer.next().await.unwrap().unwrap();
        let event: CloudEvent = serde_json::from_slice(&delivery.data).unwrap();
        assert_eq!(delivery.routing_key.as_str(), event.topic());
        *kinds.entry(event.kind.clone()).or_default() += 1;
        assert!(ids.insert(event.id), "told twice in an undisturbed run");
        traces.insert(event.traceparent.and_then(|parent| Some(parent.split('-').nth(1)?.to_owned())));
    }
    assert_eq!(submit.end(), Some(0));
    assert_eq!(kinds.get("housestyle.campaign.accepted"), Some(&1), "{kinds:?}");
    let assets = kinds["housestyle.asset.accepted"] + kinds["housestyle.asset.rejected"];
    assert_eq!(assets, JOBS, "{kinds:?}");

    assert!(
        traces.len() == 1 && traces.iter().all(Option::is_some),
        "submit, plan and assets are one trace: {traces:?}"
    );

    let posted =
        wait_for("both posts, the first of them twice", || Some(endpoint.heard()).filter(|heard| heard.len() >= 3));
    assert!(posted.iter().all(|post| post.contains("webhook-signature: v1,")), "{posted:?}");
    assert!(posted.iter().any(|post| post.contains("housestyle.campaign.completed")), "{posted:?}");

    let metrics = get(address, "/metrics").await;
    let counted = |outcome: &str| {
        let start = format!("housestyle_assets_total{{outcome=\"{outcome}\"}} ");
        metrics.lines().find_map(|line| line.strip_prefix(&start)?.parse::<usize>().ok()).unwrap_or(0)
    };
    assert_eq!(counted("accepted") + counted("rejected"), JOBS, "{metrics}");
    assert!(metrics.contains("housestyle_queue_wait_seconds_count{lane=\"normal\"} 16"), "{metrics}");
    assert_eq!(worker.terminate(), Some(0));
}

/// Workers judge a delivery as the importer itself does, whoever of them dies, and leave nothing behind but the
/// baseline.
#[test]
fn a_delivery_judged_by_workers_is_judged_as_here() {
    needs!(Broker, Runtime);
    let house = House::with_bucket(Broker::url(shared().port(), &shared().vhost()));
    let rows = shop(house.folder.path());
    many(&house.folder.path().join("delivery"), &rows, 150);
    let import = |name: &str, more: &[&str]| {
        let args = ["baseline", "import", "delivery", "--campaign", "shop.yaml", "--json", "--name", name];
        house.command(&[&args, more].concat())
    };
    let (code, _, stderr) = output(import("here", &[]));
    assert_eq!(code, 0, "{stderr}");
    let mut import = import("there", &["--queue"]);
    let importing = Worker(import.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    let found = |part: &str| files(&house.place()).keys().filter(|name| name.contains(part)).count();
    wait_for("the importer to ask", || (found("/judgements/") == 8).then_some(()));
    let first = house.worker(&[]);
    wait_for("some answers", || (found("/judgements/") < 8).then_some(()));
    first.kill();
    let second = house.worker(&[]);
    assert_eq!(importing.end(), Some(0), "{}", house.log());
    let judged = |name: &str| {
        let bytes = &files(&house.place())[&format!("baselines/{name}/baseline.json")];
        let mut baseline: serde_json::Value = serde_json::from_slice(bytes).unwrap();
        for once in ["name", "imported_at"] {
            baseline[once].take();
        }
        baseline
    };
    assert_eq!(judged("there")["pictures"], 150);
    assert_eq!(judged("there"), judged("here"));
    assert_eq!(found("/judgements/"), 0, "what importer and workers say to each other stays behind");
    assert_eq!(second.terminate(), Some(0));
}
