//! Events that a worker reports to its observer, and the totals of its work.

use std::time::Duration;

use crate::base::error::Error;
use crate::campaign::sidecar::Sidecar;
use crate::plan::Job;
use crate::spec::Priority;

/// An event in a worker.
#[derive(Debug)]
pub enum WorkerEvent<'a> {
    /// A batch of `images` did step `done` of `total`.
    Step {
        /// The number of images in the batch.
        images: usize,
        /// The number of steps done.
        done: usize,
        /// The number of steps in all.
        total: usize,
    },
    /// A job was received.
    Taken {
        /// The job's priority.
        lane: Priority,
        /// The time since its first publication, if its sender gave one.
        waited: Option<Duration>,
    },
    /// A batch was submitted to the engine.
    Batch {
        /// The number of images in the batch.
        images: usize,
        /// The number of images that would fit.
        room: usize,
    },
    /// An error of an item, a batch or the whole worker; what becomes of the jobs is reported by other events.
    Trouble(&'a Error),
    /// A job was given up on without an outcome.
    Dead {
        /// The job.
        job: &'a Job,
        /// The reason.
        reason: &'a str,
    },
    /// A job was found to be finished already.
    Skipped(&'a Sidecar),
    /// A job was finished.
    Finished(&'a Sidecar),
    /// A job was discarded, as its campaign is cancelled.
    Dropped(&'a Job),
}

/// The totals of a worker's run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkSummary {
    /// The number of jobs found finished already.
    pub skipped: usize,
    /// The number of jobs finished.
    pub finished: usize,
    /// Whether the worker was asked to stop before the queue was empty.
    pub stopped: bool,
}
