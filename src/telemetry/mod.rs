//! What the house says about itself while it works: log lines, metrics, traces, and whether it is ready.
//!
//! In: what the rooms report. Out: lines on standard error ([`log`]), one table of metrics ([`metrics`]), the answers to
//! whoever asks over HTTP ([`serve`]), and whether every thing needed is there ([`ready`]).
//! Always holds: nothing here is a global that a test could not make its own of, but the one log of the process.

pub mod log;
pub mod metrics;
pub mod ready;
pub mod serve;

pub use log::start;
pub use metrics::Metrics;
pub use ready::Readiness;
