//! Resolves a host name, checks its addresses, and connects to one of them.
//!
//! # Invariants
//!
//! A name is resolved once, all of its addresses are checked, and the connection goes to a checked address, so changing
//! the name's addresses between check and connection (DNS rebinding) has no effect.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::Uri;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower_service::Service;

use super::reach::{Reach, Resolve};
use super::url::Url;
use crate::base::error::{Context as _, Error, Kind, Result};

/// A connector that resolves, checks and connects; TLS is added on top of it.
#[derive(Clone, Debug)]
pub(super) struct GuardedConnector {
    reach: Reach,
    resolver: Arc<dyn Resolve>,
}

impl GuardedConnector {
    /// Returns a connector that connects only to the addresses in `reach`.
    pub(super) fn new(reach: Reach, resolver: Arc<dyn Resolve>) -> Self {
        Self { reach, resolver }
    }

    /// Connects to the first address that accepts, after checking that all of them are permitted.
    async fn connect(self, uri: Uri) -> Result<TcpStream> {
        let url: Url = uri.to_string().parse()?;
        let addresses = match url.host().parse::<IpAddr>() {
            Ok(address) => vec![SocketAddr::new(address, url.port())],
            Err(_) => {
                let found = self.resolver.resolve(url.host(), url.port()).await;
                found.context(Kind::Transient, || format!("cannot find the address of {}", url.host()))?
            }
        };
        for address in &addresses {
            self.reach.permit(&url, address.ip())?;
        }
        let mut failure = Error::new(Kind::Transient, format!("{} has no address", url.host()));
        for address in addresses {
            match TcpStream::connect(address).await {
                Ok(stream) => return Ok(stream),
                Err(e) => failure = Error::new(Kind::Transient, format!("cannot connect to {url}")).caused_by(e),
            }
        }
        Err(failure)
    }
}

impl Service<Uri> for GuardedConnector {
    type Response = TokioIo<TcpStream>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connector = self.clone();
        Box::pin(async move { connector.connect(uri).await.map(TokioIo::new) })
    }
}
