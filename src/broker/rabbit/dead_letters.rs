//! Reads the queue of dead letters.

use std::mem;

use lapin::Acker;
use lapin::options::BasicGetOptions;
use lapin::types::{AMQPValue, FieldTable};

use super::client::BrokerClient;
use super::topology;
use crate::base::error::Result;
use crate::broker::dead_letter::DeadLetter;

/// The AMQP reply code for a channel that is closed as intended.
const REPLY_SUCCESS: u16 = 200;
/// The maximum number of dead letters that are read.
const MOST: usize = 10_000;

/// Dead letters that were received; those that are not acknowledged go back to the queue when this is released.
pub(super) struct HeldLetters {
    /// Each letter, with the guard that removes it from the queue.
    pub(super) letters: Vec<(DeadLetter, Acker)>,
    channel: lapin::Channel,
}

impl HeldLetters {
    /// Returns the unacknowledged letters to the queue; once this returns, the next reader finds them. If this is
    /// dropped instead, they go back some time later.
    pub(super) async fn release(self, client: &BrokerClient) -> Result<()> {
        drop(self.letters);
        let closed = self.channel.close(REPLY_SUCCESS, "done".into()).await;
        closed.map_err(|e| client.failed("give back the dead letters of", e))
    }
}

/// Returns every dead letter, oldest first.
pub(super) async fn list(client: &BrokerClient) -> Result<Vec<DeadLetter>> {
    let mut held = hold(client).await?;
    let letters = mem::take(&mut held.letters);
    held.release(client).await?;
    Ok(letters.into_iter().map(|(letter, _)| letter).collect())
}

/// Receives every dead letter, oldest first.
pub(super) async fn hold(client: &BrokerClient) -> Result<HeldLetters> {
    let channel = client.channel().await?;
    let mut letters = Vec::new();
    while letters.len() < MOST {
        let got = channel.basic_get(topology::DEAD.into(), BasicGetOptions::default()).await;
        let Some(got) = got.map_err(|e| client.failed("look at the dead letters of", e))? else { break };
        let delivery = got.delivery;
        letters.push((read(delivery.data, delivery.properties.headers().as_ref()), delivery.acker));
    }
    Ok(HeldLetters { letters, channel })
}

fn read(body: Vec<u8>, headers: Option<&FieldTable>) -> DeadLetter {
    let header = |name: &str| {
        headers.and_then(|h| h.inner().get(name)).and_then(|value| match value {
            AMQPValue::LongString(text) => Some(String::from_utf8_lossy(text.as_bytes()).into_owned()),
            AMQPValue::ShortString(text) => Some(text.to_string()),
            _ => None,
        })
    };
    let by_broker = || {
        let why = header("x-first-death-reason").unwrap_or_else(|| "unknown".into());
        format!("the broker gave it up: {why}")
    };
    DeadLetter::new(body, header(topology::REASON).unwrap_or_else(by_broker), header(topology::FROM))
}
