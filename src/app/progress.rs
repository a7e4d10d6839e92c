//! Progress events of the use cases, for a terminal, a log or a page.

use std::fmt;
use std::path::Path;

use super::findings::{CheckedFile, StatusReport, SystemCheck};
use crate::base::version::VersionId;
use crate::plan::{CampaignId, Estimate};
use crate::registry::ledger::Target;
use crate::train::fit::CurvePoint;
use crate::worker::WorkerEvent;

/// Receives progress events; called from several threads.
pub(crate) trait ProgressSink: Send + Sync + fmt::Debug {
    /// Receives one event.
    fn report(&self, progress: &Progress<'_>);
}

/// A progress event.
#[derive(Debug)]
#[non_exhaustive]
pub(crate) enum Progress<'a> {
    /// TensorRT starts to build engines, which takes minutes.
    BuildingEngines {
        /// The folder where the engines are kept, if any.
        cache: Option<&'a Path>,
    },
    /// A file was checked.
    FileChecked(&'a CheckedFile),
    /// One requirement of runs was checked.
    Checked(&'a SystemCheck),
    /// A run was planned.
    RunPlanned {
        /// Jobs of the plan.
        total: usize,
        /// Jobs that were finished before.
        found: usize,
        /// Jobs that failed before and are retried.
        failed: usize,
        /// The estimate for all jobs.
        estimate: &'a Estimate,
    },
    /// The models are loaded and a run begins.
    RunStarted {
        /// Jobs of the plan.
        total: usize,
        /// Jobs that were finished before.
        found: usize,
    },
    /// Something happened to a batch or a job of a run.
    Worker(&'a WorkerEvent<'a>),
    /// A run has finished its last job or was stopped.
    RunEnded,
    /// A worker is ready and takes jobs.
    WorkerReady {
        /// The worker's bundle.
        bundle: &'a str,
        /// The worker's execution provider.
        provider: &'a str,
    },
    /// A submitted campaign was accepted.
    CampaignAccepted {
        /// The campaign's id.
        campaign: &'a CampaignId,
        /// Number of images.
        jobs: usize,
        /// Whether it was submitted before.
        known: bool,
    },
    /// The status of a watched campaign changed.
    Status(&'a StatusReport),
    /// The encoding of a style set's pictures begins.
    ReadingPictures {
        /// Number of pictures.
        count: usize,
        /// The style set's name.
        set: &'a str,
    },
    /// The ledger was changed: pictures that it knew before have other terms now. Holds the new terms as text.
    TermsChanged(&'a str),
    /// A training resumes from a checkpoint.
    TrainingResumed {
        /// The checkpoint's step.
        step: u32,
    },
    /// A training begins.
    TrainingStarted {
        /// Steps at most.
        steps: u32,
    },
    /// A training has a new point on its learning curve.
    TrainingPoint {
        /// The point.
        point: &'a CurvePoint,
        /// Steps at most.
        steps: u32,
    },
    /// A training has taken its last step.
    TrainingEnded,
    /// Drawing with the new version begins, for the evaluator.
    Evaluating,
    /// Drawing with two versions begins, for the evaluator.
    ComparingVersions {
        /// Briefs that each version draws.
        briefs: usize,
        /// The version to promote.
        candidate: &'a VersionId,
        /// The version it is compared with; `None`: the bundle's stock encoder.
        other: Option<&'a VersionId>,
    },
    /// A picture or source was revoked.
    Revoked(&'a Target),
    /// The index of a delivery was read.
    DeliveryListed {
        /// Pictures that the index lists.
        pictures: usize,
        /// The encoding that the index was read in.
        encoding: &'static str,
    },
    /// Workers have scored no picture of a delivery for a while.
    ScoringDelayed {
        /// A likely cause.
        reason: &'a str,
    },
    /// A picture is left out of a report.
    PictureLeftOut {
        /// The reason.
        reason: &'a str,
    },
}
