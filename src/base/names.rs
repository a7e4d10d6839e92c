//! Names and references: short texts that are checked once and can then be used in keys, paths and messages.
//!
//! Takes a string from a campaign, a bundle or a message; returns a newtype, or the reason why not.
//!
//! # Invariants
//!
//! A [`Name`] is a safe path component on every file system.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::base::checked_text::checked_text;
use crate::base::digest::Digest;
use crate::base::{limits, text};

/// A name: lower-case letters, digits and dashes, such as `spring-launch`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

impl Name {
    /// Returns the name's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for Name {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let edge = |c: Option<char>| c.is_some_and(|c| c != '-');
        match name {
            "" => Err("is empty".into()),
            _ if name.len() > limits::NAME => Err(format!("has more than {} characters", limits::NAME)),
            _ if !name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') => {
                Err("is not a name: use lower-case letters, digits and dashes".into())
            }
            _ if !edge(name.chars().next()) || !edge(name.chars().last()) => {
                Err("must not begin or end with a dash".into())
            }
            _ => Ok(Self(name.into())),
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

checked_text!(Name, "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", "Lower-case letters, digits and dashes.");

/// A bundle, by name and, where it must be exactly the same weights, by digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BundleRef {
    /// Its name, which is also its folder's.
    pub name: Name,
    /// What `bundle.yaml` must hash to.
    pub digest: Option<Digest>,
}

impl std::str::FromStr for BundleRef {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, digest) = text.split_once('@').map_or((text, None), |(name, digest)| (name, Some(digest)));
        Ok(Self { name: name.parse()?, digest: digest.map(str::parse).transpose()? })
    }
}

impl fmt::Display for BundleRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.digest {
            Some(digest) => write!(f, "{}@{digest}", self.name),
            None => self.name.fmt(f),
        }
    }
}

checked_text!(
    BundleRef,
    "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(@sha256:[0-9a-f]{64})?$",
    "A bundle's name, or name@sha256:…"
);

/// A style, by name and optionally by the version of its encoder (`acme@3`); without one, the promoted version is
/// meant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StyleRef {
    /// The style's name in the bundle or among the trained encoders.
    pub name: Name,
    /// The encoder's version.
    pub version: Option<u32>,
}

impl std::str::FromStr for StyleRef {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((name, version)) = text.split_once('@') else {
            return Ok(Self { name: text.parse()?, version: None });
        };
        let version = version.parse().ok().filter(|v| *v > 0 && !version.starts_with(['0', '+']));
        let version = version.ok_or_else(|| format!("has no version number after `@`: {}", text::show(text)))?;
        Ok(Self { name: name.parse()?, version: Some(version) })
    }
}

impl fmt::Display for StyleRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.version {
            Some(version) => write!(f, "{}@{version}", self.name),
            None => self.name.fmt(f),
        }
    }
}

checked_text!(StyleRef, "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(@[1-9][0-9]*)?$", "A style's name, or name@version.");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_path_components() {
        for bad in [
            "",
            ".",
            "..",
            "../x",
            "/a",
            "a/b",
            "a\\b",
            "a\0",
            "%2e",
            "A",
            "é",
            "-a",
            "a-",
            "a b",
            "a\u{202e}b",
            "\u{1b}[1m",
        ] {
            assert!(bad.parse::<Name>().is_err(), "{bad:?}");
        }
        assert!("a".repeat(64).parse::<Name>().is_err());
        assert_eq!("spring-launch-2".parse::<Name>().unwrap().as_str(), "spring-launch-2");
    }

    #[test]
    fn references_read_and_print_the_same() {
        let digest = Digest::of(b"abc");
        let text = format!("emoji-houses@{digest}");
        assert_eq!(text.parse::<BundleRef>().unwrap().to_string(), text);
        assert_eq!("acme@3".parse::<StyleRef>().unwrap().to_string(), "acme@3");
        for bad in ["acme@", "acme@0", "acme@03", "acme@-1", "acme@+3", "acme@latest", "@3", "acme@99999999999"] {
            assert!(bad.parse::<StyleRef>().is_err(), "{bad}");
        }
        assert!("a@sha256:zz".parse::<BundleRef>().is_err());
    }
}
