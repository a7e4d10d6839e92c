//! What a worker reports to its observer while it works, and what it did in the end.

use std::time::Duration;

use crate::base::error::Error;
use crate::campaign::sidecar::Sidecar;
use crate::plan::Job;
use crate::spec::Priority;

/// Something that happened in a worker.
#[derive(Debug)]
pub enum WorkerEvent<'a> {
    /// A batch of `images` did step `done` of `total`.
    Step {
        /// Images in the batch.
        images: usize,
        /// Steps done.
        done: usize,
        /// Steps in all.
        total: usize,
    },
    /// A job was received.
    Taken {
        /// Its priority.
        lane: Priority,
        /// How long ago it was first published, if its sender said so.
        waited: Option<Duration>,
    },
    /// A batch went to the engine.
    Batch {
        /// Images in it.
        images: usize,
        /// Images that would fit.
        room: usize,
    },
    /// Something went wrong with an item, a batch or everything; what becomes of the jobs is reported by other events.
    Trouble(&'a Error),
    /// A job was given up on without an outcome.
    Dead {
        /// The job.
        job: &'a Job,
        /// The reason.
        reason: &'a str,
    },
    /// A job was found finished.
    Skipped(&'a Sidecar),
    /// A job was finished.
    Finished(&'a Sidecar),
    /// A job was discarded, as its campaign is cancelled.
    Dropped(&'a Job),
}

/// What a worker did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkSummary {
    /// Jobs found finished.
    pub skipped: usize,
    /// Jobs finished.
    pub finished: usize,
    /// Whether it was asked to stop before the queue was empty.
    pub stopped: bool,
}
