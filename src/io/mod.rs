//! The edges to the machine: files, signals, and requests to other machines.

pub mod blocking;
pub mod files;
pub mod http;
pub mod shutdown;
pub mod transport;

pub use blocking::{blocking, wait_for};
