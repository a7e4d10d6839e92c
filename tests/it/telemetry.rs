//! Those who watch: what a worker counts, and what is answered over HTTP.

use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Arc;

use housestyle::base::error::{Error, Kind};
use housestyle::broker::{Channel as _, MemoryChannel, Message};
use housestyle::io::shutdown::Shutdown;
use housestyle::store::Local;
use housestyle::telemetry::{Metrics, Readiness, serve};
use housestyle::worker::{Mode, Worker, meter};
use housestyle_testkit::needs;
use housestyle_testkit::plans::small_plan;
use housestyle_testkit::program::{housestyle, output};
use housestyle_testkit::s3::{BUCKET, Server};
use housestyle_testkit::stub::Stub;
use housestyle_testkit::wait::{PATIENCE, wait_until};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_counts_what_it_does() {
    let out = tempfile::tempdir().unwrap();
    let jobs = small_plan(1, "  gate: {style: 0.6, category: 0.5, attempts: 2}").jobs;
    let [good, low, broken, foreign] = &jobs[..] else { panic!("{} jobs", jobs.len()) };
    let mut foreign = foreign.clone();
    foreign.bundle = housestyle::base::digest::Digest::of("another");
    let queue = MemoryChannel::default();
    for job in [good, low, broken, &foreign] {
        queue.publish(Message::new(job.clone())).await.unwrap();
    }
    queue.close().await.unwrap();
    let metrics = Arc::new(Metrics::new().unwrap());
    let (hear, low, broken) = (Arc::clone(&metrics), low.stem.clone(), broken.stem.clone());
    let worker = Worker {
        jobs: Arc::new(queue),
        store: Arc::new(Local::new(out.path())),
        max_batch: 4,
        mode: Mode::Alone,
        shutdown: Shutdown::default(),
        observer: Arc::new(move |event| meter::count(&hear, &event)),
    };
    let stub = Stub {
        scores: Box::new(move |ask| if ask.job.stem == low { (0.3, 0.9) } else { (0.9, 0.9) }),
        item_error: Box::new(move |ask| (ask.job.stem == broken).then(|| Error::new(Kind::Permanent, "no"))),
        ..Stub::default()
    };
    worker.run(stub).await.unwrap();
    let text = metrics.text().unwrap();
    for line in [
        "housestyle_assets_total{outcome=\"accepted\"} 1",
        "housestyle_assets_total{outcome=\"rejected\"} 1",
        "housestyle_assets_total{outcome=\"failed\"} 1",
        "housestyle_assets_total{outcome=\"dead\"} 1",
        "housestyle_attempts_total{verdict=\"passed\"} 1",
        "housestyle_attempts_total{verdict=\"refused\"} 2",
        "housestyle_attempts_total{verdict=\"failed\"} 2",
        "housestyle_errors_total{kind=\"permanent\"} 2",
        "housestyle_queue_wait_seconds_count{lane=\"normal\"} 4",
        "housestyle_batch_fill_ratio_bucket{le=\"0.7\"} 1",
        "housestyle_batch_fill_ratio_sum 1.25",
        "housestyle_stage_seconds_count{stage=\"score\"} 2",
        "housestyle_gate_score_ratio_bucket{axis=\"style\",le=\"0.4\"} 1",
        "housestyle_gate_score_ratio_count{axis=\"category\"} 2",
    ] {
        assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
    }
}

/// Everything a server says to these bytes.
async fn ask(address: SocketAddr, request: &str) -> String {
    let (mut said, Ok(mut stream)) = (Vec::new(), TcpStream::connect(address).await) else { return String::new() };
    let _ = stream.write_all(request.as_bytes()).await; // a server that refuses early may not read it all
    let _ = stream.read_to_end(&mut said).await;
    String::from_utf8(said).unwrap()
}

