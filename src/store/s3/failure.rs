//! What the S3 SDK's errors mean to us, in one place.
//!
//! Takes an SDK error. Returns an [`Error`] whose kind decides what happens next and whose hint says what to do.
//!
//! # Invariants
//!
//! No credential is in it; the SDK has tried again before, so what is said here is not a hiccup.

use std::error::Error as StdError;

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use super::{Error, Kind};

/// The HTTP status of the answer, if one came.
pub fn status<E>(error: &SdkError<E>) -> Option<u16> {
    error.raw_response().map(|response| response.status().as_u16())
}

/// Whether the bucket itself is missing.
pub(crate) fn no_bucket<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    error.as_service_error().and_then(ProvideErrorMetadata::code) == Some("NoSuchBucket")
}

/// What `verb` on `address` failed with.
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
            unavailable("look at the setting s3.endpoint")
        }
        (_, Some(404)) if no_bucket(&error) => unavailable("make the bucket, or name another with --out"),
        (_, Some(301 | 307)) => unavailable("the bucket is in another region; set s3.region"),
        (_, Some(401 | 403)) => {
            unavailable("the credentials may not do this; `deploy/` has the bucket policy that housestyle needs")
        }
        (_, Some(400)) => unavailable("an old server may refuse checksums; set s3.checksums to when_required"),
        (_, Some(status)) if status < 500 && status != 429 && status != 408 => Error::new(Kind::Permanent, message),
        _ => unavailable("the server did not answer in time, or not sensibly; try again when it does"),
    };
    found.caused_by(Cause(describe(&error)))
}

/// What the server said. The SDK's own sources hold whole requests, and with them signatures.
fn describe<E: ProvideErrorMetadata>(error: &SdkError<E>) -> String {
    match error {
        SdkError::ConstructionFailure(_) => {
            "the request could not be made; credentials or region may be missing".into()
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

/// A cause in words.
#[derive(Debug)]
struct Cause(String);

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl StdError for Cause {}
