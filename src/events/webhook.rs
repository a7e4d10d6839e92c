//! Webhooks: sends events over HTTP to the endpoints of the settings, signed by the Standard Webhooks specification.
//!
//! # Invariants
//!
//! Nothing is sent to an address that the settings do not allow ([`crate::io::http`]). A failed delivery is retried a
//! few times after growing pauses, with the same `webhook-id`, then given up on and counted.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use backon::Retryable as _;
use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};

use super::cloud_event::{CloudEvent, MEDIA_TYPE};
use super::domain_event::DomainEvent;
use super::signature::SigningSecrets;
use crate::base::error::{Context as _, Error, Kind, Result};
use crate::base::text;
use crate::io::http::{GuardedClient, Reply, Url};
use crate::telemetry::Metrics;

/// The pauses between attempts; up to a quarter is added, so that deliveries that failed together are not retried
/// together.
const PAUSES: [Duration; 4] =
    [Duration::from_secs(2), Duration::from_secs(10), Duration::from_secs(60), Duration::from_secs(300)];
/// The longest pause that a `Retry-After` may ask for; a longer one is cut to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(900);

/// The settings of one webhook.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookSetting {
    /// The address that events are sent to: `https://…`.
    pub url: String,
    /// The file with the signing secret; it has a second line while the secret is being replaced.
    pub secret_file: PathBuf,
    /// The topics of the events that are sent, such as `campaign.completed`; all topics if empty.
    #[serde(default)]
    pub events: Vec<String>,
}

impl WebhookSetting {
    /// Returns the first problem of the settings, as a phrase that follows the webhook's name.
    pub fn problem(&self) -> Option<String> {
        if let Err(error) = self.url.parse::<Url>() {
            return Some(error.chain());
        }
        let unknown = self.events.iter().find(|event| !DomainEvent::TOPICS.contains(&event.as_str()))?;
        Some(format!("lists the event {}; there are {}", text::show(unknown), DomainEvent::TOPICS.join(", ")))
    }
}

/// An endpoint with its secrets read.
#[derive(Clone, Debug)]
struct Endpoint {
    url: Url,
    secrets: SigningSecrets,
    events: Vec<String>,
}

/// Sends events to every endpoint of the settings.
#[derive(Clone, Debug)]
pub struct Webhooks {
    endpoints: Vec<Endpoint>,
    client: GuardedClient,
    metrics: Arc<Metrics>,
    pauses: Vec<Duration>,
}

impl Webhooks {
    /// Creates a sender for these webhooks.
    ///
    /// # Errors
    ///
    /// If an address or a secret is wrong, or a secret file cannot be read.
    pub fn new(settings: &[WebhookSetting], client: GuardedClient, metrics: Arc<Metrics>) -> Result<Self> {
        let ready = |setting: &WebhookSetting| {
            let secrets = SigningSecrets::load(&setting.secret_file)?;
            Ok(Endpoint { url: setting.url.parse()?, secrets, events: setting.events.clone() })
        };
        let endpoints = settings.iter().map(ready).collect::<Result<_>>()?;
        Ok(Self { endpoints, client, metrics, pauses: PAUSES.to_vec() })
    }

    /// Returns the same sender with other pauses between attempts.
    #[must_use]
    pub fn pausing(mut self, pauses: Vec<Duration>) -> Self {
        self.pauses = pauses;
        self
    }

    /// Returns whether any endpoint wants an event.
    pub fn wants(&self, event: &CloudEvent) -> bool {
        self.endpoints.iter().any(|endpoint| endpoint.wants(event))
    }

