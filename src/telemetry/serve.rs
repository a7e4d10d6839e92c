//! An HTTP server for monitoring: serves `/metrics`, `/healthz` and `/readyz`. It is read-only and holds no secrets.
//!
//! # Invariants
//!
//! A client that sends slowly, too much or nothing is disconnected within seconds. At most `CLIENTS` are served at
//! once.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::metrics::Metrics;
use super::ready::Readiness;
use crate::base::error::{Error, Result};

/// The maximum number of clients served at once: a few scrapers and probes, not the public.
const CLIENTS: usize = 64;
/// The time limit of a request, and of a whole connection.
const PATIENCE: Duration = Duration::from_secs(10);
/// The maximum size of a request's head, in bytes.
const HEAD_BYTES: usize = 16 << 10;
/// The time that answers under way may still take when the server stops.
const STOPPING: Duration = Duration::from_secs(1);

/// The state that the server reports.
#[derive(Clone, Debug)]
pub struct ProbeState {
    /// The metrics of the process.
    pub metrics: Arc<Metrics>,
    /// The readiness of the worker.
    pub readiness: Readiness,
}

/// Listens on an address.
///
/// # Errors
///
/// [`Kind::Unavailable`](crate::base::error::Kind::Unavailable) if the address is in use or not one of this machine.
pub async fn listen(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|e| {
        let failed = Error::unavailable(format!("cannot listen on {address}")).caused_by(e);
        failed.hint("name another address with the setting `listen`, or leave it out to run without monitoring")
    })
}

/// Serves until `shutdown` completes.
pub async fn serve(listener: TcpListener, state: ProbeState, shutdown: impl Future<Output = ()>) {
    let (room, mut clients) = (Arc::new(Semaphore::new(CLIENTS)), JoinSet::new());
    let accept = async {
        loop {
            // The permit comes first: a client beyond the limit waits in the listener's backlog and costs nothing.
            let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
            match listener.accept().await {
                Ok((stream, _)) => {
                    let state = state.clone();
                    clients.spawn(async move {
                        serve_client(stream, state).await;
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(100)).await; // out of files, most likely: do not spin
                }
            }
            while clients.try_join_next().is_some() {}
        }
    };
    tokio::select! {
        () = shutdown => {}
        () = accept => {}
    }
    let _ = tokio::time::timeout(STOPPING, async { while clients.join_next().await.is_some() {} }).await;
}

/// Serves one request per connection, because monitors poll every few seconds and an idle connection would hold a
/// permit.
async fn serve_client(stream: TcpStream, state: ProbeState) {
    let service = service_fn(move |request| {
        let state = state.clone();
        async move { Ok::<_, Infallible>(answer(&request, &state)) }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .max_buf_size(HEAD_BYTES)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    match tokio::time::timeout(PATIENCE, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "a connection ended badly"),
        Err(_) => tracing::debug!("a connection took too long"),
    }
}

fn answer(request: &Request<Incoming>, state: &ProbeState) -> Response<Full<Bytes>> {
    const TEXT: &str = "text/plain; charset=utf-8";
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut refused = respond(StatusCode::METHOD_NOT_ALLOWED, TEXT, "only GET and HEAD\n".into());
        refused.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refused;
    }
    match request.uri().path() {
        "/healthz" => respond(StatusCode::OK, TEXT, "ok\n".into()),
        "/readyz" => {
            let report = state.readiness.report();
            let status = if report.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
            match serde_json::to_string(&report) {
                Ok(body) => respond(status, "application/json", body),
                Err(_) => respond(StatusCode::INTERNAL_SERVER_ERROR, TEXT, "cannot write the report\n".into()),
            }
        }
        "/metrics" => {
            state.metrics.ready(state.readiness.ready());
            match state.metrics.text() {
                Ok(text) => respond(StatusCode::OK, prometheus::TEXT_FORMAT, text),
                Err(error) => respond(StatusCode::INTERNAL_SERVER_ERROR, TEXT, error.chain() + "\n"),
            }
        }
        _ => respond(StatusCode::NOT_FOUND, TEXT, "there are /metrics, /healthz and /readyz\n".into()),
    }
}

fn respond(status: StatusCode, kind: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
