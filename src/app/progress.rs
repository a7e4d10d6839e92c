//! What happens while a use case runs, as events, for whoever shows it: a terminal, a log, a page.

use std::fmt;
use std::path::Path;

/// Shows or keeps what happens; called from several threads.
pub trait ProgressSink: Send + Sync + fmt::Debug {
    /// Takes in one event.
    fn report(&self, progress: &Progress<'_>);
}

/// Something that happened on the way.
#[derive(Debug)]
#[non_exhaustive]
pub enum Progress<'a> {
    /// TensorRT builds engines, which takes minutes; kept in this folder, if any.
    BuildingEngines {
        /// Where the engines are kept.
        cache: Option<&'a Path>,
    },
    /// A worker is ready and takes jobs.
    WorkerReady {
        /// The bundle it draws with.
        bundle: &'a str,
        /// The execution provider it draws on.
        provider: &'a str,
    },
}

/// Ignores everything, for callers that only want the result.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl ProgressSink for Silent {
    fn report(&self, _: &Progress<'_>) {}
}
