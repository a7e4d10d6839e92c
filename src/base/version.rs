//! Versions of trained encoders, as people write them: `style/acme@3`.
//!
//! # Invariants
//!
//! The parts of a [`VersionId`] are safe in a key, and it prints as it is read.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::checked_text::checked_text;
use crate::base::names::{Name, StyleRef};
use crate::base::text;

/// Which of the two text encoders.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Branch {
    /// The style encoder, which reads how something is drawn.
    #[default]
    Style,
    /// The category encoder, which reads what is drawn.
    Category,
}

impl Branch {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Style, Self::Category];

    /// Returns its name in YAML and in keys.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Style => "style",
            Self::Category => "category",
        }
    }
}

impl fmt::Display for Branch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A trained encoder, all its versions: `style/acme`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EncoderName {
    /// Which of the two text encoders it replaces.
    pub branch: Branch,
    /// The style's or brand's name.
    pub name: Name,
}

impl EncoderName {
    /// Returns the version with this number.
    pub fn version(&self, number: u32) -> VersionId {
        VersionId { branch: self.branch, name: self.name.clone(), number }
    }
}

impl std::str::FromStr for EncoderName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (branch, name) = text.split_once('/').unwrap_or(("style", text));
        let branch = Branch::ALL.into_iter().find(|b| b.as_str() == branch);
        let branch = branch
            .ok_or_else(|| format!("is no encoder: expected `style/…` or `category/…`, got {}", text::show(text)))?;
        Ok(Self { branch, name: name.parse()? })
    }
}

impl fmt::Display for EncoderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.branch, self.name)
    }
}

checked_text!(
    EncoderName,
    "^((style|category)/)?[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$",
    "An encoder, such as style/acme."
);

/// A category encoder, by name and optionally by version: `category/acme@1`. Without a version the promoted one is
/// meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CategoryRef {
    /// The encoder's name.
    pub name: Name,
    /// Its version; `None` for the promoted one.
    pub version: Option<u32>,
}

impl std::str::FromStr for CategoryRef {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let name = text.strip_prefix("category/");
        let name =
            name.ok_or_else(|| format!("is no category encoder: expected `category/…`, got {}", text::show(text)))?;
        let StyleRef { name, version } = name.parse()?;
        Ok(Self { name, version })
    }
}

impl fmt::Display for CategoryRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.version {
            Some(version) => write!(f, "category/{}@{version}", self.name),
            None => write!(f, "category/{}", self.name),
        }
    }
}

checked_text!(
    CategoryRef,
    "^category/[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(@[1-9][0-9]*)?$",
    "A category encoder: category/name, which is its promoted version, or category/name@version."
);

/// One version of a trained encoder: `style/acme@3`. Without a branch, `style` is meant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct VersionId {
    /// Which of the two text encoders it replaces.
    pub branch: Branch,
    /// The style's or brand's name.
    pub name: Name,
    /// Counted from 1.
    pub number: u32,
}

impl VersionId {
    /// Returns the encoder it is a version of.
    pub fn encoder(&self) -> EncoderName {
        EncoderName { branch: self.branch, name: self.name.clone() }
    }
}

impl std::str::FromStr for VersionId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (encoder, number) =
            text.split_once('@').ok_or_else(|| format!("names no version: write `{}@1`", text::escape(text)))?;
        let EncoderName { branch, name } = encoder.parse()?;
        // The number has one way to be written, the one that a campaign's `styles` takes.
        let number = format!("{name}@{number}").parse::<StyleRef>()?.version.unwrap_or_default();
        Ok(Self { branch, name, number })
    }
}

impl fmt::Display for VersionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}@{}", self.branch, self.name, self.number)
    }
}

checked_text!(
    VersionId,
    "^((style|category)/)?[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?@[1-9][0-9]*$",
    "A version of an encoder, such as style/acme@3."
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_read_and_print_the_same() {
        for text in ["style/acme@3", "category/acme@4294967295"] {
            let version: VersionId = text.parse().unwrap();
            assert_eq!((version.to_string(), version.encoder().version(version.number)), (text.to_owned(), version));
        }
        assert_eq!("acme@1".parse::<VersionId>().unwrap().to_string(), "style/acme@1");
        assert_eq!("acme".parse::<EncoderName>().unwrap().to_string(), "style/acme");
        for bad in [
            "",
            "acme",
            "acme@",
            "acme@0",
            "acme@03",
            "acme@-1",
            "look/acme@1",
            "style/../x@1",
            "style/a/b@1",
            "style/@1",
            "style/Acme@1",
            "style/acme@1@2",
            "style/acme@4294967296",
            "/acme@1",
            "\u{1b}[31m@1",
        ] {
            let why = bad.parse::<VersionId>().unwrap_err();
            assert!(!why.contains('\u{1b}'), "{why:?}");
        }
    }
}
