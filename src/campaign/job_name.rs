//! A job's id and file stem: what finding its outcome takes.

use crate::base::stem::Stem;
use crate::plan::{Job, JobId, JobOutline};

/// What the reader must know of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobName {
    /// The job's id.
    pub id: JobId,
    /// Its files' stem.
    pub stem: Stem,
}

impl From<&Job> for JobName {
    fn from(job: &Job) -> Self {
        Self { id: job.id.clone(), stem: job.stem.clone() }
    }
}

impl From<JobOutline> for JobName {
    fn from(job: JobOutline) -> Self {
        Self { id: job.id, stem: job.stem }
    }
}
