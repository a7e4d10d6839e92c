//! The store in a bucket: key `a/b` is the object `<prefix>/a/b`.
//!
//! In: bytes. Out: objects, whole by S3's own promise. Every request has a time limit and is tried again by the SDK; what
//! still fails is mapped to our errors once, in `failure`.
//! Always holds: [`Store::put_if_absent`] is a conditional PUT where the server honours it (tried out before the first
//! one); our own PUT whose answer was lost is recognised as ours; a body that came short or stalls is fetched again.

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
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
use tokio::sync::{Mutex, OnceCell};

use crate::base::error::{Error, Kind, Result};
use crate::store::s3::settings::{Checksums, S3Settings};
use crate::store::{Key, Store};

mod failure;
pub mod settings;

use failure::{failed, status};

/// One try, from the first byte sent to the last byte of the answer's head.
const ATTEMPT: Duration = Duration::from_secs(20);
/// All tries of one request together.
const OPERATION: Duration = Duration::from_secs(90);
/// A body that is not here by then is fetched again.
const BODY: Duration = Duration::from_secs(60);
/// Bodies that came short are fetched again so often.
const FETCHES: usize = 3;
/// Far above any object of ours; what is larger was put there by somebody else and must not fill the memory.
const MAX_BYTES: i64 = 256 << 20;
/// The object that conditional PUTs are tried out on; its name is no [`Key`], so it is never listed.
const PROBE: &str = ".housestyle-probe";
/// The metadata that tells our own PUT from another's.
const WRITER: &str = "housestyle-writer";

/// A [`Store`] in a bucket; cheap to clone.
#[derive(Clone)]
pub struct S3 {
    client: Client,
    bucket: String,
    /// Empty, or without slashes at its ends.
    prefix: String,
    conditional: std::sync::Arc<OnceCell<bool>>,
    /// Held where the server knows no conditions: then at least one process's writers do not race.
    turn: std::sync::Arc<Mutex<()>>,
}

impl fmt::Debug for S3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "S3({})", self.address(""))
    }
}

impl S3 {
    /// The store at `bucket/prefix`, with the credentials of the AWS chain. Nothing is asked of the server yet;
    /// [`Store::verify`] does that.
    pub async fn open(place: &str, settings: &S3Settings) -> Result<Self> {
        Self::open_as(place, settings, None).await
    }

    /// As [`S3::open`], with these credentials if there are any.
    pub async fn open_as(place: &str, settings: &S3Settings, credentials: Option<Credentials>) -> Result<Self> {
        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        let prefix = prefix.trim_matches('/');
        let bucket_is_fine = (3..=63).contains(&bucket.len())
            && bucket.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.'));
        if !bucket_is_fine {
            return Err(Error::invalid(format!("{:.80?} cannot be a bucket's name", bucket))
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
            conditional: std::sync::Arc::default(),
            turn: std::sync::Arc::default(),
        })
    }

    fn name(&self, key: &str) -> String {
        if self.prefix.is_empty() { key.to_owned() } else { format!("{}/{key}", self.prefix) }
    }

    fn address(&self, key: &str) -> String {
        format!("s3://{}/{}", self.bucket, self.name(key)).trim_end_matches('/').to_owned()
    }

