//! The worker: receive → batch → generate → gate → commit → acknowledge.
//!
//! # Invariants
//!
//! A delivery is acknowledged only after its sidecar is in the store. Encoding and committing of one batch overlap with
//! the denoising of the next. The number of jobs held is bounded. A worker that is asked to stop does so within a step,
//! and its unfinished jobs go back to the queue. In a cluster ([`Mode::Cluster`]), a store that is away is waited for,
//! a cancelled campaign is stopped within a step of the notice, and jobs given up on are recorded.

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
