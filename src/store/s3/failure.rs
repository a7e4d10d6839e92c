//! Converts errors of the S3 SDK into an [`Error`] whose kind decides what happens next and whose hint says what to do.
//!
//! # Invariants
//!
//! The error contains no credentials. The SDK has retried before, so the failure is not a brief one.

use std::error::Error as StdError;

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use super::{Error, Kind};

/// Returns the HTTP status of the response, if there was one.
pub fn status<E>(error: &SdkError<E>) -> Option<u16> {
    error.raw_response().map(|response| response.status().as_u16())
}

/// Returns whether the error says that the bucket does not exist.
pub(crate) fn no_bucket<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    error.as_service_error().and_then(ProvideErrorMetadata::code) == Some("NoSuchBucket")
}

/// Returns the error of the failed operation `verb` on `address`.
pub fn failed<E>(verb: &str, address: &str, error: SdkError<E>) -> Error
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    let message = format!("cannot {verb} {address}");
    let unavailable = |hint: &str| Error::unavailable(message.clone()).hint(hint);
    let found = match (&error, status(&error)) {
        (SdkError::ConstructionFailure(_), _) => {
            unavailable("set region and credentials where the AWS tools look for them (environment, profile, role)")
        }
        (SdkError::DispatchFailure(e), _) if e.as_connector_error().is_some_and(|e| e.is_user()) => {
            unavailable("correct the setting s3.endpoint")
        }
        (_, Some(404)) if no_bucket(&error) => unavailable("create the bucket, or set another with --out"),
        (_, Some(301 | 307)) => unavailable("the bucket is in another region; set s3.region"),
        (_, Some(401 | 403)) => {
            unavailable("the credentials lack permission; `deploy/` has the bucket policy that housestyle needs")
        }
        (_, Some(400)) => unavailable("an old server may refuse checksums; set s3.checksums to when_required"),
        (_, Some(status)) if status < 500 && status != 429 && status != 408 => Error::new(Kind::Permanent, message),
        _ => unavailable("the server did not respond in time, or responded with an error; try again later"),
    };
    found.caused_by(Cause(describe(&error)))
}

/// Describes an SDK error without its sources, which contain whole requests and thus signatures.
fn describe<E: ProvideErrorMetadata>(error: &SdkError<E>) -> String {
    match error {
        SdkError::ConstructionFailure(_) => {
            "the request could not be built; credentials or region may be missing".into()
        }
        SdkError::TimeoutError(_) => "timed out".into(),
        SdkError::DispatchFailure(failure) => {
            let mut text = "no connection".to_owned();
            let mut next = failure.as_connector_error().and_then(|e| e.source());
            while let Some(cause) = next {
                text = format!("{text}: {cause}");
                next = cause.source();
            }
            text
        }
        SdkError::ResponseError(_) => "the answer could not be read".into(),
        _ => {
            let said = error.as_service_error();
            let code = said.and_then(ProvideErrorMetadata::code).unwrap_or("no code");
            let words = said.and_then(ProvideErrorMetadata::message).unwrap_or("no message");
            let status = status(error).map_or_else(String::new, |status| format!("status {status}, "));
            format!("{status}{code}: {words}")
        }
    }
}

/// A description of an SDK error, as the cause of an [`Error`].
#[derive(Debug)]
struct Cause(String);

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl StdError for Cause {}
