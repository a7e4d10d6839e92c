//! Domain events as CloudEvents 1.0 in structured JSON, the same for the broker and for webhooks.
//!
//! # Invariants
//!
//! A domain event has the same id however often it is published, so that receivers can drop duplicates. The document is
//! one line, and no name in it can control a terminal or a log. It holds no secrets.

use serde::{Deserialize, Serialize};

use super::domain_event::DomainEvent;
use crate::base::digest::Digest;
use crate::base::error::{Error, Result};
use crate::base::text;
use crate::base::time::Timestamp;

/// The media type of an event's document.
pub(crate) const MEDIA_TYPE: &str = "application/cloudevents+json; charset=UTF-8";
/// The version of the CloudEvents specification.
const SPEC: &str = "1.0";
/// The prefix of every event type.
const PREFIX: &str = "housestyle.";

/// A domain event as a CloudEvents document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CloudEvent {
    specversion: String,
    /// The event's id: the same for the same domain event.
    pub id: String,
    /// The installation that publishes the event.
    pub source: String,
    /// The event's type, such as `housestyle.asset.accepted`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The campaign or asset that the event is about.
    pub subject: String,
    /// The time of publication.
    pub time: Timestamp,
    datacontenttype: String,
    /// The position in a trace (the Distributed Tracing extension).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// The domain event's fields.
    pub data: serde_json::Value,
}

impl CloudEvent {
    /// Creates the document of a domain event. `source` names the installation; two installations that share a receiver
    /// need different names.
    ///
    /// # Errors
    ///
    /// If the event cannot be written as JSON.
    pub fn new(source: &str, event: &DomainEvent, time: Timestamp) -> Result<Self> {
        let data =
            serde_json::to_value(event).map_err(|e| Error::internal("cannot write an event as JSON").caused_by(e))?;
        let (kind, source) = (format!("{PREFIX}{}", event.topic()), text::escape(source));
        // A map in `data` keeps the order of its keys, so this is the same every time.
        let content = format!("{kind}\n{source}\n{data}");
        Ok(Self {
            specversion: SPEC.into(),
            id: Digest::of(content).hex().chars().take(32).collect(),
            source,
            kind,
            subject: text::escape(&event.subject()),
            time,
            datacontenttype: "application/json".into(),
            traceparent: None,
            data,
        })
    }

    /// Returns the same event as part of a trace.
    #[must_use]
    pub fn traced(mut self, traceparent: Option<String>) -> Self {
        self.traceparent = traceparent;
        self
    }

    /// Returns the event's topic, such as `asset.accepted`.
    pub fn topic(&self) -> &str {
        self.kind.strip_prefix(PREFIX).unwrap_or(&self.kind)
    }

    /// Returns the document as one line of JSON.
    ///
    /// # Errors
    ///
    /// If the document cannot be written as JSON.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let document =
            serde_json::to_string(self).map_err(|e| Error::internal("cannot write an event as JSON").caused_by(e))?;
        Ok(text::escape_json(&document).into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::domain_event::{AssetDead, CampaignAccepted, CampaignRejected};

    fn dead(reason: &str) -> DomainEvent {
        let (campaign, job) = ("spring-0123456789ab".parse().unwrap(), "ab".repeat(32).parse().unwrap());
        DomainEvent::AssetDead(AssetDead { campaign, job, reason: reason.into() })
    }

    fn document(event: &DomainEvent, second: u64) -> CloudEvent {
        CloudEvent::new("/housestyle", event, Timestamp::from_seconds(second)).unwrap()
    }

    #[test]
    fn a_document_is_a_cloud_event_in_structured_json() {
        let event = document(&dead("poison"), 1_830_297_599)
            .traced(Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into()));
        let read: serde_json::Value = serde_json::from_slice(&event.to_bytes().unwrap()).unwrap();
        for (key, value) in [
            ("specversion", "1.0"),
            ("type", "housestyle.asset.dead"),
            ("source", "/housestyle"),
            ("subject", &format!("spring-0123456789ab/{}", "ab".repeat(32))),
            ("time", "2027-12-31T23:59:59Z"),
            ("datacontenttype", "application/json"),
            ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        ] {
            assert_eq!(read[key], value, "{read}");
        }
        assert_eq!(read["data"]["reason"], "poison");
        // Names of attributes have lower-case letters and digits only.
        let names = read.as_object().unwrap().keys();
        assert!(names.clone().all(|n| n.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())), "{names:?}");
        assert_eq!(serde_json::from_value::<CloudEvent>(read).unwrap(), event);
    }

    #[test]
    fn the_same_event_has_the_same_id_and_another_has_another() {
        assert_eq!(document(&dead("poison"), 1).id, document(&dead("poison"), 2).id);
        let others = [
            document(&dead("poison"), 1),
            document(&dead("other"), 1),
            CloudEvent::new("/b", &dead("poison"), Timestamp::from_seconds(1)).unwrap(),
        ];
        assert!(others[0].id != others[1].id && others[0].id != others[2].id);
    }

    #[test]
    fn hostile_names_stay_data() {
        for name in
            ["a\r\nwebhook-signature: v1,forged", "\u{202e}gpj.exe", "\u{1b}[31m", "\0", "\u{2028}", "</script>", "狐"]
        {
            let event = DomainEvent::CampaignAccepted(CampaignAccepted {
                campaign: "c-0123456789ab".parse().unwrap(),
                name: name.into(),
                jobs: 1,
                folder: name.into(),
            });
            let event = CloudEvent::new(name, &event, Timestamp::from_seconds(1)).unwrap();
            let bytes = event.to_bytes().unwrap();
            let line = std::str::from_utf8(&bytes).unwrap();
            assert!(!line.contains(text::is_unsafe), "{line:?}");
            let read: CloudEvent = serde_json::from_slice(&bytes).unwrap();
            assert_eq!(read.data["name"], name);
            assert!(!read.source.contains(text::is_unsafe), "an attribute has no such characters: {:?}", read.source);
        }
    }

    #[test]
    fn topics_are_those_listed() {
        let refused = CampaignRejected::of(b"spec: 1", None, &[]);
        assert_eq!(refused.submission.len(), 64);
        let event = DomainEvent::CampaignRejected(refused);
        assert!(DomainEvent::TOPICS.contains(&event.topic()) && DomainEvent::TOPICS.contains(&dead("x").topic()));
        assert_eq!(document(&event, 1).topic(), "campaign.rejected");
    }
}
