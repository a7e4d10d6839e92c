//! File stems: the names of an asset's files without their endings.
//!
//! # Invariants
//!
//! A [`Stem`] is what `text::slug` makes of it, so it names a file in the folder it is joined to and no other place,
//! wherever it came from.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::base::{limits, text};

/// Bytes of a stem at most: a slug, a dash and eight hex digits.
const LONGEST: usize = limits::STEM + 9;

/// A file stem: lower-case letters, digits and dashes, such as `red-apple-noto-1-0123abcd`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Stem(String);

impl Stem {
    /// Returns the slug of `text` as a stem.
    pub fn of(text: &str) -> Self {
        Self(text::slug(text, LONGEST))
    }

    /// Returns the stem's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Stem {
    type Err = String;

    fn from_str(stem: &str) -> Result<Self, String> {
        let slug = Self::of(stem);
        if slug.0 == stem { Ok(slug) } else { Err(format!("{} is not a safe file stem", text::show(stem))) }
    }
}

impl TryFrom<String> for Stem {
    type Error = String;

    fn try_from(stem: String) -> Result<Self, String> {
        stem.parse()
    }
}

impl From<Stem> for String {
    fn from(stem: Stem) -> Self {
        stem.0
    }
}

impl PartialEq<str> for Stem {
    fn eq(&self, other: &str) -> bool {
        self.0 == other
    }
}

impl fmt::Display for Stem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_slugs_are_stems() {
        assert_eq!(Stem::of("Red Apple/1").as_str(), "red-apple-1");
        for bad in ["", "../x", "a/b", "A", "a--b", "-a", "é", &"a".repeat(LONGEST + 1)] {
            assert!(bad.parse::<Stem>().is_err(), "{bad:?}");
        }
        assert_eq!("fox-noto-1-0123abcd".parse::<Stem>().unwrap().to_string(), "fox-noto-1-0123abcd");
    }
}
