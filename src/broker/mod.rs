//! Message channels that schedule work: they carry jobs, orders and notifications, in this process or at a RabbitMQ
//! broker.
//!
//! A channel takes messages and returns deliveries, each to be settled exactly once, after its result is committed. The
//! broker only schedules: the store alone decides what is finished.
//!
//! # Invariants
//!
//! For every implementation, checked by `tests/it/queue_conformance.rs`: a message is delivered until it is
//! acknowledged or dead, so at least once; a delivery that is dropped unsettled comes back; a message that failed
//! [`MAX_DELIVERIES`] times is dead; no priority starves another.

pub mod address;
mod channel;
mod dead_letter;
mod lanes;
mod memory;
mod message;
mod notification;
mod order;
mod payload;
pub mod rabbit;

pub use address::BrokerAddress;
pub use channel::{Channel, Delivery, MAX_DELIVERIES, Receipt};
pub use dead_letter::DeadLetter;
pub use memory::MemoryChannel;
pub use message::Message;
pub use notification::Notification;
pub use order::{Order, Task};
pub use payload::Payload;
pub use rabbit::{Rabbit, RabbitSettings};
