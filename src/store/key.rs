//! Keys: the names of stored objects.

use std::fmt;

use crate::base::error::{Error, Result};

/// A relative key of `/`-separated names; none is empty or starts with a dot (those are reserved for the store).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(String);

impl Key {
    /// Parses a key; names that could leave the store's folder or mislead a reader are refused.
    ///
    /// # Errors
    ///
    /// Fails if `text` is not a valid key.
    pub fn new(text: impl Into<String>) -> Result<Self> {
        let text = text.into();
        if is_key(&text) {
            Ok(Self(text))
        } else {
            let shown: String = text.chars().take(80).collect();
            Err(Error::invalid(format!("{shown:?} is not a valid key of an object"))
                .hint("use letters, digits, '-', '_' and '.', and do not start a name with a dot"))
        }
    }

    /// Returns the key of a text whose parts are literals or of types that are valid in keys (names, ids, stems,
    /// digests).
    pub(crate) fn of_checked(text: String) -> Self {
        debug_assert!(is_key(&text), "{text:?} is not a valid key");
        Self(text)
    }

    /// Returns the key of `name` in this folder.
    ///
    /// # Errors
    ///
    /// Fails if `name` cannot be part of a key.
    pub fn join(&self, name: &str) -> Result<Self> {
        Self::new(format!("{}/{name}", self.0))
    }

    /// Returns the key of `name` in this folder; as with [`Key::of_checked`], `name` must be valid in a key.
    pub(crate) fn join_checked(&self, name: impl fmt::Display) -> Self {
        Self::of_checked(format!("{}/{name}", self.0))
    }

    /// Returns the key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_key(text: &str) -> bool {
    let is_name = |name: &str| {
        !name.is_empty()
            && name.len() <= 255
            && !name.starts_with('.')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '@'))
    };
    text.len() <= 1024 && text.split('/').all(is_name)
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_cannot_leave_the_store() {
        for good in ["a", "campaigns/x-0123/assets/fox-twemoji-1-ab.png", "style/acme@3"] {
            assert_eq!(Key::new(good).unwrap().as_str(), good);
        }
        let long = "a".repeat(10_000_000);
        for bad in
            ["", "/a", "a/", "a//b", "..", "a/../b", ".lock", "a\\b", "a\0b", "a%2e%2e", "a b", "\u{202e}gnp.a", &long]
        {
            let error = Key::new(bad).unwrap_err();
            assert!(error.to_string().len() < 600);
        }
    }
}
