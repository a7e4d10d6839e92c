//! An object store in an S3 bucket: key `a/b` is the object `<prefix>/a/b`.
//!
//! S3 itself writes objects atomically. Every request has a time limit and is retried by the SDK; `failure` converts
//! what still fails into our errors.
//!
//! # Invariants
//!
//! [`Store::put_if_absent`] is a conditional PUT if the server supports it, which is probed before the first one. If
//! the response to a PUT is lost, the nonce in the object's metadata shows whether it was ours. A body that is
//! incomplete or stalls is fetched again.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_config::{BehaviorVersion, Region, retry::RetryConfig, timeout::TimeoutConfig};
use aws_sdk_s3::Client;
pub use aws_sdk_s3::config::Credentials;
use aws_sdk_s3::config::{Builder, RequestChecksumCalculation, ResponseChecksumValidation};
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::put_object::PutObjectError;
use aws_sdk_s3::primitives::ByteStream;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use backon::{ConstantBuilder, ExponentialBuilder, Retryable as _};
use bytes::Bytes;
use tokio::sync::{Mutex, OnceCell};

use crate::base::error::{Error, Kind, Result};
use crate::base::random;
use crate::store::key::Key;
use crate::store::object_store::Store;
use crate::store::s3::settings::{Checksums, S3Settings};

mod failure;
pub mod settings;

use failure::{failed, status};

/// Time limit of one attempt, from the first byte sent to the last byte of the response's headers.
const ATTEMPT: Duration = Duration::from_secs(20);
/// Time limit of all attempts of one request together.
const OPERATION: Duration = Duration::from_secs(90);
/// Time limit of reading a body, after which it is fetched again.
const BODY: Duration = Duration::from_secs(60);
/// Number of times a body is fetched before giving up.
const FETCHES: usize = 3;
/// Largest size of an object in bytes: far larger than any written here, so that a foreign one cannot fill the memory.
const MAX_BYTES: i64 = 256 << 20;
/// The object that conditional PUTs are probed with; its name is not a valid [`Key`], so it is never listed.
const PROBE: &str = ".housestyle-probe";
/// The metadata key of the nonce of the PUT that wrote an object.
const WRITER: &str = "housestyle-writer";

/// A [`Store`] in a bucket; cheap to clone.
#[derive(Clone)]
pub struct S3 {
    client: Client,
    bucket: String,
    /// The prefix of every key: empty, or without slashes at its ends.
    prefix: String,
    conditional: Arc<OnceCell<bool>>,
    /// Held during `put_if_absent` if the server has no conditional PUT, so that writers of this process do not race.
    turn: Arc<Mutex<()>>,
}

impl fmt::Debug for S3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "S3({})", self.address(""))
    }
}

impl S3 {
    /// Returns the store at `bucket/prefix`, with the credentials of the AWS chain. No request is sent yet;
    /// [`Store::verify`] sends the first.
    ///
    /// # Errors
    ///
    /// Fails if `place` has no valid bucket name or a prefix that is not a valid key.
    pub async fn open(place: &str, settings: &S3Settings) -> Result<Self> {
        Self::open_as(place, settings, None).await
    }

    /// Returns the store at `bucket/prefix` as [`S3::open`] does, with these credentials if they are given.
    ///
    /// # Errors
    ///
    /// Fails as [`S3::open`] does.
    pub async fn open_as(place: &str, settings: &S3Settings, credentials: Option<Credentials>) -> Result<Self> {
        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        let prefix = prefix.trim_matches('/');
        let bucket_is_fine = (3..=63).contains(&bucket.len())
            && bucket.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.'));
        if !bucket_is_fine {
            return Err(Error::invalid(format!("{:.80?} is not a valid bucket name", bucket))
                .hint("write the place as s3://bucket or s3://bucket/prefix"));
        }
        if !prefix.is_empty() {
            Key::new(prefix)?;
        }
        let client = Client::from_conf(client_settings(settings, credentials).await);
        Ok(Self {
            client,
            bucket: bucket.into(),
            prefix: prefix.into(),
            conditional: Arc::default(),
            turn: Arc::default(),
        })
    }

    fn name(&self, key: &str) -> String {
        if self.prefix.is_empty() { key.to_owned() } else { format!("{}/{key}", self.prefix) }
    }

    fn address(&self, key: &str) -> String {
        format!("s3://{}/{}", self.bucket, self.name(key)).trim_end_matches('/').to_owned()
    }

