//! The crate's one error type.
//!
//! Every failure is a value with a [`Kind`] (which decides retry, rejection and the exit code), a sentence for a
//! person, the error that caused it, and, where something can be done, a hint that says what to do next.

use std::error::Error as StdError;
use std::fmt;

/// The kind of a failure, which decides what happens next.
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
    /// A mistake in this program: exit code 1.
    Internal,
}

impl Kind {
    /// Returns the kind in a word.
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
    /// Makes an error of `kind` that says `message` (lower case, no full stop).
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None, source: None }
    }

    /// Makes an error of [`Kind::Invalid`].
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Kind::Invalid, message)
    }

    /// Makes an error of [`Kind::Unavailable`].
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(Kind::Unavailable, message)
    }

    /// Makes an error of [`Kind::Internal`].
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Kind::Internal, message)
    }

    /// Adds a hint: what the person can do about it.
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

    /// Returns the kind of failure.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Returns the hint, if there is any.
    pub fn advice(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Returns the exit code of a process that ends with this error.
    pub fn exit_code(&self) -> u8 {
        match self.kind {
            Kind::Invalid => 2,
            Kind::Unavailable => 4,
            Kind::Transient | Kind::Permanent | Kind::Internal => 1,
        }
    }

    /// Tells whether the error concerns only the input it happened to, so that other inputs may succeed. Any other
    /// error (a broken bundle, a device that is gone or full) would happen to them as well.
    pub(crate) fn is_about_the_input(&self) -> bool {
        matches!(self.kind, Kind::Invalid | Kind::Permanent)
    }

    /// Returns the message followed by every cause, joined into one line.
    pub fn chain(&self) -> String {
        let mut text = self.message.clone();
        let mut next = self.source();
        while let Some(cause) = next {
            text.push_str(": ");
            let said = cause.to_string();
            text.push_str(
                &said.split('\n').map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" "),
            );
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

/// Turns errors of other crates into [`Error`]s.
pub trait Context<T> {
    /// Wraps the error as one of `kind`, with a message that is made only when needed.
    ///
    /// # Errors
    ///
    /// The wrapped error, if this is one.
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
