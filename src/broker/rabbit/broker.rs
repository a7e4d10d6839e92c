//! A RabbitMQ broker as the rest of the program uses it: its channels, its exchange of events and its dead letters.

use std::mem;
use std::sync::Arc;

use lapin::options::BasicAckOptions;
use lapin::types::FieldTable;

use super::channel::RabbitChannel;
use super::client::{BrokerClient, RabbitSettings};
use super::consumer::Activity;
use super::{dead_letters, topology};
use crate::base::error::Result;
use crate::broker::address::BrokerAddress;
use crate::broker::channel::Channel;
use crate::broker::dead_letter::DeadLetter;
use crate::broker::message::Message;
use crate::broker::notification::Notification;
use crate::broker::order::Order;

/// Orders received ahead: one, as planning holds a bundle's facts in memory and another coordinator may take the next.
const ORDERS_AHEAD: u16 = 1;
/// Notifications received ahead.
const NOTIFICATIONS_AHEAD: u16 = 16;

/// A RabbitMQ broker; cheap to clone.
#[derive(Clone, Debug)]
pub struct Rabbit {
    client: Arc<BrokerClient>,
    jobs: Arc<RabbitChannel<Message>>,
    orders: Arc<RabbitChannel<Order>>,
}

impl Rabbit {
    /// Connects and declares the topology; nothing is received before the first [`Channel::receive`].
    ///
    /// # Errors
    ///
    /// If the address is wrong or would send the password unencrypted, or the broker cannot be reached.
    pub async fn connect(address: &BrokerAddress, plaintext: bool, settings: RabbitSettings) -> Result<Self> {
        let prefetch = settings.prefetch.max(1);
        let client = Arc::new(BrokerClient::new(address.uri(plaintext)?, address.to_string(), settings));
        client.channel().await?; // reports a wrong address now, not with the first message
        // Shared, so that jobs end only when no order is in work that may add more.
        let activity = Arc::new(Activity::default());
        let jobs = RabbitChannel::new(&topology::JOBS, prefetch, Arc::clone(&client), Arc::clone(&activity));
        let orders = RabbitChannel::new(&topology::ORDERS, ORDERS_AHEAD, Arc::clone(&client), activity);
        Ok(Self { client, jobs: Arc::new(jobs), orders: Arc::new(orders) })
    }

    /// Returns the channel of jobs; once closed, it ends only when no order is left either.
    pub fn jobs(&self) -> Arc<dyn Channel<Message>> {
        Arc::clone(&self.jobs) as _
    }

    /// Returns the channel of orders to coordinators.
    pub fn orders(&self) -> Arc<dyn Channel<Order>> {
        Arc::clone(&self.orders) as _
    }

    /// Subscribes to the events that are published from now on, for webhooks, and returns their channel; all
    /// subscribers at one broker share it.
    ///
    /// # Errors
    ///
    /// If the broker cannot be reached or refuses to declare the queue.
    pub async fn subscribe(&self) -> Result<Arc<dyn Channel<Notification>>> {
        let client = Arc::new(self.client.with_webhooks());
        let channel = client.channel().await?;
        topology::declare_webhooks(&channel).await.map_err(|e| client.failed("declare the queue of webhooks at", e))?;
        let activity = Arc::new(Activity::default());
        Ok(Arc::new(RabbitChannel::<Notification>::new(
            &topology::NOTIFICATIONS,
            NOTIFICATIONS_AHEAD,
            client,
            activity,
        )))
    }

    /// Returns whether the channels that receive have their connections.
    pub(crate) fn connected(&self) -> bool {
        self.jobs.connected() && self.orders.connected()
    }

    /// Publishes `body` on the exchange of events; every subscriber gets it, and having none is no error.
    ///
    /// # Errors
    ///
    /// If the broker cannot be reached or does not accept it.
    pub(crate) async fn announce(&self, topic: &str, content_type: &str, body: Vec<u8>) -> Result<()> {
        self.client.announce(topic, content_type, body).await
    }

    /// Returns all dead letters, oldest first, without changing them.
    ///
    /// # Errors
    ///
    /// If the broker cannot be queried.
    pub async fn dead_letters(&self) -> Result<Vec<DeadLetter>> {
        dead_letters::list(&self.client).await
    }

    /// Publishes the dead letters that are `wanted` again, with their failures reset, and returns them. One that cannot
    /// be parsed stays. A letter is removed only after the broker has confirmed the new message.
    ///
    /// # Errors
    ///
    /// If the broker cannot be queried or does not accept a message; those before it are published by then.
    pub async fn requeue(&self, wanted: impl Fn(&DeadLetter) -> bool) -> Result<Vec<DeadLetter>> {
        self.settle_dead(wanted, true).await
    }

    /// Deletes the dead letters that are `wanted` for good, and returns them.
    ///
    /// # Errors
    ///
    /// If the broker cannot be queried.
    pub async fn forget(&self, wanted: impl Fn(&DeadLetter) -> bool) -> Result<Vec<DeadLetter>> {
        self.settle_dead(wanted, false).await
    }

    async fn settle_dead(&self, wanted: impl Fn(&DeadLetter) -> bool, requeue: bool) -> Result<Vec<DeadLetter>> {
        let mut held = dead_letters::hold(&self.client).await?;
        let mut done = Vec::new();
        for (letter, acker) in mem::take(&mut held.letters).into_iter().filter(|(letter, _)| wanted(letter)) {
            if requeue && !self.publish_again(&letter).await? {
                continue;
            }
            let taken = acker.ack(BasicAckOptions::default()).await;
            taken.map_err(|e| self.client.failed("take from the dead letters of", e))?;
            done.push(letter);
        }
        held.release(&self.client).await?;
        Ok(done)
    }

    /// Publishes a dead letter as if it had never failed; returns whether it could be parsed.
    async fn publish_again(&self, letter: &DeadLetter) -> Result<bool> {
        if let Some(message) = letter.message() {
            self.jobs.publish(message.renewed()).await?;
        } else if let Some(order) = letter.order() {
            self.orders.publish(Order::new(order.task, order.traceparent)).await?;
        } else if letter.from.as_deref() == Some(topology::NOTIFICATIONS.name) {
            self.client.send(topology::WEBHOOKS, letter.body.clone(), FieldTable::default()).await?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }
}
