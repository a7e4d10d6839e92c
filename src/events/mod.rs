//! What others may want to know, as CloudEvents 1.0 in structured JSON; [`webhook`] signs and sends them.
//!
//! In: what happened to a campaign or an asset. Out: one JSON document each, the same for the broker and for webhooks.
//! Always holds: the same fact has the same id, however often it is told, so that receivers can drop what they know; the
//! document is one line that cannot steer a terminal or a log, whoever wrote the names in it; nothing in it is a secret.

use crate::base::digest::{Digest, bare_digest};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::base::error::{Error, Result};
use crate::base::text;
use crate::base::time::Timestamp;
use crate::campaign::layout::Layout;
use crate::campaign::sidecar::{Outcome, Sidecar};
use crate::pipeline::scores::Scores;
use crate::spec::Problem;
use crate::store::Key;

pub mod signature;
pub mod webhook;

/// What a document is, wherever somebody asks for its media type.
pub const MEDIA_TYPE: &str = "application/cloudevents+json; charset=UTF-8";
/// The version of CloudEvents.
const SPEC: &str = "1.0";
/// What our types start with.
const PREFIX: &str = "housestyle.";

/// An event on its way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CloudEvent {
    specversion: String,
    /// The same for the same fact.
    pub id: String,
    /// Which house speaks.
    pub source: String,
    /// What happened, such as `housestyle.asset.accepted`.
    #[serde(rename = "type")]
    pub kind: String,
    /// To which campaign or asset.
    pub subject: String,
    /// When it was told.
    pub time: Timestamp,
    datacontenttype: String,
    /// Which trace it belongs to (the Distributed Tracing extension).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// What there is to know.
    pub data: serde_json::Value,
}

/// Who tells the world.
#[async_trait]
pub trait EventSink: Send + Sync {
    /// Tells a fact; returns once it is safe with whoever passes it on. Whatever a fact is about is settled only after that, so
    /// that a teller who dies is followed by one who tells it again: at least once, with one id. Where nobody passes anything
    /// on for long, it returns all the same and the fact follows later; only dying then leaves it untold.
    async fn publish(&self, event: &DomainEvent) -> Result<()>;
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum DomainEvent {
    /// A campaign was found good; its jobs are in the queue.
    CampaignAccepted(CampaignAccepted),
    /// A campaign was refused; nothing is made.
    CampaignRejected(CampaignRejected),
    /// Every job of a campaign has its outcome.
    CampaignCompleted(CampaignCompleted),
    /// Somebody stopped a campaign.
    CampaignCancelled(CampaignCancelled),
    /// An asset passed the gate.
    AssetAccepted(AssetFinished),
    /// An asset was refused by the gate, or could not be made.
    AssetRejected(AssetFinished),
    /// A job was given up on without an outcome.
    AssetDead(AssetDead),
}

/// A campaign was found good.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CampaignAccepted {
    /// Its id.
    pub campaign: String,
    /// Its name, as its author wrote it.
    pub name: String,
    /// Jobs to make.
    pub jobs: usize,
    /// Where everything will lie.
    pub folder: String,
}

/// A campaign was refused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CampaignRejected {
    /// What it was submitted as: a hash of the text, as what is refused has no id.
    pub submission: String,
    /// Its name, as far as it could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Every problem, in words, with its place.
    pub problems: Vec<String>,
}

/// Every job has its outcome.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CampaignCompleted {
    /// Its id.
    pub campaign: String,
    /// Assets that passed the gate.
    pub accepted: usize,
    /// Assets that the gate refused.
    pub rejected: usize,
    /// Jobs that gave no image, or were given up on.
    pub failed: usize,
    /// Where everything lies.
    pub folder: String,
    /// One line an asset.
    pub manifest: Option<String>,
    /// Categories × styles at a glance.
    pub contact_sheet: Option<String>,
}

/// Somebody stopped a campaign.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CampaignCancelled {
    /// Its id.
    pub campaign: String,
    /// Jobs that have their outcome, and keep it.
    pub finished: usize,
    /// Jobs that are not made any more.
    pub left: usize,
}

