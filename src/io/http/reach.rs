//! The addresses that a client may connect to, and the resolution of host names.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};

use async_trait::async_trait;
use ipnet::IpNet;
use tokio::net::lookup_host;

use super::address;
use super::url::Url;
use crate::base::error::{Error, Kind, Result};

/// The addresses that a client may connect to.
#[derive(Clone, Debug)]
pub enum Reach {
    /// Every address, for URLs that the operator sets.
    Anywhere,
    /// The public internet with TLS, and these networks with or without it.
    PublicAnd(Vec<IpNet>),
}

impl Reach {
    /// Checks that a request to `url` may go to `address`.
    ///
    /// # Errors
    ///
    /// Fails with [`Kind::Permanent`] if it may not.
    pub(super) fn permit(&self, url: &Url, address: IpAddr) -> Result<()> {
        let Self::PublicAnd(networks) = self else { return Ok(()) };
        if address::within(address, networks) {
            return Ok(());
        }
        let refuse = |why: &str, hint: &str| Err(Error::new(Kind::Permanent, format!("{url} {why}")).hint(hint));
        match (address::is_public(address), url.secure()) {
            (true, true) => Ok(()),
            (true, false) => refuse("has no TLS", "write https://"),
            (false, _) => refuse(
                &format!("resolves to {address}, which is not on the public internet"),
                "if that is intended, add its network to the setting webhook_networks",
            ),
        }
    }
}

/// Resolves host names; a trait, so that tests can replace the machine's resolver.
#[async_trait]
pub trait Resolve: Send + Sync + fmt::Debug {
    /// Returns every address of `host`, with `port`.
    ///
    /// # Errors
    ///
    /// Where the name cannot be resolved.
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>>;
}

/// The resolver of the operating system.
#[derive(Debug)]
pub(super) struct SystemResolver;

#[async_trait]
impl Resolve for SystemResolver {
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(lookup_host((host, port)).await?.collect())
    }
}
