//! The broker: RabbitMQ, for many workers on many machines.
//!
//! # Invariants
//!
//! A published message is on the broker's disks. A failed message waits in a queue of its own and blocks nothing. A
//! failure is counted with the message, a receiver's death by the broker, and both have a limit. A message that
//! cannot be parsed goes to the dead letters instead of being delivered again and again.

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
