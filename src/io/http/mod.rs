//! A small HTTP client: one POST, to an address that was looked at before anything was sent to it.
//!
//! In: a [`Url`], headers, bytes. Out: a [`Reply`].
//! Always holds: a name is resolved once, every address it stands for is judged, and the connection goes to an address that
//! was judged (so a name that changes its mind between the two, DNS rebinding, wins nothing); redirects are not followed;
//! everything together ends within the time given; certificates are checked against the machine's own authorities.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::header::{HOST, HeaderMap, HeaderValue, RETRY_AFTER, USER_AGENT};
use hyper::{Method, Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use ipnet::IpNet;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::base::error::{Context as _, Error, Kind, Result};
use crate::base::text;

pub mod address;

/// What is read of an answer; nobody needs more to know what became of a POST.
const REPLY_BYTES: usize = 64 << 10;

/// Where something is sent: `https://host[:port]/path`, without a user in it.
#[derive(Clone, PartialEq, Eq)]
pub struct Url {
    secure: bool,
    host: String,
    port: u16,
    uri: Uri,
}

/// Which addresses a client may reach.
#[derive(Clone, Debug)]
pub enum Reach {
    /// Wherever the operator says: the address is from the settings, not from a sender.
    Anywhere,
    /// The public internet with TLS, and these networks with or without.
    PublicAnd(Vec<IpNet>),
}

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

/// Finds the addresses of a name; tests have their own.
#[async_trait]
pub trait Resolve: Send + Sync + fmt::Debug {
    /// Every address of `host`.
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>>;
}

/// Asks the machine's resolver.
#[derive(Debug)]
struct System;

#[async_trait]
impl Resolve for System {
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(tokio::net::lookup_host((host, port)).await?.collect())
    }
}

/// Sends.
#[derive(Clone)]
pub struct Client {
    tls: TlsConnector,
    reach: Reach,
    patience: Duration,
    resolver: Arc<dyn Resolve>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("reach", &self.reach).field("patience", &self.patience).finish_non_exhaustive()
    }
}

impl Client {
    /// A client that trusts the machine's authorities, and lets a request take `patience` in all.
    pub fn new(reach: Reach, patience: Duration) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        let found = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(found.certs);
        if roots.is_empty() {
            tracing::warn!("this machine has no certificate authorities, so nothing can be reached with TLS");
        }
        Self::trusting(roots, reach, patience)
    }

    /// A client that trusts these authorities only.
    pub fn trusting(roots: RootCertStore, reach: Reach, patience: Duration) -> Result<Self> {
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .context(Kind::Internal, || "cannot set up TLS")?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { tls: TlsConnector::from(Arc::new(config)), reach, patience, resolver: Arc::new(System) })
    }

    /// The same, with another way to resolve names.
    #[must_use]
    pub fn resolving(mut self, resolver: Arc<dyn Resolve>) -> Self {
        self.resolver = resolver;
        self
    }

    /// Sends a POST. What was refused before anything was sent is [`Kind::Permanent`], what may pass [`Kind::Transient`];
    /// any answer at all is a [`Reply`].
    pub async fn post(&self, url: &Url, headers: HeaderMap, body: Bytes) -> Result<Reply> {
        let late = |_| Error::new(Kind::Transient, format!("{url} took longer than {} s", self.patience.as_secs_f64()));
        tokio::time::timeout(self.patience, self.exchange(url, headers, body)).await.map_err(late)?
    }

    async fn exchange(&self, url: &Url, headers: HeaderMap, body: Bytes) -> Result<Reply> {
        let stream = self.connect(url).await?;
        if !url.secure {
            return speak(stream, url, headers, body).await;
        }
        let name = ServerName::try_from(url.host.clone()).context(Kind::Permanent, || format!("{url} has no name for TLS"))?;
        let secured = self.tls.connect(name, stream).await;
        speak(secured.context(Kind::Transient, || format!("no TLS with {url}"))?, url, headers, body).await
    }

    /// Connects to the first address that answers, all of them being allowed.
    async fn connect(&self, url: &Url) -> Result<TcpStream> {
        let addresses = match url.host.parse::<IpAddr>() {
            Ok(address) => vec![SocketAddr::new(address, url.port)],
            Err(_) => {
                let found = self.resolver.resolve(&url.host, url.port).await;
                found.context(Kind::Transient, || format!("cannot find the address of {}", url.host))?
            }
        };
        for address in &addresses {
            self.permit(url, address.ip())?;
        }
        let mut failure = Error::new(Kind::Transient, format!("{} has no address", url.host));
        for address in addresses {
            match TcpStream::connect(address).await {
                Ok(stream) => return Ok(stream),
                Err(e) => failure = Error::new(Kind::Transient, format!("cannot connect to {url}")).caused_by(e),
            }
        }
        Err(failure)
    }

    fn permit(&self, url: &Url, address: IpAddr) -> Result<()> {
        let Reach::PublicAnd(networks) = &self.reach else { return Ok(()) };
        if address::within(address, networks) {
            return Ok(());
        }
        let refuse = |why: &str, hint: &str| Err(Error::new(Kind::Permanent, format!("{url} {why}")).hint(hint));
        match (address::is_public(address), url.secure) {
            (true, true) => Ok(()),
            (true, false) => refuse("has no TLS", "write https://"),
            (false, _) => refuse(
                &format!("leads to {address}, which is not on the public internet"),
                "if that is where it shall go, list its network in the setting webhook_networks",
            ),
        }
    }
}

