//! Reading the queue of dead letters.

use lapin::Acker;
use lapin::options::BasicGetOptions;
use lapin::types::{AMQPValue, FieldTable};

use super::client::BrokerClient;
use super::topology;
use crate::base::error::Result;
use crate::broker::dead_letter::DeadLetter;

/// At most so many are read.
const MOST: usize = 10_000;

/// Dead letters that were received and not acknowledged; all come back when this is dropped.
pub(super) struct HeldLetters {
    /// Each letter, and what takes it from the queue.
    pub(super) letters: Vec<(DeadLetter, Acker)>,
    _channel: lapin::Channel,
}

/// Returns every dead letter, oldest first.
pub(super) async fn list(client: &BrokerClient) -> Result<Vec<DeadLetter>> {
    Ok(hold(client).await?.letters.into_iter().map(|(letter, _)| letter).collect())
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
    Ok(HeldLetters { letters, _channel: channel })
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
