//! Input and output: files, signals, blocking work, and HTTP requests.

pub mod blocking;
pub mod files;
pub mod http;
pub mod shutdown;
pub mod transport;

pub use blocking::{blocking, wait_for};
