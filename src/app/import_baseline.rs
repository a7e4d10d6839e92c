//! Imports an agency's delivery as a baseline: pictures and an index of briefs, vendors, prices and dates, scored and
//! paired with a campaign's briefs.
//!
//! # Invariants
//! Every refused picture is listed with its reason; a baseline is stored completely or not at all.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use image::RgbImage;
use serde::Serialize;
use tokio::runtime::Handle;

use super::failure::AppResult;
use super::progress::Progress;
use super::resources::App;
use crate::base::error::{self, Error, Kind};
use crate::base::names::{BundleRef, Name};
use crate::coordinator::scoring::ClusterScorer;
use crate::eval::baseline::index::{IndexDefaults, MAX_BYTES};
use crate::eval::baseline::{
    Baseline, DeliveryIndex, DeliverySource, Import, Refused, RequestedBriefs, ScoringBackend,
};
use crate::io::shutdown::Shutdown;
use crate::io::{blocking, files, wait_for};
use crate::pipeline::{Scorer, ScoringTarget};
use crate::plan::CampaignId;
use crate::rights::Policy;
use crate::store::{Key, Store};

/// The request to import a baseline.
#[derive(Clone, Debug)]
pub(crate) struct ImportBaselineRequest {
    /// A folder, a zip file, or `store:PREFIX` for keys of the store.
    pub source: String,
    /// The baseline's name.
    pub name: Name,
    /// The campaign whose briefs the pictures answer: its file (YAML), its id, or its name if no other campaign has
    /// it.
    pub campaign: String,
    /// Index file (CSV or YAML) with one row per picture; `None`: the index in the source.
    pub index: Option<PathBuf>,
    /// The encoding of a CSV index, such as `shift_jis`; `None`: detected from its bytes.
    pub encoding: Option<String>,
    /// Values for fields that the index leaves out.
    pub defaults: IndexDefaults,
    /// Whether the workers behind the broker score the pictures, instead of this process.
    pub by_workers: bool,
    /// The store's folder or `s3://BUCKET/PREFIX`; `None`: the setting `out`.
    pub out: Option<String>,
}

/// The result of an import.
#[derive(Debug, Serialize)]
pub(crate) struct BaselineReport {
    /// The baseline's name.
    pub baseline: Name,
    /// The campaign's id.
    pub campaign: CampaignId,
    /// Number of imported pictures.
    pub imported: usize,
    /// Number of the campaign's briefs that have a picture.
    pub briefs: usize,
    /// The refused pictures, with the reason.
    pub refused: Vec<Refused>,
}

impl App {
    /// Imports a baseline; returns `None` if asked to stop, in which case nothing was imported.
    ///
    /// # Errors
    /// Returns an error if source, index or campaign are missing or invalid, or no picture could be imported.
    pub(crate) async fn import_baseline(&self, request: ImportBaselineRequest) -> AppResult<Option<BaselineReport>> {
        let store = self.store(request.out.as_deref()).await?;
        // Only the briefs of the plan are kept: all its jobs beside the models would be the peak of an import's
        // memory.
        let asked = RequestedBriefs::of(&self.plan_of(&request.campaign, &store).await?);
        match self.import(request, asked, store).await {
            Err(_) if self.shutdown.requested() => Ok(None),
            baseline => Ok(Some(baseline?.into())),
        }
    }

    async fn import(
        &self,
        request: ImportBaselineRequest,
        asked: RequestedBriefs,
        store: Arc<dyn Store>,
    ) -> error::Result<Baseline> {
        let mut source = open_source(&request.source, &store).await?;
        let (shown, bytes) = match request.index {
            Some(path) => (path.display().to_string(), blocking(move || read_index(&path)).await?),
            None => source.own_index(MAX_BYTES).await?,
        };
        let index = DeliveryIndex::parse(&bytes, &shown, &request.defaults, request.encoding.as_deref())?;
        let listed = index.rows.len() + index.refused.len();
        let scorer = match request.by_workers {
            true => ImportScorer::Workers(Box::new(self.remote_scorer(&request.name, &asked, &store).await?)),
            false => ImportScorer::Here(Box::new(self.local_scorer(&asked).await?)),
        };
        self.report(&Progress::DeliveryListed { pictures: listed, encoding: index.encoding });
        let (name, policy, shutdown) = (request.name, self.policy(), self.shutdown.clone());
        let run = ImportRun { store, name, asked, policy, shutdown, runtime: Handle::current() };
        blocking(move || run.run(source, index, scorer)).await
    }

    async fn local_scorer(&self, asked: &RequestedBriefs) -> error::Result<Scorer> {
        let reference = BundleRef { name: asked.bundle.clone(), digest: Some(asked.digest) };
        let bundle = self.bundle(&reference).await?;
        let app = self.clone();
        blocking(move || Scorer::load(&app.loader(bundle)?)).await
    }

    async fn remote_scorer(
        &self,
        name: &Name,
        asked: &RequestedBriefs,
        store: &Arc<dyn Store>,
    ) -> error::Result<ClusterScorer> {
        let listener = self.clone();
        Ok(ClusterScorer {
            orders: self.broker(1).await?.orders(),
            store: Arc::clone(store),
            baseline: name.clone(),
            bundle: asked.digest,
            shutdown: self.shutdown.clone(),
            say: Box::new(move |text| listener.report(&Progress::ScoringDelayed { reason: &text })),
        })
    }
}

/// The process that scores the pictures.
enum ImportScorer {
    Here(Box<Scorer>),
    Workers(Box<ClusterScorer>),
}

/// One import, which runs on a thread for blocking work.
struct ImportRun {
    store: Arc<dyn Store>,
    name: Name,
    asked: RequestedBriefs,
    policy: Policy,
    shutdown: Shutdown,
    /// The async runtime that requests to store and broker run on.
    runtime: Handle,
}

impl ImportRun {
    fn run(
        self,
        mut source: DeliverySource,
        index: DeliveryIndex,
        mut scorer: ImportScorer,
    ) -> error::Result<Baseline> {
        let mut here;
        let judge = match &mut scorer {
            ImportScorer::Here(scorer) => {
                here = |expected: ScoringTarget<'_>, picture: &RgbImage| scorer.score(expected, picture);
                ScoringBackend::Here(&mut here)
            }
            ImportScorer::Workers(workers) => ScoringBackend::Remote(&**workers),
        };
        let work = Import { store: &*self.store, name: &self.name, asked: &self.asked, policy: &self.policy, judge };
        let step = &mut |_: usize, _: usize| {
            if self.shutdown.requested() {
                return Err(Error::new(Kind::Transient, "asked to stop; nothing was imported"));
            }
            Ok(())
        };
        wait_for(&self.runtime, work.run(&mut source, index, step))
    }
}

impl From<Baseline> for BaselineReport {
    fn from(baseline: Baseline) -> Self {
        let Baseline { name, campaign, pictures, briefs, refused, .. } = baseline;
        Self { baseline: name, campaign, imported: pictures, briefs, refused }
    }
}

async fn open_source(named: &str, store: &Arc<dyn Store>) -> error::Result<DeliverySource> {
    if let Some(prefix) = named.strip_prefix("store:") {
        return Ok(DeliverySource::Prefix(Arc::clone(store), Key::new(prefix)?));
    }
    let path = PathBuf::from(named);
    blocking(move || DeliverySource::open(&path)).await
}

fn read_index(path: &Path) -> error::Result<Vec<u8>> {
    files::read(path, MAX_BYTES).map_err(|e| {
        Error::invalid(format!("cannot read the index {}", path.display()))
            .caused_by(e)
            .hint("name a CSV or YAML file with --index")
    })
}
