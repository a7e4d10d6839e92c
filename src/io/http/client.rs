//! A small HTTP client for POST requests, with pooled connections to addresses that were checked.
//!
//! # Invariants
//! Redirects are not followed; everything together ends within the time given; certificates are checked against the
//! machine's own authorities.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Collected, Full, Limited};
use hyper::header::{HeaderMap, HeaderValue, RETRY_AFTER, USER_AGENT};
use hyper::{Method, Request, StatusCode};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{self, Client};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls_native_certs::load_native_certs;
use tokio::time::timeout;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::connector::GuardedConnector;
use super::reach::{Reach, Resolve, SystemResolver};
use super::url::Url;
use crate::base::error::{Context as _, Error, Kind, Result};

/// How much of an answer is read; nobody needs more to know what became of a POST.
const REPLY_BYTES: usize = 64 << 10;
/// How long an idle connection is kept.
const IDLE: Duration = Duration::from_secs(30);

/// What came back.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// How long to wait, if it says so in seconds.
    pub retry_after: Option<Duration>,
    /// The start of the body.
    pub body: Bytes,
}

/// Sends requests; cheap to clone, and clones share their connections.
#[derive(Clone)]
pub struct GuardedClient {
    inner: Client<HttpsConnector<GuardedConnector>, Full<Bytes>>,
    tls: ClientConfig,
    reach: Reach,
    timeout: Duration,
}

impl fmt::Debug for GuardedClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardedClient")
            .field("reach", &self.reach)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

impl GuardedClient {
    /// A client that trusts the machine's authorities, and lets a request take `timeout` in all.
    ///
    /// # Errors
    /// Where TLS cannot be set up.
    pub fn new(reach: Reach, timeout: Duration) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        let found = load_native_certs();
        roots.add_parsable_certificates(found.certs);
        if roots.is_empty() {
            tracing::warn!("this machine has no certificate authorities, so nothing can be reached with TLS");
        }
        Self::trusting(roots, reach, timeout)
    }

    /// A client that trusts these authorities only.
    ///
    /// # Errors
    /// Where TLS cannot be set up.
    pub fn trusting(roots: RootCertStore, reach: Reach, timeout: Duration) -> Result<Self> {
        let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .context(Kind::Internal, || "cannot set up TLS")?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let inner = pooled(tls.clone(), GuardedConnector::new(reach.clone(), Arc::new(SystemResolver)));
        Ok(Self { inner, tls, reach, timeout })
    }

    /// The same, with another way to resolve names.
    #[must_use]
    pub fn resolving(self, resolver: Arc<dyn Resolve>) -> Self {
        let inner = pooled(self.tls.clone(), GuardedConnector::new(self.reach.clone(), resolver));
        Self { inner, ..self }
    }

    /// Sends a POST and returns any answer at all.
    ///
    /// # Errors
    /// [`Kind::Permanent`] for what was refused before anything was sent, [`Kind::Transient`] for what may pass.
    pub async fn post(&self, url: &Url, headers: HeaderMap, body: Bytes) -> Result<Reply> {
        let late = |_| Error::new(Kind::Transient, format!("{url} took longer than {} s", self.timeout.as_secs_f64()));
        timeout(self.timeout, self.exchange(url, headers, body)).await.map_err(late)?
    }

    async fn exchange(&self, url: &Url, headers: HeaderMap, body: Bytes) -> Result<Reply> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = url.uri().clone();
        *request.headers_mut() = headers;
        let agent = HeaderValue::from_static(concat!("housestyle/", env!("CARGO_PKG_VERSION")));
        request.headers_mut().insert(USER_AGENT, agent);
        let answer = self.inner.request(request).await.map_err(|error| failed(url, error))?;
        let (status, wait) = (answer.status(), answer.headers().get(RETRY_AFTER).cloned());
        let retry_after = wait.and_then(|v| v.to_str().ok()?.trim().parse().ok()).map(Duration::from_secs);
        let body = Limited::new(answer.into_body(), REPLY_BYTES).collect().await.map(Collected::to_bytes);
        Ok(Reply { status, retry_after, body: body.unwrap_or_default() })
    }
}

/// A client that keeps connections, over TLS where the address asks for it.
fn pooled(tls: ClientConfig, connector: GuardedConnector) -> Client<HttpsConnector<GuardedConnector>, Full<Bytes>> {
    let https =
        HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().wrap_connector(connector);
    Client::builder(TokioExecutor::new()).pool_idle_timeout(IDLE).pool_timer(TokioTimer::new()).build(https)
}

/// The error of a request: the connector's own, if it is one.
fn failed(url: &Url, error: legacy::Error) -> Error {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(&error);
    while let Some(found) = cause {
        if let Some(own) = found.downcast_ref::<Error>() {
            let same = Error::new(own.kind(), own.chain());
            return match own.advice() {
                Some(hint) => same.hint(hint),
                None => same,
            };
        }
        cause = found.source();
    }
    let what = if error.is_connect() { format!("no TLS with {url}") } else { format!("{url} broke off") };
    Error::new(Kind::Transient, what).caused_by(error)
}
