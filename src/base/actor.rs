//! Who decided something that is recorded for good, and why.

use std::fmt;

use super::error::{Error, Result};
use super::{limits, text};

/// The name of whoever decided something.
///
/// # Invariants
/// Plain text that is not empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Actor(String);

/// The reason that was given for something.
///
/// # Invariants
/// Plain text that is not empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reason(String);

impl Actor {
    /// Checks a name that was given in `field`.
    ///
    /// # Errors
    /// For a name that is empty, too long, or not plain text.
    pub fn new(field: &str, name: &str) -> Result<Self> {
        recorded(field, name).map(Self)
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Reason {
    /// Checks a reason that was given in `field`.
    ///
    /// # Errors
    /// For a reason that is empty, too long, or not plain text.
    pub fn new(field: &str, reason: &str) -> Result<Self> {
        recorded(field, reason).map(Self)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Checks a text for people that is kept for good.
fn recorded(field: &str, given: &str) -> Result<String> {
    match text::plain(given, limits::RIGHTS_TEXT) {
        Ok(text) if text.is_empty() => Err(Error::invalid(format!("{field} is empty"))),
        Ok(text) => Ok(text),
        Err(reason) => Err(Error::invalid(format!("{field} {reason}"))),
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_or_unprintable_name_is_refused() {
        assert_eq!(Actor::new("--by", "Ada").unwrap().as_str(), "Ada");
        for bad in ["", " ", "a\u{1b}[2J"] {
            assert!(Actor::new("--by", bad).unwrap_err().chain().contains("--by"), "{bad:?}");
            assert!(Reason::new("--reason", bad).unwrap_err().chain().contains("--reason"), "{bad:?}");
        }
    }
}
