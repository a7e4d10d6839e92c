//! The error type of the use cases: every problem of the input with its place, and one error that sums them up.

use std::fmt;

use crate::base::error::Error;
use crate::spec::Problem;

/// The result of a use case.
pub(crate) type AppResult<T> = Result<T, Failure>;

/// Explains why a use case failed.
///
/// # Invariants
/// Has at least one problem or an error.
#[derive(Debug)]
pub(crate) struct Failure {
    problems: Vec<Problem>,
    error: Option<Error>,
}

impl Failure {
    /// Creates a failure of `problems` in the input and of `error`, which is not about the input.
    pub fn new(problems: Vec<Problem>, error: Option<Error>) -> Self {
        let error = match (problems.is_empty(), error) {
            (true, None) => Some(Error::internal("a use case failed without a problem or an error")),
            (_, error) => error,
        };
        Self { problems, error }
    }

    /// Replaces the error by a summary of the problems with this hint.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        let (problems, error) = self.into_parts();
        Self { problems, error: Some(error.hint(hint)) }
    }

    /// Replaces the error by a summary of the problems with this cause.
    #[must_use]
    pub fn caused_by(self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        let (problems, error) = self.into_parts();
        Self { problems, error: Some(error.caused_by(cause)) }
    }

    /// Returns the problems, and the error that is not about the input, if there is one.
    pub fn split(self) -> (Vec<Problem>, Option<Error>) {
        (self.problems, self.error)
    }

    /// Returns the problems, and the error that sums the failure up.
    pub fn into_parts(self) -> (Vec<Problem>, Error) {
        let Self { problems, error } = self;
        let error = error.unwrap_or_else(|| summary(&problems));
        (problems, error)
    }
}

/// Creates an error that says how many problems a file has.
fn summary(problems: &[Problem]) -> Error {
    let file = problems.first().map_or("the campaign", |problem| problem.file.as_str());
    let count = problems.len();
    Error::invalid(format!("{count} problem{} in {file}", if count == 1 { "" } else { "s" }))
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { problems: Vec::new(), error: Some(error) }
    }
}

impl From<Vec<Problem>> for Failure {
    fn from(problems: Vec<Problem>) -> Self {
        Self::new(problems, None)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.error {
            Some(error) => f.write_str(&error.chain()),
            None => summary(&self.problems).fmt(f),
        }
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::error::Kind;

    #[test]
    fn an_error_beside_the_problems_stands_for_both() {
        let (problems, error) = Failure::new(Vec::new(), Some(Error::unavailable("no bundle"))).into_parts();
        assert_eq!((problems.len(), error.kind()), (0, Kind::Unavailable));
        let (_, error) = Failure::from(Vec::new()).into_parts();
        assert_eq!(error.kind(), Kind::Internal, "a failure always has an error");
    }
}