    /// Probes once whether the server honours `If-None-Match: *`; some refuse it, some accept and ignore it.
    async fn honours_conditions(&self) -> Result<bool> {
        let probe = || async {
            let mut answers = Vec::new();
            // The first PUT may find the object of an earlier probe; the second must find one.
            for _ in 0..2 {
                let put = self.client.put_object().bucket(&self.bucket).key(self.name(PROBE)).if_none_match("*");
                match put.body(ByteStream::from_static(b"")).send().await {
                    Ok(_) => answers.push(true),
                    Err(e) if matches!(status(&e), Some(412)) => answers.push(false),
                    Err(e) if matches!(status(&e), Some(400 | 501)) => return Ok(false),
                    Err(e) => return Err(failed("write to", &self.address(PROBE), e)),
                }
            }
            let honoured = answers.last() == Some(&false);
            if !honoured {
                tracing::warn!(
                    bucket = self.bucket,
                    "the server ignores conditions on PUT; use one writer, or a server that honours If-None-Match"
                );
            }
            Ok(honoured)
        };
        self.conditional.get_or_try_init(probe).await.copied()
    }

    /// Returns whether the object under `key` was written by the PUT with the nonce `writer`.
    async fn is_by(&self, key: &Key, writer: &str) -> Result<bool> {
        let head = self.client.head_object().bucket(&self.bucket).key(self.name(key.as_str())).send().await;
        match head {
            Ok(head) => Ok(head.metadata().and_then(|m| m.get(WRITER)).is_some_and(|w| w == writer)),
            Err(e) if status(&e) == Some(404) => Ok(false),
            Err(e) => Err(failed("inspect", &self.address(key.as_str()), e)),
        }
    }

    async fn put_conditionally(&self, key: &Key, bytes: Bytes) -> Result<bool> {
        let writer = random::hex::<16>()?;
        let put = || async {
            let put = self.client.put_object().bucket(&self.bucket).key(self.name(key.as_str())).if_none_match("*");
            put.metadata(WRITER, &writer).body(ByteStream::from(bytes.clone())).send().await
        };
        // 409: another conditional PUT is in progress; the retry finds out which one succeeded.
        let sent = put.retry(CONTENDED).when(|error| status(error) == Some(409)).await;
        match sent {
            Ok(_) => Ok(true),
            // The first response may have been lost and the SDK's retry found the object of the first attempt.
            Err(e) if status(&e) == Some(412) => self.is_by(key, &writer).await,
            Err(e) => Err(failed("write to", &self.address(key.as_str()), e)),
        }
    }

    async fn send(&self, key: &Key, bytes: Bytes) -> Result<(), SdkError<PutObjectError>> {
        let put = self.client.put_object().bucket(&self.bucket).key(self.name(key.as_str()));
        put.body(ByteStream::from(bytes)).send().await.map(drop)
    }

    async fn fetch(&self, key: &Key) -> Result<Option<Bytes>, FetchError> {
        let address = || self.address(key.as_str());
        let got = self.client.get_object().bucket(&self.bucket).key(self.name(key.as_str())).send().await;
        let object = match got {
            Ok(object) => object,
            Err(e) if status(&e) == Some(404) && !failure::no_bucket(&e) => return Ok(None),
            Err(e) => return Err(FetchError::Failed(failed("read", &address(), e))),
        };
        let announced = object.content_length();
        if announced.is_some_and(|length| length > MAX_BYTES) {
            let large = Error::invalid(format!("{} has more than {MAX_BYTES} bytes", address()));
            return Err(FetchError::Failed(large));
        }
        let body = match tokio::time::timeout(BODY, object.body.collect()).await {
            Ok(Ok(body)) => body.into_bytes(),
            Ok(Err(e)) => {
                tracing::debug!(key = key.as_str(), error = %e, "reading a body failed");
                return Err(FetchError::Short);
            }
            Err(_) => return Err(FetchError::Short),
        };
        match announced {
            Some(length) if length != body.len() as i64 => Err(FetchError::Short),
            _ => Ok(Some(body)),
        }
    }
}

/// The error of fetching an object once.
enum FetchError {
    /// The body was incomplete or stalled; fetching again may help.
    Short,
    /// The request failed after the SDK's retries.
    Failed(Error),
}

/// Delays before retries of a conditional PUT that conflicted with another: 50 ms, 200 ms, 800 ms, 3.2 s.
const CONTENDED: ExponentialBuilder =
    ExponentialBuilder::new().with_min_delay(Duration::from_millis(50)).with_factor(4.0).with_max_times(4);

