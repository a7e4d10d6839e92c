//! Observability: log lines on standard error ([`log`]), metrics ([`metrics`]), readiness ([`ready`]), the HTTP
//! server that shows both ([`serve`]), and spans for a collector of traces ([`trace`]).
//!
//! # Invariants
//!
//! Only the log is global to the process, so that a test can create its own instance of everything else.

pub mod log;
pub mod metrics;
pub mod ready;
pub mod serve;
pub mod trace;

pub use log::start;
pub use metrics::Metrics;
pub use ready::Readiness;
pub use trace::TraceParent;
