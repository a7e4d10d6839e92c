//! What the house says about itself while it works: log lines, metrics, traces, and whether it is ready.
//!
//! In: what the rooms report. Out: lines on standard error ([`log`]), one table of metrics ([`metrics`]), the answers to
//! whoever asks over HTTP ([`serve`]), whether every thing needed is there ([`ready`]), and spans for a collector ([`trace`]).
//! Always holds: nothing here is a global that a test could not make its own of, but the one log of the process.

pub mod log;
pub mod metrics;
pub mod ready;
pub mod serve;
pub mod trace;

pub use log::start;
pub use metrics::Metrics;
pub use ready::Readiness;
pub use trace::TraceParent;
