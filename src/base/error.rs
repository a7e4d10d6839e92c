//! One error type for the whole house.
//!
//! Every failure is a value with a [`Kind`] (which decides retry, rejection and the exit code), a sentence for a
//! person, the cause it came from, and, where somebody can act, a hint that says what to do next.

use std::error::Error as StdError;
use std::fmt;

/// What went wrong, as far as anybody has to decide what happens next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The sender's input is wrong: never retried, exit code 2.
    Invalid,
    /// Something needed is not there (runtime library, provider, model, broker, bucket): exit code 4.
    Unavailable,
    /// It may work when tried again: retried with backoff.
    Transient,
    /// It will fail again the same way: rejected or dead-lettered with its reason.
    Permanent,
    /// Our own mistake.
    Internal,
}

impl Kind {
    /// The kind in a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Unavailable => "unavailable",
            Self::Transient => "transient",
            Self::Permanent => "permanent",
            Self::Internal => "internal",
        }
    }
}

/// An error for a person: kind, message, cause and hint.
#[derive(Debug)]
pub struct Error {
    kind: Kind,
    message: String,
    hint: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// The crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of `kind` that says `message` (lower case, no full stop).
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None, source: None }
    }

    /// [`Kind::Invalid`].
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Kind::Invalid, message)
    }

    /// [`Kind::Unavailable`].
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(Kind::Unavailable, message)
    }

    /// [`Kind::Internal`].
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Kind::Internal, message)
    }

    /// Adds what the person can do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Keeps the error that caused this one.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What kind of failure this is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The advice, if there is any.
    pub fn advice(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// The process exit code PRODUCT.md promises for this kind.
    pub fn exit_code(&self) -> u8 {
        match self.kind {
            Kind::Invalid => 2,
            Kind::Unavailable => 4,
            Kind::Transient | Kind::Permanent | Kind::Internal => 1,
        }
    }

    /// Whether it concerns only the one thing it happened to, so that others may fare better. All else (a broken bundle,
    /// a device that is gone or full) would happen to them as well.
    pub fn is_about_the_input(&self) -> bool {
        matches!(self.kind, Kind::Invalid | Kind::Permanent)
    }

    /// The message followed by every cause, on one line: what foreign causes say in several is joined.
    pub fn chain(&self) -> String {
        let mut text = self.message.clone();
        let mut next = self.source();
        while let Some(cause) = next {
            text.push_str(": ");
            let said = cause.to_string();
            text.push_str(&said.split('\n').map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" "));
            next = cause.source();
        }
        text
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|e| e as &(dyn StdError + 'static))
    }
}

/// Adds context to foreign errors where they enter the house.
pub trait Context<T> {
    /// Wraps the error as `kind` with a message made only when needed.
    fn context<M: Into<String>>(self, kind: Kind, message: impl FnOnce() -> M) -> Result<T>;
}

impl<T, E: Into<Box<dyn StdError + Send + Sync>>> Context<T> for std::result::Result<T, E> {
    fn context<M: Into<String>>(self, kind: Kind, message: impl FnOnce() -> M) -> Result<T> {
        self.map_err(|e| Error::new(kind, message()).caused_by(e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_of_causes_is_one_line() {
        let error = Error::invalid("no").caused_by(Error::internal("why\n  indeed\n").caused_by("deeper"));
        assert_eq!(error.chain(), "no: why indeed: deeper");
    }
}
