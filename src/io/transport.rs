//! Tells whether a connection leaves this machine, and holds the hint for one that would do so unencrypted.

use std::net::IpAddr;

/// The hint for a connection that is not encrypted.
pub(crate) const PLAINTEXT: &str = "use amqps:// or https://; in a trusted network, set allow_plaintext: true";

/// Returns whether `host` is this machine.
pub(crate) fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