/// One request, one answer.
async fn speak(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    url: &Url,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Reply> {
    let broken = || format!("{url} broke off");
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.context(Kind::Transient, broken)?;
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = url.uri.clone();
    *request.headers_mut() = headers;
    let host = HeaderValue::from_str(&url.authority()).context(Kind::Permanent, || format!("{url} has an impossible host"))?;
    request.headers_mut().insert(HOST, host);
    request.headers_mut().insert(USER_AGENT, HeaderValue::from_static(concat!("housestyle/", env!("CARGO_PKG_VERSION"))));
    let talk = async {
        let answer = sender.send_request(request).await.context(Kind::Transient, broken)?;
        let (status, wait) = (answer.status(), answer.headers().get(RETRY_AFTER).cloned());
        let retry_after = wait.and_then(|v| v.to_str().ok()?.trim().parse().ok()).map(Duration::from_secs);
        let body = Limited::new(answer.into_body(), REPLY_BYTES).collect().await.map(http_body_util::Collected::to_bytes);
        Ok(Reply { status, retry_after, body: body.unwrap_or_default() })
    };
    tokio::pin!(talk, connection);
    tokio::select! {
        reply = &mut talk => reply,
        ended = &mut connection => {
            ended.context(Kind::Transient, broken)?;
            talk.await
        }
    }
}

impl Url {
    /// `host` or `host:port`, as HTTP names it.
    fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        match (self.secure, self.port) {
            (true, 443) | (false, 80) => host,
            (_, port) => format!("{host}:{port}"),
        }
    }

    /// The same host, another path.
    #[must_use]
    pub fn with_path(&self, path: &'static str) -> Self {
        Self { uri: Uri::from_static(path), ..self.clone() }
    }

    /// What comes after the host.
    pub fn path(&self) -> &str {
        self.uri.path()
    }
}

impl std::str::FromStr for Url {
    type Err = Error;

    fn from_str(written: &str) -> Result<Self> {
        let wrong = |why: &str| Error::invalid(format!("the address {} {why}", text::show(written)));
        let uri: Uri = written.parse().map_err(|_| wrong("is no URL"))?;
        let secure = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(wrong("starts with neither https:// nor http://")),
        };
        let authority = uri.authority().ok_or_else(|| wrong("names no host"))?;
        if authority.as_str().contains('@') {
            return Err(Error::invalid("an address holds a user or password").hint("leave it out; requests are signed instead"));
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() {
            return Err(wrong("names no host"));
        }
        let port = match authority.as_str().strip_prefix(authority.host()) {
            Some("") if secure => 443,
            Some("") => 80,
            _ => authority.port_u16().ok_or_else(|| wrong("has an impossible port"))?,
        };
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        Ok(Self { secure, host, port, uri: path.parse().map_err(|_| wrong("has an impossible path"))? })
    }
}

impl fmt::Display for Url {
    /// Without the path: paths of webhooks often are secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", if self.secure { "https" } else { "http" }, self.authority())
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Url({self}/…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_and_shown_without_what_may_be_secret() {
        let url: Url = "https://hooks.example:8443/T0KEN?x=1".parse().unwrap();
        assert_eq!((url.to_string(), url.path()), ("https://hooks.example:8443".into(), "/T0KEN"));
        assert!(!format!("{url:?}").contains("T0KEN"));
        assert_eq!("http://[::1]:80/".parse::<Url>().unwrap().authority(), "[::1]");
        for bad in [
            "",
            "hooks.example",
            "ftp://a/",
            "https://",
            "https:///x",
            "https://u:p@host/",
            "https://a b/",
            "/x",
            "https://h:99999/",
        ] {
            let error = bad.parse::<Url>().unwrap_err();
            assert!(error.kind() == Kind::Invalid && !error.chain().contains("u:p"), "{bad}: {}", error.chain());
        }
    }
}
