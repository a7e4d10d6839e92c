//! URLs of HTTP requests, as written in settings.

use std::fmt;
use std::str::FromStr;

use hyper::Uri;

use crate::base::error::{Error, Result};
use crate::base::text;

/// The URL of a request: `https://host[:port]/path`, without user or password.
#[derive(Clone, PartialEq, Eq)]
pub struct Url {
    /// The whole URL.
    uri: Uri,
    secure: bool,
    host: String,
    port: u16,
}

impl Url {
    /// Returns the URL in the type of the HTTP client.
    pub(super) fn uri(&self) -> &Uri {
        &self.uri
    }

    /// Returns whether the scheme is https.
    pub(super) fn secure(&self) -> bool {
        self.secure
    }

    /// Returns the host name or IP address, without brackets.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// Returns the port, by default that of the scheme.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Returns `host`, or `host:port` if the port is not the scheme's default.
    fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        match (self.secure, self.port) {
            (true, 443) | (false, 80) => host,
            (_, port) => format!("{host}:{port}"),
        }
    }

    /// Returns the URL of another path on the same host.
    ///
    /// # Errors
    ///
    /// Fails if `path` is not valid in a URL.
    pub(crate) fn with_path(&self, path: &str) -> Result<Self> {
        format!("{self}{path}").parse()
    }

    /// Returns the path.
    pub fn path(&self) -> &str {
        self.uri.path()
    }
}

impl FromStr for Url {
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
            return Err(
                Error::invalid("an address holds a user or password").hint("leave it out; requests are signed instead")
            );
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
        Ok(Self { uri, secure, host, port })
    }
}

impl fmt::Display for Url {
    /// Writes the URL without its path, because paths of webhooks are often secrets.
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
    use crate::base::error::Kind;

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
