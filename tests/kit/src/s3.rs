//! An S3 server in this process that can be told to misbehave.
//!
//! Takes requests, signed with [`KEY`] and [`SECRET`]. Returns what `s3s-fs` answers from a temporary folder, unless
//! a [`Fault`] is due or the object has to wait ([`Server::advance`]). Invariants: requests for one object are taken
//! one at a time, as `s3s-fs` looks and writes, and keeps an object and its checksum, in two steps where a real
//! server does it in one; the folders of `s3s-fs` are not to be seen, as a bucket has none.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt as _, StreamBody};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use tokio::sync::watch;

use housestyle::store::s3::settings::S3Settings;

use crate::files::{files, is_outcome};

/// The bucket that is there from the start.
pub const BUCKET: &str = "house";
/// The access key that requests are signed with.
pub const KEY: &str = "AKIATESTTESTTESTTEST";
/// The secret of [`KEY`].
pub const SECRET: &str = "not-a-secret-at-all";

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is answered.
    None,
    /// It is refused with this status, and nothing is done.
    Status(u16),
    /// It is never answered.
    Stall,
    /// It is done, and the connection closed instead of an answer.
    LoseAnswer,
    /// Half of the answer's body comes.
    CutBody,
    /// The connection is closed while the request's body is still on its way.
    CutUpload,
}

type Faults = Arc<Mutex<Box<dyn FnMut(&str, &str) -> Fault + Send>>>;

/// How far the campaigns of a bucket may go.
#[derive(Debug, Default)]
struct Gate {
    /// The ending of the outcomes' files that are limited, and how many of them there may be; `None` is without a
    /// limit.
    limit: Option<(String, usize)>,
    /// Such files that are there or on their way.
    admitted: BTreeSet<String>,
}

impl Gate {
    /// Whether the object may be stored now; counts it if so.
    fn admits(&mut self, object: &str) -> bool {
        let Some((ending, most)) = &self.limit else { return true };
        if !(object.ends_with(ending.as_str()) && is_outcome(object)) || self.admitted.contains(object) {
            return true;
        }
        self.admitted.len() < *most && self.admitted.insert(object.to_owned())
    }
}

/// The server; gone when dropped.
pub struct Server {
    /// Its address.
    pub endpoint: String,
    folder: tempfile::TempDir,
    faults: Faults,
    gate: watch::Sender<Gate>,
    _runtime: Runtime,
}

/// A runtime that is dropped where blocking is not allowed, too.
struct Runtime(Option<tokio::runtime::Runtime>);

impl Drop for Runtime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl Server {
    /// Starts one with an empty bucket.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(BUCKET)).unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let mut builder = S3ServiceBuilder::new(s3s_fs::FileSystem::new(folder.path()).unwrap());
        builder.set_auth(SimpleAuth::from_single(KEY, SECRET));
        let service = Service {
            inner: builder.build(),
            faults: Arc::new(Mutex::new(Box::new(|_, _| Fault::None))),
            root: folder.path().to_owned(),
            turns: Arc::new(std::array::from_fn(|_| Arc::default())),
            gate: watch::Sender::default(),
        };
        let gate = service.gate.clone();
        let faults = Arc::clone(&service.faults);
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            loop {
                let Ok((socket, _)) = listener.accept().await else { continue };
                let service = service.clone();
                tokio::spawn(async move {
                    let answer = hyper::service::service_fn(move |request| service.clone().answer(request));
                    // A connection that ends is the client's business or a fault's.
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(socket), answer).await;
                });
            }
        });
        Self { endpoint, folder, faults, gate, _runtime: Runtime(Some(runtime)) }
    }

    /// Asks `fault` about every request from now on, with its method and path.
    pub fn misbehave(&self, fault: impl FnMut(&str, &str) -> Fault + Send + 'static) {
        *self.faults.lock().unwrap() = Box::new(fault);
    }

    /// Lets campaigns go on until so many outcomes with this ending (`.png`, `.json`) are there, and holds back the
    /// rest.
    ///
    /// A worker waits for its answer meanwhile, so whoever looks at it, stops or kills it finds it at work on any
    /// machine.
    pub fn advance(&self, ending: &str, count: usize) {
        let there = files(&self.objects()).into_keys().map(|name| format!("{BUCKET}/{name}"));
        let admitted = there.filter(|name| name.ends_with(ending) && is_outcome(name)).collect();
        self.gate.send_replace(Gate { limit: Some((ending.to_owned(), count)), admitted });
    }

    /// Holds nothing back any more.
    pub fn release(&self) {
        self.gate.send_replace(Gate::default());
    }

    /// Where the bucket's objects lie.
    pub fn objects(&self) -> PathBuf {
        self.folder.path().join(BUCKET)
    }

    /// How to speak to it.
    pub fn settings(&self) -> S3Settings {
        S3Settings { endpoint: Some(self.endpoint.clone()), ..S3Settings::default() }
    }

    /// Gives a command what it needs to write to this server.
    pub fn serve(&self, command: &mut Command) {
        command
            .env("AWS_ACCESS_KEY_ID", KEY)
            .env("AWS_SECRET_ACCESS_KEY", SECRET)
            .env("AWS_EC2_METADATA_DISABLED", "true");
        command.env("HOUSESTYLE_S3_ENDPOINT", &self.endpoint);
    }
}

