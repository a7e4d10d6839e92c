//! The broker's address: parses it, shows it without its password, and refuses to send the password unencrypted.
//!
//! # Invariants
//!
//! The password never appears in `Debug` output, a log, an error or JSON.

use std::fmt;

use lapin::uri::{AMQPScheme, AMQPUri};
use serde::{Deserialize, Serialize, Serializer};

use crate::base::error::{Error, Result};
use crate::io::transport::{PLAINTEXT, is_loopback};

/// The address of a broker, with the password.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub struct BrokerAddress(String);

impl From<String> for BrokerAddress {
    fn from(url: String) -> Self {
        Self(url)
    }
}

impl fmt::Debug for BrokerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Shows the address without user and password.
impl fmt::Display for BrokerAddress {
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

impl Serialize for BrokerAddress {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl BrokerAddress {
    /// Parses the address; unless `plaintext` is true, an unencrypted one must be of this machine.
    ///
    /// # Errors
    ///
    /// [`Kind::Invalid`](crate::base::error::Kind::Invalid) if the text is not an AMQP address, or if the address is
    /// unencrypted and must not be.
    pub fn uri(&self, plaintext: bool) -> Result<AMQPUri> {
        // The parser's error may quote the address, and the password with it.
        let uri: AMQPUri = self.0.parse().map_err(|_| {
            Error::invalid("the setting `broker` is no AMQP address")
                .hint("write it as amqps://user:password@host:5671/vhost")
        })?;
        if uri.scheme == AMQPScheme::AMQP && !plaintext && !is_loopback(&uri.authority.host) {
            return Err(Error::invalid(format!("{self} is not encrypted")).hint(PLAINTEXT));
        }
        Ok(uri)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::error::Kind;

    #[test]
    fn a_password_is_never_shown() {
        for url in ["amqps://me:s3cret@broker:5671/house", "amqp://me:s3cret@host:not-a-port/", "s3cret"] {
            let broker = BrokerAddress::from(url.to_owned());
            let seen = format!("{broker} {broker:?} {}", serde_json::to_string(&broker).unwrap());
            assert!(!seen.contains("s3cret") && !seen.contains("me:"), "{seen}");
            if let Err(error) = broker.uri(false) {
                assert!(!error.chain().contains("s3cret"), "{}", error.chain());
            }
        }
        assert_eq!(
            BrokerAddress::from("amqps://me:x@broker/house".to_owned()).to_string(),
            "amqps://broker:5671/house"
        );
    }

    #[test]
    fn an_address_beyond_this_machine_must_be_encrypted_unless_allowed() {
        let broker = |url: &str, plaintext| BrokerAddress::from(url.to_owned()).uri(plaintext);
        for fine in ["amqp://localhost/", "amqp://127.0.0.1:1234/x", "amqp://[::1]/", "amqps://broker.example.com/"] {
            assert!(broker(fine, false).is_ok(), "{fine}");
        }
        for wrong in ["amqp://broker/", "amqp://10.0.0.1/", "amqp://localhost.example.com/", "http://x/", ""] {
            assert_eq!(broker(wrong, false).unwrap_err().kind(), Kind::Invalid, "{wrong}");
        }
        assert!(broker("amqp://broker/", true).is_ok());
    }
}
