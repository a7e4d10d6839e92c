//! Dead letters: messages that were given up on, kept with the reason until a person puts them back to work.

use serde::Serialize;

use super::message::Message;
use super::order::Order;
use super::payload::Payload as _;
use crate::base::digest::Digest;
use crate::base::text;

/// A message that was given up on.
#[derive(Clone, Debug, Serialize)]
pub struct DeadLetter {
    /// The letter's name: the first digits of its digest.
    pub id: String,
    /// The reason why the message was given up on.
    pub reason: String,
    /// The channel it came from: `jobs`, `campaigns` or `webhooks`; `None` if the broker itself gave it up.
    pub from: Option<String>,
    /// The id of the job it was about, if it can be read.
    pub job: Option<String>,
    /// The id of the campaign it was about, if it can be read.
    pub campaign: Option<String>,
    /// The bytes of the message; untrusted.
    #[serde(skip)]
    pub body: Vec<u8>,
}

impl DeadLetter {
    pub(super) fn new(body: Vec<u8>, reason: String, from: Option<String>) -> Self {
        let message = Message::from_bytes(&body).ok();
        let about = |what: fn(&Message) -> String| message.as_ref().map(what);
        Self {
            id: Digest::of(&body).hex()[..12].into(),
            reason,
            from,
            job: about(|message| message.job.stem.to_string()),
            campaign: about(|message| message.job.campaign.to_string()),
            body,
        }
    }

    /// Returns the job's message, if the body is one.
    pub fn message(&self) -> Option<Message> {
        Message::from_bytes(&self.body).ok()
    }

    /// Returns the coordinator's order, if the body is one.
    pub(super) fn order(&self) -> Option<Order> {
        Order::from_bytes(&self.body).ok()
    }

    /// Returns the body as text that is safe to show, at most `limit` characters of it.
    pub fn shown(&self, limit: usize) -> String {
        text::escape(&String::from_utf8_lossy(&self.body)).chars().take(limit).collect()
    }
}