/// Returns the client configuration: the AWS chain's, with our settings, time limits and retries.
async fn client_settings(settings: &S3Settings, credentials: Option<Credentials>) -> aws_sdk_s3::Config {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(5))
        .operation_attempt_timeout(ATTEMPT)
        .operation_timeout(OPERATION)
        .build();
    let http = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .http_client(http)
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard().with_max_attempts(6).with_max_backoff(Duration::from_secs(5)));
    if let Some(region) = &settings.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(credentials) = credentials {
        loader = loader.credentials_provider(credentials);
    }
    let shared = loader.load().await;
    let mut builder = Builder::from(&shared);
    if let Some(endpoint) = &settings.endpoint {
        builder = builder.endpoint_url(endpoint);
        if shared.region().is_none() {
            builder = builder.region(Region::new("us-east-1")); // the default region of servers other than Amazon's
        }
    }
    let (requests, answers) = match settings.checksums {
        Checksums::WhenSupported => {
            (RequestChecksumCalculation::WhenSupported, ResponseChecksumValidation::WhenSupported)
        }
        Checksums::WhenRequired => (RequestChecksumCalculation::WhenRequired, ResponseChecksumValidation::WhenRequired),
    };
    builder
        .force_path_style(settings.path_style.unwrap_or(settings.endpoint.is_some()))
        .request_checksum_calculation(requests)
        .response_checksum_validation(answers)
        .build()
}

#[async_trait]
impl Store for S3 {
    async fn put(&self, key: &Key, bytes: Bytes) -> Result<()> {
        self.send(key, bytes).await.map_err(|e| failed("write to", &self.address(key.as_str()), e))
    }

    async fn put_if_absent(&self, key: &Key, bytes: Bytes) -> Result<bool> {
        if self.honours_conditions().await? {
            return self.put_conditionally(key, bytes).await;
        }
        let _turn = self.turn.lock().await;
        match self.size(key).await? {
            Some(_) => Ok(false),
            None => self.put(key, bytes).await.map(|()| true),
        }
    }

    async fn get(&self, key: &Key) -> Result<Option<Bytes>> {
        let again = ConstantBuilder::new().with_delay(Duration::ZERO).with_max_times(FETCHES - 1);
        let fetch = || self.fetch(key);
        match fetch.retry(again).when(|error| matches!(error, FetchError::Short)).await {
            Ok(found) => Ok(found),
            Err(FetchError::Failed(error)) => Err(error),
            Err(FetchError::Short) => {
                Err(Error::unavailable(format!("{} was incomplete {FETCHES} times", self.address(key.as_str()))))
            }
        }
    }

    async fn size(&self, key: &Key) -> Result<Option<u64>> {
        match self.client.head_object().bucket(&self.bucket).key(self.name(key.as_str())).send().await {
            Ok(head) => Ok(head.content_length().and_then(|length| u64::try_from(length).ok())),
            Err(e) if status(&e) == Some(404) => Ok(None),
            Err(e) => Err(failed("inspect", &self.address(key.as_str()), e)),
        }
    }

    async fn list(&self, prefix: &Key) -> Result<Vec<Key>> {
        let folder = self.name(prefix.as_str()) + "/";
        let own = self.name("");
        let mut pages = self.client.list_objects_v2().bucket(&self.bucket).prefix(&folder).into_paginator().send();
        let mut keys = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|e| failed("list", &self.address(prefix.as_str()), e))?;
            // Objects of others whose names are not valid keys are not listed.
            let names = page.contents().iter().filter_map(|object| object.key()?.strip_prefix(&own));
            keys.extend(names.filter_map(|name| Key::new(name).ok()));
        }
        keys.sort();
        Ok(keys)
    }

    async fn delete(&self, key: &Key) -> Result<()> {
        match self.client.delete_object().bucket(&self.bucket).key(self.name(key.as_str())).send().await {
            Ok(_) => Ok(()),
            Err(e) if status(&e) == Some(404) && !failure::no_bucket(&e) => Ok(()),
            Err(e) => Err(failed("delete", &self.address(key.as_str()), e)),
        }
    }

    async fn verify(&self) -> Result<()> {
        self.honours_conditions().await.map(drop)
    }

    fn locate(&self, key: &Key) -> String {
        self.address(key.as_str())
    }
}
