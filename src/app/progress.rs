//! What happens while a use case runs, as events, for whoever shows it: a terminal, a log, a page.

use std::fmt;
use std::path::Path;

use super::findings::{CheckedFile, StatusReport, SystemCheck};
use crate::base::version::VersionId;
use crate::plan::{CampaignId, Estimate};
use crate::registry::ledger::Target;
use crate::train::fit::CurvePoint;
use crate::worker::WorkerEvent;

/// Shows or keeps what happens; called from several threads.
pub trait ProgressSink: Send + Sync + fmt::Debug {
    /// Takes in one event.
    fn report(&self, progress: &Progress<'_>);
}

/// Something that happened on the way.
#[derive(Debug)]
#[non_exhaustive]
pub enum Progress<'a> {
    /// TensorRT builds engines, which takes minutes.
    BuildingEngines {
        /// The folder where they are kept, if any.
        cache: Option<&'a Path>,
    },
    /// A file was checked.
    FileChecked(&'a CheckedFile),
    /// A thing that runs need was checked.
    Checked(&'a SystemCheck),
    /// It is known what a run has to do.
    RunPlanned {
        /// Jobs of the plan.
        total: usize,
        /// Jobs found finished.
        found: usize,
        /// Jobs that failed before and are tried again.
        failed: usize,
        /// The estimate for all jobs.
        estimate: &'a Estimate,
    },
    /// The models are loaded and a run begins.
    RunStarted {
        /// Jobs of the plan.
        total: usize,
        /// Jobs found finished.
        found: usize,
    },
    /// Something happened to a batch or a job of a run.
    Worker(&'a WorkerEvent<'a>),
    /// A run makes nothing more.
    RunEnded,
    /// A worker is ready and takes jobs.
    WorkerReady {
        /// The bundle it draws with.
        bundle: &'a str,
        /// The execution provider it draws on.
        provider: &'a str,
    },
    /// A submitted campaign was accepted.
    CampaignAccepted {
        /// Its id.
        campaign: &'a CampaignId,
        /// How many images it has.
        jobs: usize,
        /// Whether it was submitted before.
        known: bool,
    },
    /// A campaign that is watched is further than before.
    Status(&'a StatusReport),
    /// The pictures of a style set are encoded.
    ReadingPictures {
        /// How many.
        count: usize,
        /// The style set's name.
        set: &'a str,
    },
    /// The ledger now has other terms for pictures that it knew before.
    TermsChanged(&'a str),
    /// A training goes on from a checkpoint.
    TrainingResumed {
        /// The checkpoint's step.
        step: u32,
    },
    /// A training begins.
    TrainingStarted {
        /// How many steps it takes at most.
        steps: u32,
    },
    /// A training has a new point on its curve.
    TrainingPoint {
        /// The point.
        point: &'a CurvePoint,
        /// How many steps it takes at most.
        steps: u32,
    },
    /// A training takes no more steps.
    TrainingEnded,
    /// The new version draws for the evaluator.
    Evaluating,
    /// Two versions draw for the evaluator.
    ComparingVersions {
        /// How many briefs each draws.
        briefs: usize,
        /// The version that may be promoted.
        candidate: &'a VersionId,
        /// The version it is compared with; `None`: the bundle's own encoder.
        other: Option<&'a VersionId>,
    },
    /// A picture or source is revoked.
    Revoked(&'a Target),
    /// The index of a delivery was read.
    DeliveryListed {
        /// Pictures that it lists.
        pictures: usize,
        /// The encoding that it was read in.
        encoding: &'static str,
    },
    /// Workers have not scored any picture of a delivery for a while.
    ScoringDelayed {
        /// Why that may be.
        reason: &'a str,
    },
    /// A picture is missing in a report.
    PictureLeftOut {
        /// Why.
        reason: &'a str,
    },
}

/// Ignores everything, for callers that only want the result.
#[derive(Clone, Copy, Debug, Default)]
pub struct IgnoreProgress;

impl ProgressSink for IgnoreProgress {
    fn report(&self, _: &Progress<'_>) {}
}
