//! Which addresses a client may connect to, and how names become addresses.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};

use async_trait::async_trait;
use ipnet::IpNet;
use tokio::net::lookup_host;

use super::address;
use super::url::Url;
use crate::base::error::{Error, Kind, Result};

/// Which addresses a client may reach.
#[derive(Clone, Debug)]
pub enum Reach {
    /// Wherever the operator says: the address is from the settings, not from a sender.
    Anywhere,
    /// The public internet with TLS, and these networks with or without.
    PublicAnd(Vec<IpNet>),
}

impl Reach {
    /// Checks that a request to `url` may go to `address`.
    ///
    /// # Errors
    /// [`Kind::Permanent`] if not.
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
                &format!("leads to {address}, which is not on the public internet"),
                "if that is where it shall go, list its network in the setting webhook_networks",
            ),
        }
    }
}

/// Finds the addresses of a name; tests have their own.
#[async_trait]
pub trait Resolve: Send + Sync + fmt::Debug {
    /// Returns every address of `host`.
    ///
    /// # Errors
    /// Where the name cannot be resolved.
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>>;
}

/// Asks the machine's resolver.
#[derive(Debug)]
pub(super) struct SystemResolver;

#[async_trait]
impl Resolve for SystemResolver {
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(lookup_host((host, port)).await?.collect())
    }
}