/// An asset is finished.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AssetFinished {
    /// Its campaign's id.
    pub campaign: String,
    /// Its job's id.
    pub job: String,
    /// What it shows.
    pub category: String,
    /// In which style.
    pub style: String,
    /// Why it is not accepted; empty if it is.
    pub reasons: Vec<String>,
    /// Attempts made.
    pub attempts: usize,
    /// What the evaluator sees in the image.
    pub scores: Option<Scores>,
    /// Where the image lies; `None` if nothing could be made.
    pub image: Option<String>,
    /// SHA-256 of the image.
    #[serde(with = "bare_digest::option", default)]
    pub sha256: Option<Digest>,
    /// Where everything about it is told.
    pub sidecar: String,
}

/// A job was given up on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AssetDead {
    /// Its campaign's id.
    pub campaign: String,
    /// Its job's id.
    pub job: String,
    /// Why.
    pub reason: String,
}

impl CampaignRejected {
    /// The refusal of this text for these problems.
    pub fn of(submitted: &[u8], name: Option<&str>, problems: &[Problem]) -> Self {
        let told = |p: &Problem| match (p.line, p.path.is_empty()) {
            (0, true) => p.reason.clone(),
            (0, false) => format!("{}: {}", p.path, p.reason),
            (line, _) => format!("{line}:{}: {}: {}", p.column, p.path, p.reason),
        };
        Self {
            submission: Digest::of(submitted).hex(),
            name: name.map(str::to_owned),
            problems: problems.iter().map(told).collect(),
        }
    }
}

impl DomainEvent {
    /// What became of an asset; `locate` says where a person finds what is stored.
    pub fn asset(sidecar: &Sidecar, locate: impl Fn(&Key) -> String) -> Result<Self> {
        let job = &sidecar.job;
        let layout = Layout::of(&job.campaign);
        let shelf = sidecar.outcome.shelf();
        let image = sidecar.image.as_ref().map(|_| layout.image(shelf, &job.stem));
        let asset = AssetFinished {
            campaign: job.campaign.to_string(),
            job: job.id.to_string(),
            category: job.category.clone(),
            style: job.style.clone(),
            reasons: sidecar.reasons.clone(),
            attempts: sidecar.attempts.len(),
            scores: sidecar.chosen_scores().cloned(),
            image: image.map(|key| locate(&key)),
            sha256: sidecar.image.as_ref().map(|image| image.sha256),
            sidecar: locate(&layout.sidecar(shelf, &job.stem)),
        };
        Ok(match sidecar.outcome {
            Outcome::Accepted => Self::AssetAccepted(asset),
            Outcome::Rejected | Outcome::Failed => Self::AssetRejected(asset),
        })
    }

    /// What happened, in two words: also the routing key on a topic exchange, and what a webhook's `events` lists.
    pub fn topic(&self) -> &'static str {
        match self {
            Self::CampaignAccepted(_) => "campaign.accepted",
            Self::CampaignRejected(_) => "campaign.rejected",
            Self::CampaignCompleted(_) => "campaign.completed",
            Self::CampaignCancelled(_) => "campaign.cancelled",
            Self::AssetAccepted(_) => "asset.accepted",
            Self::AssetRejected(_) => "asset.rejected",
            Self::AssetDead(_) => "asset.dead",
        }
    }

    /// Every topic.
    pub const TOPICS: [&str; 7] = [
        "campaign.accepted",
        "campaign.rejected",
        "campaign.completed",
        "campaign.cancelled",
        "asset.accepted",
        "asset.rejected",
        "asset.dead",
    ];

    fn subject(&self) -> String {
        match self {
            Self::CampaignAccepted(it) => it.campaign.clone(),
            Self::CampaignRejected(it) => format!("submission/{}", it.submission),
            Self::CampaignCompleted(it) => it.campaign.clone(),
            Self::CampaignCancelled(it) => it.campaign.clone(),
            Self::AssetAccepted(it) | Self::AssetRejected(it) => format!("{}/{}", it.campaign, it.job),
            Self::AssetDead(it) => format!("{}/{}", it.campaign, it.job),
        }
    }
}