    /// Whether the server honours `If-None-Match: *`; some refuse it, some accept and ignore it.
    async fn honours_conditions(&self) -> Result<bool> {
        let probe = || async {
            let mut answers = Vec::new();
            // The first may find the object of an earlier probe; the second must find one.
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

    /// Whether `writer` wrote what is under `key`.
    async fn is_by(&self, key: &Key, writer: &str) -> Result<bool> {
        let head = self.client.head_object().bucket(&self.bucket).key(self.name(key.as_str())).send().await;
        match head {
            Ok(head) => Ok(head.metadata().and_then(|m| m.get(WRITER)).is_some_and(|w| w == writer)),
            Err(e) if status(&e) == Some(404) => Ok(false),
            Err(e) => Err(failed("look at", &self.address(key.as_str()), e)),
        }
    }

    async fn put_conditionally(&self, key: &Key, bytes: Vec<u8>) -> Result<bool> {
        let writer = unique();
        for pause in [50, 200, 800, 3000, 0] {
            let put = self.client.put_object().bucket(&self.bucket).key(self.name(key.as_str())).if_none_match("*");
            let sent = put.metadata(WRITER, &writer).body(ByteStream::from(bytes.clone())).send().await;
            match sent {
                Ok(_) => return Ok(true),
                // The first answer may have been lost, and the SDK's second try met our own object.
                Err(e) if status(&e) == Some(412) => return self.is_by(key, &writer).await,
                // Another conditional PUT was under way: who won shows in a moment.
                Err(e) if status(&e) == Some(409) && pause > 0 => tokio::time::sleep(Duration::from_millis(pause)).await,
                Err(e) => return Err(failed("write to", &self.address(key.as_str()), e)),
            }
        }
        Err(Error::unavailable(format!("cannot write to {}: others keep writing there", self.address(key.as_str()))))
    }

    async fn send(&self, key: &Key, bytes: Vec<u8>) -> Result<(), SdkError<PutObjectError>> {
        let put = self.client.put_object().bucket(&self.bucket).key(self.name(key.as_str()));
        put.body(ByteStream::from(bytes)).send().await.map(drop)
    }

    /// One fetch; `Err(None)` if the body came short and may be fetched again.
    async fn fetch(&self, key: &Key) -> Result<Option<Vec<u8>>, Option<Error>> {
        let address = || self.address(key.as_str());
        let got = self.client.get_object().bucket(&self.bucket).key(self.name(key.as_str())).send().await;
        let object = match got {
            Ok(object) => object,
            Err(e) if status(&e) == Some(404) && !failure::no_bucket(&e) => return Ok(None),
            Err(e) => return Err(Some(failed("read", &address(), e))),
        };
        let announced = object.content_length();
        if announced.is_some_and(|length| length > MAX_BYTES) {
            return Err(Some(Error::invalid(format!("{} has more than {MAX_BYTES} bytes", address()))));
        }
        let body = match tokio::time::timeout(BODY, object.body.collect()).await {
            Ok(Ok(body)) => body.to_vec(),
            Ok(Err(e)) => {
                tracing::debug!(key = key.as_str(), error = %e, "a body broke off");
                return Err(None);
            }
            Err(_) => return Err(None),
        };
        match announced {
            Some(length) if length != body.len() as i64 => Err(None),
            _ => Ok(Some(body)),
        }
    }
}

/// The chain's settings with our time limits on top.
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
            builder = builder.region(Region::new("us-east-1")); // what servers other than Amazon's expect when none is set
        }
    }
    let (requests, answers) = match settings.checksums {
        Checksums::WhenSupported => (RequestChecksumCalculation::WhenSupported, ResponseChecksumValidation::WhenSupported),
        Checksums::WhenRequired => (RequestChecksumCalculation::WhenRequired, ResponseChecksumValidation::WhenRequired),
    };
    builder
        .force_path_style(settings.path_style.unwrap_or(settings.endpoint.is_some()))
        .request_checksum_calculation(requests)
        .response_checksum_validation(answers)
        .build()
}

/// A word that no other PUT carries.
fn unique() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    // Each RandomState has keys of its own, from the system's randomness.
    let hash = || RandomState::new().hash_one(std::process::id());
    format!("{:016x}{:016x}-{}", hash(), hash(), COUNT.fetch_add(1, Ordering::Relaxed))
}

#[async_trait]
impl Store for S3 {
    async fn put(&self, key: &Key, bytes: Vec<u8>) -> Result<()> {
        self.send(key, bytes).await.map_err(|e| failed("write to", &self.address(key.as_str()), e))
    }

    async fn put_if_absent(&self, key: &Key, bytes: Vec<u8>) -> Result<bool> {
        if self.honours_conditions().await? {
            return self.put_conditionally(key, bytes).await;
        }
        let _turn = self.turn.lock().await;
        match self.size(key).await? {
            Some(_) => Ok(false),
            None => self.put(key, bytes).await.map(|()| true),
        }
    }

    async fn get(&self, key: &Key) -> Result<Option<Vec<u8>>> {
        for _ in 0..FETCHES {
            match self.fetch(key).await {
                Ok(found) => return Ok(found),
                Err(Some(error)) => return Err(error),
                Err(None) => {}
            }
        }
        Err(Error::unavailable(format!("{} came short {FETCHES} times", self.address(key.as_str()))))
    }

    async fn size(&self, key: &Key) -> Result<Option<u64>> {
        match self.client.head_object().bucket(&self.bucket).key(self.name(key.as_str())).send().await {
            Ok(head) => Ok(head.content_length().and_then(|length| u64::try_from(length).ok())),
            Err(e) if status(&e) == Some(404) => Ok(None),
            Err(e) => Err(failed("look at", &self.address(key.as_str()), e)),
        }
    }

    async fn list(&self, prefix: &Key) -> Result<Vec<Key>> {
        let folder = self.name(prefix.as_str()) + "/";
        let own = self.name("");
        let mut pages = self.client.list_objects_v2().bucket(&self.bucket).prefix(&folder).into_paginator().send();
        let mut keys = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|e| failed("list", &self.address(prefix.as_str()), e))?;
            // What somebody else put there under a name that is no key is not ours to list.
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
