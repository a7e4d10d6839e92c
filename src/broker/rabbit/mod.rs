//! The broker: RabbitMQ, for many workers on many machines.
//!
//! # Invariants
//! What publishing returned for is on the broker's disks. What failed waits in a queue of its own and blocks nothing.
//! A failure is counted with the message, a receiver's death by the broker, and both have a limit. A message that
//! cannot be read is kept apart, never delivered again and again.

mod broker;
mod channel;
mod client;
mod connection;
mod consumer;
mod dead_letters;
mod publisher;
pub mod topology;

pub use broker::Rabbit;
pub use client::RabbitSettings;
