//! Events to whoever asked for them over HTTP, signed as Standard Webhooks has it.
//!
//! In: a [`CloudEvent`] and the endpoints of the settings. Out: what each delivery came to.
//! Always holds: nothing goes to an address that the house did not allow ([`crate::io::http`]); a delivery is tried again after
//! pauses that grow, a few times, then given up on and counted; what is tried again has the same `webhook-id`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};

use super::signature::SigningSecrets;
use super::{CloudEvent, DomainEvent, MEDIA_TYPE};
use crate::base::error::{Context as _, Error, Kind, Result};
use crate::base::text;
use crate::io::http::{Client, Reply, Url};
use crate::telemetry::Metrics;

/// How long one try may take: long enough for a slow endpoint, short enough to hold nothing up.
pub const PATIENCE: Duration = Duration::from_secs(15);
/// Pauses between tries; a little is added, so that many that failed together do not return together.
const PAUSES: [Duration; 4] =
    [Duration::from_secs(2), Duration::from_secs(10), Duration::from_secs(60), Duration::from_secs(300)];
/// A `Retry-After` beyond this is not waited for.
const LONGEST_PAUSE: Duration = Duration::from_secs(900);

/// A webhook as the settings write it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookSetting {
    /// Where events go: `https://…`.
    pub url: String,
    /// The file with the secret that signs; a second line while one is being replaced.
    pub secret_file: PathBuf,
    /// Which events, such as `campaign.completed`; every one if none is listed.
    #[serde(default)]
    pub events: Vec<String>,
}

impl WebhookSetting {
    /// What is wrong with it, in words that follow its name.
    pub fn problem(&self) -> Option<String> {
        if let Err(error) = self.url.parse::<Url>() {
            return Some(error.chain());
        }
        let unknown = self.events.iter().find(|event| !DomainEvent::TOPICS.contains(&event.as_str()))?;
        Some(format!("lists the event {}; there are {}", text::show(unknown), DomainEvent::TOPICS.join(", ")))
    }
}

/// An endpoint, ready.
#[derive(Clone, Debug)]
struct Endpoint {
    url: Url,
    secrets: SigningSecrets,
    events: Vec<String>,
}

/// Every endpoint of the house.
#[derive(Clone, Debug)]
pub struct Webhooks {
    endpoints: Vec<Endpoint>,
    client: Client,
    metrics: Arc<Metrics>,
    pauses: Vec<Duration>,
}

impl Webhooks {
    /// Reads every secret.
    pub fn new(settings: &[WebhookSetting], client: Client, metrics: Arc<Metrics>) -> Result<Self> {
        let ready = |setting: &WebhookSetting| {
            let secrets = SigningSecrets::load(&setting.secret_file)?;
            Ok(Endpoint { url: setting.url.parse()?, secrets, events: setting.events.clone() })
        };
        let endpoints = settings.iter().map(ready).collect::<Result<_>>()?;
        Ok(Self { endpoints, client, metrics, pauses: PAUSES.to_vec() })
    }

    /// The same with other pauses between tries.
    #[must_use]
    pub fn pausing(mut self, pauses: Vec<Duration>) -> Self {
        self.pauses = pauses;
        self
    }

    /// Whether anybody wants to know.
    pub fn wants(&self, event: &CloudEvent) -> bool {
        self.endpoints.iter().any(|endpoint| endpoint.wants(event))
    }

    /// Delivers to every endpoint that wants it, side by side; what could not be delivered is counted, logged and given
    /// back. May take minutes: call it beside the work, not within.
    pub async fn deliver(&self, event: &CloudEvent) -> Vec<Error> {
        let body: Bytes = match event.to_bytes() {
            Ok(bytes) => bytes.into(),
            Err(error) => return vec![error],
        };
        let mut deliveries = tokio::task::JoinSet::new();
        for endpoint in self.endpoints.iter().filter(|endpoint| endpoint.wants(event)) {
            let (endpoint, this, id, body) = (endpoint.clone(), self.clone(), event.id.clone(), body.clone());
            deliveries.spawn(async move { this.persist(&endpoint, &id, body).await });
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
                tracing::warn!(event = event.kind, id = event.id, error = %error.chain(), "a webhook was not delivered");
                failures.push(error);
            }
        }
        failures
    }

    /// Tries until it is delivered, will never be, or was tried often enough.
    async fn persist(&self, endpoint: &Endpoint, id: &str, body: Bytes) -> Result<()> {
        let mut pauses = self.pauses.iter();
        loop {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let (error, asked) = match endpoint.send(&self.client, id, now.as_secs(), body.clone()).await {
                Ok(reply) => match judge(&endpoint.url, &reply) {
                    Ok(()) => return Ok(()),
                    Err(error) => (error, reply.retry_after),
                },
                Err(error) => (error, None),
            };
            let Some(pause) = pauses.next().filter(|_| error.kind() == Kind::Transient) else { return Err(error) };
            let jitter = pause.mul_f64(f64::from(now.subsec_micros() % 1000) / 4000.0);
            let pause = (*pause + jitter).max(asked.unwrap_or_default().min(LONGEST_PAUSE));
            tracing::debug!(error = %error.chain(), seconds = pause.as_secs_f64(), "a webhook is tried again");
            tokio::time::sleep(pause).await;
        }
    }
}

impl Endpoint {
    fn wants(&self, event: &CloudEvent) -> bool {
        self.events.is_empty() || self.events.iter().any(|wanted| wanted == event.topic())
    }

    /// One try.
    async fn send(&self, client: &Client, id: &str, timestamp: u64, body: Bytes) -> Result<Reply> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        let signed = [
            ("webhook-id", id.to_owned()),
            ("webhook-timestamp", timestamp.to_string()),
            ("webhook-signature", self.secrets.sign(id, timestamp, &body)?),
        ];
        for (name, value) in signed {
            let value = HeaderValue::from_str(&value).context(Kind::Permanent, || format!("{name} cannot be a header"))?;
            headers.insert(HeaderName::from_static(name), value);
        }
        client.post(&self.url, headers, body).await
    }
}

/// What an answer says about the delivery, by the standard: 2xx is success, 410 says never again, all else may pass; a
/// redirect is a setting to be corrected, as following it would lead where nobody allowed.
fn judge(url: &Url, reply: &Reply) -> Result<()> {
    let answered = format!("{url} answered {}", reply.status.as_u16());
    match reply.status {
        status if status.is_success() => Ok(()),
        status if status.is_redirection() => {
            Err(Error::new(Kind::Permanent, answered).hint("redirects are not followed; set the webhook to where it leads"))
        }
        StatusCode::GONE => Err(Error::new(Kind::Permanent, answered).hint("take the webhook out of the settings")),
        _ => Err(Error::new(Kind::Transient, answered)),
    }
}
