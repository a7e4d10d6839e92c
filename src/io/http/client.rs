//! A small HTTP client for POST requests over pooled connections, which connects only to permitted addresses.
//!
//! # Invariants
//!
//! Redirects are not followed; a request has one time limit for everything; certificates are verified against the
//! machine's certificate authorities.

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

/// Number of bytes of a response's body that are read; more is not needed to tell whether a POST succeeded.
const REPLY_BYTES: usize = 64 << 10;
/// Time after which an idle connection is closed.
const IDLE: Duration = Duration::from_secs(30);

/// The response to a request.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The HTTP status.
    pub status: StatusCode,
    /// The time to wait before a retry, if `Retry-After` is given in seconds.
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
    /// Returns a client that trusts the machine's certificate authorities, with `timeout` as the limit of a request.
    ///
    /// # Errors
    ///
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

    /// Returns a client that trusts only these certificate authorities.
    ///
    /// # Errors
    ///
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

    /// Replaces the resolver of host names.
    #[must_use]
    pub fn resolving(self, resolver: Arc<dyn Resolve>) -> Self {
        let inner = pooled(self.tls.clone(), GuardedConnector::new(self.reach.clone(), resolver));
        Self { inner, ..self }
    }

    /// Sends a POST request and returns the response, whatever its status.
    ///
    /// # Errors
    ///
    /// Fails with [`Kind::Permanent`] if the address is not permitted, and with [`Kind::Transient`] if there is no
    /// connection or no response in time.
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

/// Returns a client with a connection pool, over TLS if the URL is https.
fn pooled(tls: ClientConfig, connector: GuardedConnector) -> Client<HttpsConnector<GuardedConnector>, Full<Bytes>> {
    let https =
        HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().wrap_connector(connector);
    Client::builder(TokioExecutor::new()).pool_idle_timeout(IDLE).pool_timer(TokioTimer::new()).build(https)
}

/// Returns the error of a request: the connector's own error if it is the cause.
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
    let what =
        if error.is_connect() { format!("no TLS with {url}") } else { format!("the connection to {url} was lost") };
    Error::new(Kind::Transient, what).caused_by(error)
}
