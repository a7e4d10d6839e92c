//! The worker: receive → batch → generate → gate → commit → acknowledge.
//!
//! # Invariants
//! A delivery is acknowledged only after its sidecar is in the store. Encoding and committing of one batch overlap
//! with the denoising of the next. What is held is bounded. Asked to stop, a worker stops within a step and what it
//! held goes back to the queue. In a cluster ([`Mode::Cluster`]), a store that is away is waited for, a cancelled
//! campaign is stopped within a step of the news, and what is given up on is recorded.

pub(crate) mod batcher;
mod cancel;
pub mod engine;
mod event;
pub(crate) mod gate;
pub mod generator;
mod in_flight;
pub mod meter;
mod mode;
mod run;
mod settlement;

pub use event::{WorkSummary, WorkerEvent};
pub use mode::Mode;
pub use run::{StartedWorker, Worker};
