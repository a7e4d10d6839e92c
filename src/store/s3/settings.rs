//! Settings of the S3 client, and their validation.
//!
//! # Invariants
//!
//! Connections that leave this machine are encrypted, unless the settings allow plaintext.

use serde::{Deserialize, Serialize};

use crate::base::error::{Error, Result};
use crate::io::transport::{PLAINTEXT, is_loopback};

/// Settings of the S3 client; credentials come from the AWS chain (environment, profile, instance role).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct S3Settings {
    /// The URL of a server other than Amazon's, such as `https://s3.example.com`.
    pub endpoint: Option<String>,
    /// The region; by default the AWS chain's, or `us-east-1` if `endpoint` is set and the chain has none.
    pub region: Option<String>,
    /// Whether the bucket is in the URL's path instead of the host name. Most servers other than Amazon's need it; true
    /// by default if `endpoint` is set.
    pub path_style: Option<bool>,
    /// When requests carry a checksum in addition to the signature. Old servers refuse `when_supported`.
    pub checksums: Checksums,
}

/// When requests carry checksums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Checksums {
    /// Wherever S3 supports them: the server refuses an upload that was truncated or changed in transit.
    #[default]
    WhenSupported,
    /// Only where S3 requires them.
    WhenRequired,
}

impl S3Settings {
    /// Checks the endpoint; unless `plaintext` is true, an endpoint on another machine must use TLS.
    ///
    /// # Errors
    ///
    /// Fails if the endpoint is not a valid URL of a host, or if it is not encrypted and must be.
    pub fn validate(&self, plaintext: bool) -> Result<()> {
        let Some(endpoint) = &self.endpoint else { return Ok(()) };
        let wrong = |why: &str| Error::invalid(format!("setting s3.endpoint {endpoint:?} {why}"));
        let Some((scheme, rest)) = endpoint.split_once("://") else {
            return Err(wrong("is not a URL").hint("write it as https://host:port"));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::error::Kind;

    #[test]
    fn what_leaves_this_machine_is_encrypted_unless_told_otherwise() {
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
