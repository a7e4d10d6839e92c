//! A job's id and file stem, which are enough to find its outcome.

use crate::base::stem::Stem;
use crate::plan::{Job, JobId, JobOutline};

/// The id and the file stem of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobName {
    /// The job's id.
    pub id: JobId,
    /// The stem of the job's files.
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