#[derive(Clone)]
struct Service {
    inner: S3Service,
    faults: Faults,
    root: PathBuf,
    gate: watch::Sender<Gate>,
    /// One object has one turn; several may share it.
    turns: Arc<[Arc<tokio::sync::Mutex<()>>; 64]>,
}

impl Service {
    /// Waits until the object may be stored.
    async fn admitted(&self, object: &str) {
        let mut changes = self.gate.subscribe();
        while !self.admits(object) {
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    fn admits(&self, object: &str) -> bool {
        let mut admitted = false;
        // Whoever is admitted changes nothing for those who wait.
        self.gate.send_if_modified(|gate| {
            admitted = gate.admits(object);
            false
        });
        admitted
    }

    async fn answer(self, request: hyper::Request<hyper::body::Incoming>) -> Result<hyper::Response<s3s::Body>, Lost> {
        let fault = (self.faults.lock().unwrap())(request.method().as_str(), request.uri().path());
        match fault {
            Fault::Status(status) => {
                return Ok(hyper::Response::builder().status(status).body(s3s::Body::empty()).unwrap());
            }
            Fault::Stall => std::future::pending().await,
            Fault::CutUpload => return Err(Lost),
            Fault::None | Fault::LoseAnswer | Fault::CutBody => {}
        }
        let path = request.uri().path().trim_matches('/');
        if request.method() == "PUT" {
            self.admitted(path).await;
        }
        if path.contains('/') && matches!(request.method().as_str(), "GET" | "HEAD") && self.root.join(path).is_dir() {
            return Ok(hyper::Response::builder().status(404).body(s3s::Body::empty()).unwrap());
        }
        // A task of its own: a client that is gone must not leave an object without its checksum.
        let mut hasher = DefaultHasher::new();
        path.hash(&mut hasher);
        let turn = Arc::clone(&self.turns[hasher.finish() as usize % self.turns.len()]);
        let inner = self.inner.clone();
        let call = async move {
            let _turn = turn.lock_owned().await;
            inner.call(request.map(s3s::Body::from)).await
        };
        let response = tokio::spawn(call).await.map_err(|_| Lost)?.map_err(|_| Lost)?;
        match fault {
            Fault::LoseAnswer => Err(Lost),
            Fault::CutBody => {
                let (head, body) = response.into_parts();
                let whole = body.collect().await.map_err(|_| Lost)?.to_bytes();
                let half = whole.slice(..whole.len() / 2);
                let frames = [Ok(hyper::body::Frame::data(half)), Err(std::io::Error::other("cut"))];
                let cut = s3s::Body::http_body(StreamBody::new(futures_util::stream::iter(frames)));
                Ok(hyper::Response::from_parts(head, cut))
            }
            _ => Ok(response),
        }
    }
}

/// The connection is closed without an answer.
#[derive(Debug)]
struct Lost;

impl std::fmt::Display for Lost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("lost")
    }
}

impl std::error::Error for Lost {}