impl CloudEvent {
    /// The event that tells a fact. `source` says which house speaks; where two share a receiver, they need two names.
    pub fn new(source: &str, fact: &DomainEvent, time: Timestamp) -> Result<Self> {
        let data = serde_json::to_value(fact).map_err(|e| Error::internal("cannot write an event as JSON").caused_by(e))?;
        let (kind, source) = (format!("{PREFIX}{}", fact.topic()), text::escape(source));
        let told = format!("{kind}\n{source}\n{data}"); // a map in `data` keeps its keys' order, so this is the same every time
        Ok(Self {
            specversion: SPEC.into(),
            id: Digest::of(told).hex().chars().take(32).collect(),
            source,
            kind,
            subject: text::escape(&fact.subject()),
            time,
            datacontenttype: "application/json".into(),
            traceparent: None,
            data,
        })
    }

    /// The same, as a part of this trace.
    #[must_use]
    pub fn traced(mut self, traceparent: Option<String>) -> Self {
        self.traceparent = traceparent;
        self
    }

    /// What happened, in two words, such as `asset.accepted`.
    pub fn topic(&self) -> &str {
        self.kind.strip_prefix(PREFIX).unwrap_or(&self.kind)
    }

    /// The document: one line of JSON.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let document =
            serde_json::to_string(self).map_err(|e| Error::internal("cannot write an event as JSON").caused_by(e))?;
        Ok(text::escape_json(&document).into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dead(reason: &str) -> DomainEvent {
        DomainEvent::AssetDead(AssetDead { campaign: "spring-0123".into(), job: "ab".into(), reason: reason.into() })
    }

    fn told(fact: &DomainEvent, second: u64) -> CloudEvent {
        CloudEvent::new("/housestyle", fact, Timestamp::from_seconds(second)).unwrap()
    }

    #[test]
    fn is_a_cloud_event_in_structured_json() {
        let event =
            told(&dead("poison"), 1_830_297_599).traced(Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into()));
        let read: serde_json::Value = serde_json::from_slice(&event.to_bytes().unwrap()).unwrap();
        for (key, value) in [
            ("specversion", "1.0"),
            ("type", "housestyle.asset.dead"),
            ("source", "/housestyle"),
            ("subject", "spring-0123/ab"),
            ("time", "2027-12-31T23:59:59Z"),
            ("datacontenttype", "application/json"),
            ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        ] {
            assert_eq!(read[key], value, "{read}");
        }
        assert_eq!(read["data"]["reason"], "poison");
        // Names of attributes: lower-case letters and digits only.
        let names = read.as_object().unwrap().keys();
        assert!(names.clone().all(|n| n.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())), "{names:?}");
        assert_eq!(serde_json::from_value::<CloudEvent>(read).unwrap(), event);
    }

    #[test]
    fn the_same_fact_has_the_same_id_and_another_has_another() {
        assert_eq!(told(&dead("poison"), 1).id, told(&dead("poison"), 2).id);
        let others = [
            told(&dead("poison"), 1),
            told(&dead("other"), 1),
            CloudEvent::new("/b", &dead("poison"), Timestamp::from_seconds(1)).unwrap(),
        ];
        assert!(others[0].id != others[1].id && others[0].id != others[2].id);
    }

    #[test]
    fn hostile_names_stay_data() {
        for name in ["a\r\nwebhook-signature: v1,forged", "\u{202e}gpj.exe", "\u{1b}[31m", "\0", "\u{2028}", "</script>", "狐"]
        {
            let fact = DomainEvent::CampaignAccepted(CampaignAccepted {
                campaign: name.into(),
                name: name.into(),
                jobs: 1,
                folder: name.into(),
            });
            let bytes = told(&fact, 1).to_bytes().unwrap();
            let line = std::str::from_utf8(&bytes).unwrap();
            assert!(!line.contains(text::is_unsafe), "{line:?}");
            let read: CloudEvent = serde_json::from_slice(&bytes).unwrap();
            assert_eq!(read.data["name"], name);
            assert!(!read.subject.contains(text::is_unsafe), "an attribute has no such characters: {:?}", read.subject);
        }
    }

    #[test]
    fn topics_are_those_listed() {
        let refused = CampaignRejected::of(b"spec: 1", None, &[]);
        assert_eq!(refused.submission.len(), 64);
        let fact = DomainEvent::CampaignRejected(refused);
        assert!(DomainEvent::TOPICS.contains(&fact.topic()) && DomainEvent::TOPICS.contains(&dead("x").topic()));
        assert_eq!(told(&fact, 1).topic(), "campaign.rejected");
    }
}