    /// Delivers an event to every endpoint that wants it, in parallel; returns an error for each endpoint that did not
    /// get it, which is also counted and logged. May take minutes, because of the pauses between attempts.
    pub async fn deliver(&self, event: &CloudEvent) -> Vec<Error> {
        let body: Bytes = match event.to_bytes() {
            Ok(bytes) => bytes.into(),
            Err(error) => return vec![error],
        };
        let mut deliveries = tokio::task::JoinSet::new();
        for endpoint in self.endpoints.iter().filter(|endpoint| endpoint.wants(event)) {
            let (endpoint, this, id, body) = (endpoint.clone(), self.clone(), event.id.clone(), body.clone());
            deliveries.spawn(async move { this.deliver_to(&endpoint, &id, body).await });
        }
        let mut failures = Vec::new();
        while let Some(joined) = deliveries.join_next().await {
            let result = joined.unwrap_or_else(|e| Err(Error::internal("a delivery was cut short").caused_by(e)));
            self.metrics.webhook(match &result {
                Ok(()) => "delivered",
                Err(error) if error.kind() == Kind::Permanent => "refused",
                Err(_) => "failed",
            });
            if let Err(error) = result {
                let (kind, id) = (&event.kind, &event.id);
                tracing::warn!(event = kind, id, error = %error.chain(), "a webhook was not delivered");
                failures.push(error);
            }
        }
        failures
    }

    /// Delivers to one endpoint; retries while the failure may pass and pauses are left.
    async fn deliver_to(&self, endpoint: &Endpoint, id: &str, body: Bytes) -> Result<()> {
        (|| endpoint.attempt(&self.client, id, body.clone()))
            .retry(self.pauses.clone().into_iter())
            .when(|failure| failure.error.kind() == Kind::Transient)
            .adjust(|failure, pause| pause.map(|pause| with_jitter(pause).max(failure.retry_after.min(LONGEST_PAUSE))))
            .notify(|failure, pause| {
                let (error, seconds) = (failure.error.chain(), pause.as_secs_f64());
                tracing::debug!(error, seconds, "a webhook is tried again");
            })
            .await
            .map_err(|failure| failure.error)
    }
}

/// The error of a failed attempt, and the pause that the endpoint asked for.
struct FailedAttempt {
    error: Error,
    retry_after: Duration,
}

impl From<Error> for FailedAttempt {
    fn from(error: Error) -> Self {
        Self { error, retry_after: Duration::ZERO }
    }
}

/// Adds up to a quarter to a pause at random; nothing if the system has no randomness, as only load depends on it.
fn with_jitter(pause: Duration) -> Duration {
    let random = getrandom::u32().unwrap_or_default();
    pause + pause.mul_f64(f64::from(random) / f64::from(u32::MAX) / 4.0)
}

impl Endpoint {
    fn wants(&self, event: &CloudEvent) -> bool {
        self.events.is_empty() || self.events.iter().any(|wanted| wanted == event.topic())
    }

    /// Sends the event once, signed with the time of sending, and checks the answer.
    async fn attempt(&self, client: &GuardedClient, id: &str, body: Bytes) -> Result<(), FailedAttempt> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let headers = self.headers(id, now.as_secs(), &body)?;
        let reply = client.post(&self.url, headers, body).await?;
        let retry_after = reply.retry_after.unwrap_or_default();
        judge(&self.url, &reply).map_err(|error| FailedAttempt { error, retry_after })
    }

    fn headers(&self, id: &str, timestamp: u64, body: &[u8]) -> Result<HeaderMap> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        let signed = [
            ("webhook-id", id.to_owned()),
            ("webhook-timestamp", timestamp.to_string()),
            ("webhook-signature", self.secrets.sign(id, timestamp, body)?),
        ];
        for (name, value) in signed {
            let value =
                HeaderValue::from_str(&value).context(Kind::Permanent, || format!("{name} cannot be a header"))?;
            headers.insert(HeaderName::from_static(name), value);
        }
        Ok(headers)
    }
}

/// Interprets an answer by the specification: 2xx is success, 410 is permanent, any other may pass. A redirect is an
/// error of the settings, as following it could lead to an address that they do not allow.
fn judge(url: &Url, reply: &Reply) -> Result<()> {
    let answered = format!("{url} answered {}", reply.status.as_u16());
    match reply.status {
        status if status.is_success() => Ok(()),
        status if status.is_redirection() => {
            Err(Error::new(Kind::Permanent, answered)
                .hint("redirects are not followed; set the webhook to their target"))
        }
        StatusCode::GONE => Err(Error::new(Kind::Permanent, answered).hint("take the webhook out of the settings")),
        _ => Err(Error::new(Kind::Transient, answered)),
    }
}
