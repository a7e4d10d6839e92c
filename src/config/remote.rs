//! Where broker and bucket are, and how far the way there may be trusted.
//!
//! In: settings. Out: a checked [`Broker`] and [`S3Settings`]. Always holds: a password is in no `Debug`, log, error or JSON;
//! what leaves this machine is encrypted, unless somebody said in so many words that it need not be.

use std::fmt;
use std::net::IpAddr;

use lapin::uri::{AMQPScheme, AMQPUri};
use serde::{Deserialize, Serialize, Serializer};

use crate::error::{Error, Result};

/// The broker's address, with the password in it.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub struct Broker(String);

impl From<String> for Broker {
    fn from(url: String) -> Self {
        Self(url)
    }
}

impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// As much of it as anybody may see.
impl fmt::Display for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.parse::<AMQPUri>() {
            Ok(uri) => {
                let scheme = if uri.scheme == AMQPScheme::AMQPS { "amqps" } else { "amqp" };
                write!(f, "{scheme}://{}:{}/{}", uri.authority.host, uri.authority.port, uri.vhost)
            }
            Err(_) => f.write_str("(no AMQP address)"),
        }
    }
}

impl Serialize for Broker {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Broker {
    /// The address, read; without `plaintext`, only TLS may leave this machine.
    pub fn uri(&self, plaintext: bool) -> Result<AMQPUri> {
        // The parser's own words may quote the address, and the password with it.
        let uri: AMQPUri = self.0.parse().map_err(|_| {
            Error::invalid("setting broker is no AMQP address").hint("write it as amqps://user:password@host:5671/vhost")
        })?;
        if uri.scheme == AMQPScheme::AMQP && !plaintext && !is_loopback(&uri.authority.host) {
            return Err(Error::invalid(format!("{self} is not encrypted")).hint(PLAINTEXT));
        }
        Ok(uri)
    }
}

/// What to do about a connection that is not encrypted.
const PLAINTEXT: &str = "use amqps:// or https://; in a network that is trusted, set allow_plaintext";

/// How S3 is spoken; where credentials come from is the AWS chain's business (environment, profile, instance role).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct S3Settings {
    /// Another server than Amazon's, such as `https://s3.example.com`.
    pub endpoint: Option<String>,
    /// The region; without it, the AWS chain's, or `us-east-1` for another server.
    pub region: Option<String>,
    /// Whether buckets are in the path, not in the host's name. Most servers but Amazon's want it, and with `endpoint` it is
    /// the default.
    pub path_style: Option<bool>,
    /// When requests carry a checksum beyond what signing needs. Old servers refuse `when_supported`.
    pub checksums: Checksums,
}

/// When requests carry checksums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Checksums {
    /// Wherever S3 knows them: an upload that was cut or changed on the way is refused by the server.
    #[default]
    WhenSupported,
    /// Only where S3 insists.
    WhenRequired,
}

impl S3Settings {
    /// Checks the endpoint; without `plaintext`, only TLS may leave this machine.
    pub fn validate(&self, plaintext: bool) -> Result<()> {
        let Some(endpoint) = &self.endpoint else { return Ok(()) };
        let wrong = |why: &str| Error::invalid(format!("setting s3.endpoint {endpoint:?} {why}"));
        let Some((scheme, rest)) = endpoint.split_once("://") else {
            return Err(wrong("is no address").hint("write it as https://host:port"));
        };
        let authority = rest.split('/').next().unwrap_or_default();
        if authority.is_empty() || authority.contains('@') || authority.contains(char::is_whitespace) {
            return Err(wrong("names no host, or more than a host").hint("credentials come from the AWS chain"));
        }
        let host = match authority.strip_prefix('[') {
            Some(ipv6) => ipv6.split(']').next().unwrap_or_default(),
            None => authority.split(':').next().unwrap_or_default(),
        };
        match scheme {
            "https" => Ok(()),
            "http" if plaintext || is_loopback(host) => Ok(()),
            "http" => Err(wrong("is not encrypted").hint(PLAINTEXT)),
            _ => Err(wrong("is neither http nor https")),
        }
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[test]
    fn a_password_is_nowhere_to_be_seen() {
        for url in ["amqps://me:s3cret@broker:5671/house", "amqp://me:s3cret@host:not-a-port/", "s3cret"] {
            let broker = Broker::from(url.to_owned());
            let seen = format!("{broker} {broker:?} {}", serde_json::to_string(&broker).unwrap());
            assert!(!seen.contains("s3cret") && !seen.contains("me:"), "{seen}");
            if let Err(error) = broker.uri(false) {
                assert!(!error.chain().contains("s3cret"), "{}", error.chain());
            }
        }
        assert_eq!(Broker::from("amqps://me:x@broker/house".to_owned()).to_string(), "amqps://broker:5671/house");
    }

    #[test]
    fn what_leaves_this_machine_is_encrypted_unless_told_otherwise() {
        let broker = |url: &str, plaintext| Broker::from(url.to_owned()).uri(plaintext);
        for fine in ["amqp://localhost/", "amqp://127.0.0.1:1234/x", "amqp://[::1]/", "amqps://broker.example.com/"] {
            assert!(broker(fine, false).is_ok(), "{fine}");
        }
        for wrong in ["amqp://broker/", "amqp://10.0.0.1/", "amqp://localhost.example.com/", "http://x/", ""] {
            assert_eq!(broker(wrong, false).unwrap_err().kind(), Kind::Invalid, "{wrong}");
        }
        assert!(broker("amqp://broker/", true).is_ok());

        let s3 = |endpoint: &str, plaintext| {
            S3Settings { endpoint: Some(endpoint.into()), ..S3Settings::default() }.validate(plaintext)
        };
        for fine in ["https://s3.example.com", "http://127.0.0.1:9000", "http://[::1]:9000/", "http://localhost"] {
            assert!(s3(fine, false).is_ok(), "{fine}");
        }
        for wrong in ["http://minio:9000", "s3.example.com", "ftp://x", "https://", "https://key:secret@host"] {
            assert_eq!(s3(wrong, false).unwrap_err().kind(), Kind::Invalid, "{wrong}");
        }
        assert!(s3("http://minio:9000", true).is_ok());
    }
}