pub(crate) async fn get(address: SocketAddr, path: &str) -> String {
    ask(address, &format!("GET {path} HTTP/1.1\r\nHost: here\r\n\r\n")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_those_who_watch_and_stops_when_told() {
    let listener = serve::listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let state =
        serve::ProbeState { metrics: Arc::new(Metrics::new().unwrap()), readiness: Readiness::new(&["broker"]) };
    let shutdown = Shutdown::default();
    let stop = shutdown.clone();
    let server = tokio::spawn(serve::serve(listener, state.clone(), async move { stop.wait().await }));

    assert!(get(address, "/healthz").await.starts_with("HTTP/1.1 200 "));
    let pending = get(address, "/readyz").await;
    assert!(pending.starts_with("HTTP/1.1 503 ") && pending.contains(r#""broker":{"state":"pending"}"#), "{pending}");
    assert!(get(address, "/metrics").await.contains("\nhousestyle_ready 0\n"));
    state.readiness.fail("broker", "it said\r\nX-Forged: <script>");
    let failed = get(address, "/readyz").await;
    assert!(!failed.contains("\nX-Forged") && failed.contains(r"it said\r\nX-Forged"), "{failed}");
    state.readiness.pass("broker");
    assert!(get(address, "/readyz?x=y").await.starts_with("HTTP/1.1 200 "));
    let metrics = get(address, "/metrics").await;
    assert!(metrics.contains("\nhousestyle_ready 1\n") && metrics.contains("text/plain; version=0.0.4"), "{metrics}");
    state.readiness.drain();
    assert!(get(address, "/readyz").await.starts_with("HTTP/1.1 503 "));

    assert!(get(address, "/../etc/passwd").await.starts_with("HTTP/1.1 404 "));
    assert!(
        ask(address, "POST /metrics HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")
            .await
            .starts_with("HTTP/1.1 405 ")
    );
    assert!(ask(address, "nonsense\r\n\r\n").await.starts_with("HTTP/1.1 400 "));
    let big = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "a".repeat(100_000));
    assert!(!ask(address, &big).await.starts_with("HTTP/1.1 200 "));

    // One that says nothing holds up neither the others nor the end.
    let _silent = TcpStream::connect(address).await.unwrap();
    assert!(get(address, "/healthz").await.starts_with("HTTP/1.1 200 "));
    shutdown.request();
    tokio::time::timeout(PATIENCE, server).await.expect("a silent client holds up the end").unwrap();
    assert!(TcpStream::connect(address).await.is_err(), "still listening");
}

#[tokio::test]
async fn an_address_in_use_is_said() {
    let taken = serve::listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let error = serve::listen(taken.local_addr().unwrap()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    assert!(error.advice().unwrap().contains("listen"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_can_be_watched() {
    needs!(Runtime);
    let folder = tempfile::tempdir().unwrap();
    let yaml = "apiVersion: housestyle/v1\nkind: Campaign\nmetadata: {name: watched}\nspec:\n  bundle: tiny\n  \
                styles: [flat]\n  assets:\n    - {categories: [fox], count: 4}\n  \
        gate: {style: 0, category: 0, attempts: 1}\n";
    std::fs::write(folder.path().join("c.yaml"), yaml).unwrap();
    let server = Server::start();
    server.advance(".png", 0);
    // A port that was free a moment ago.
    let address = serve::listen("127.0.0.1:0".parse().unwrap()).await.unwrap().local_addr().unwrap();
    let mut command = housestyle(folder.path(), &["run", "c.yaml", "--json", "--out", &format!("s3://{BUCKET}")]);
    server.serve(&mut command);
    let mut child = command.env("HOUSESTYLE_LISTEN", address.to_string()).stdout(Stdio::piped()).spawn().unwrap();
    // Nothing is answered before it listens.
    let metrics = async || {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it was watched");
        Some(get(address, "/metrics").await).filter(|text| text.contains("housestyle_ready 1"))
    };
    let metrics = wait_until("the run to be ready", metrics).await;
    assert!(metrics.contains("housestyle_provider_used{provider=\"cpu\"} 1"), "{metrics}");
    server.release();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

/// What a collector is sent until `child` ends: request heads and bodies, as they come.
fn collect(listener: std::net::TcpListener, answer: &'static str) -> std::sync::mpsc::Receiver<Vec<u8>> {
    use std::io::{Read as _, Write as _};
    let (heard, hear) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, mut request, mut buffer) = (stream.unwrap(), Vec::new(), [0; 65536]);
            loop {
                let read = stream.read(&mut buffer).unwrap_or(0);
                request.extend(&buffer[..read]);
                let end = request.windows(4).position(|w| w == b"\r\n\r\n");
                let length = end.and_then(|end| {
                    let head = String::from_utf8_lossy(&request[..end]).to_ascii_lowercase();
                    Some(end + 4 + head.split("content-length: ").nth(1)?.lines().next()?.parse::<usize>().ok()?)
                });
                if read == 0 || length.is_some_and(|length| request.len() >= length) {
                    break;
                }
            }
            let _ = stream.write_all(answer.as_bytes());
            let _ = heard.send(request);
        }
    });
    hear
}

const ONE: &str = "apiVersion: housestyle/v1\nkind: Campaign\nmetadata: {name: traced}\nspec:\n  bundle: tiny\n  \
                   styles: [flat]\n  assets:\n    - {categories: [fox], count: 2}\n  \
    gate: {style: 0, category: 0, attempts: 1}\n";

#[test]
fn spans_reach_the_collector_and_belong_together() {
    needs!(Runtime);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("c.yaml"), ONE).unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut command = housestyle(folder.path(), &["run", "c.yaml", "--json"]);
    command.env("HOUSESTYLE_OTLP_ENDPOINT", format!("http://{}", listener.local_addr().unwrap()));
    let hear = collect(listener, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(output(command).0, 0);
    let sent: Vec<u8> = hear.try_iter().flatten().collect();
    assert!(sent.starts_with(b"POST /v1/traces HTTP/1.1\r\n"), "{}", String::from_utf8_lossy(&sent));
    // Protobuf: a field with a span's name is its tag (5, bytes), its length, and the name; a trace's id is (1, bytes),
    // 16.
    let count = |wanted: &[u8]| sent.windows(wanted.len()).filter(|window| *window == wanted).count();
    let span = |name: &str| count(&[&[0x2a, name.len() as u8], name.as_bytes()].concat());
    assert_eq!(["run", "job", "commit", "batch"].map(span), [1, 2, 2, 1]);
    assert!(count(b"housestyle") > 0 && count(b"service.name") > 0);
    let run = sent.windows(5).position(|window| window == [0x2a, 3, b'r', b'u', b'n']).unwrap();
    let id = sent[..run].windows(18).rev().find(|window| window[..2] == [0x0a, 16]).unwrap();
    // A link is written as a span is: with the trace's id first.
    assert_eq!(count(id), 5 + 2, "run, two jobs and their commits are one trace; the batch points to both jobs");
}

#[test]
fn a_collector_that_is_wrong_or_gone_costs_no_work() {
    needs!(Runtime);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("c.yaml"), ONE).unwrap();
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let wrong = listener.local_addr().unwrap();
    let _hear = collect(listener, "nonsense");
    for address in [gone, wrong] {
        let mut command = housestyle(folder.path(), &["run", "c.yaml", "--json", "--out", &address.port().to_string()]);
        command.env("HOUSESTYLE_OTLP_ENDPOINT", format!("http://{address}"));
        let (code, out, err) = output(command);
        assert_eq!(code, 0, "{err}");
        serde_json::from_str::<serde_json::Value>(&out).unwrap();
    }
}
