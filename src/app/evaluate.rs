//! Evaluates a campaign's images, alone or against a baseline, with confidence intervals and significance tests.
//!
//! # Invariants
//! It reads the scores that were stored when the images were made; a model is loaded only for reference pictures that
//! were never scored before.

use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;

use futures_util::StreamExt as _;
use image::RgbImage;
use tokio::runtime::Handle;

use super::failure::AppResult;
use super::resources::App;
use crate::base::error::{self, Error};
use crate::base::names::{BundleRef, Name};
use crate::eval::evaluation::EvaluatorFacts;
use crate::eval::{Baseline, Evaluating, Evaluation, EvaluationSetup, References, Suite, loader};
use crate::io::{blocking, wait_for};
use crate::pipeline::bundle::{EVALUATOR, IMAGE_ENCODER, TEXT_ENCODER};
use crate::pipeline::{Bundle, Scorer, ScoringTarget};
use crate::plan::PlanOutline;
use crate::spec::{Problem, Reference, StyleSet};
use crate::store::Store;

/// The request to evaluate a campaign; reports and reviews take the same.
#[derive(Clone, Debug)]
pub(crate) struct EvaluateRequest {
    /// The campaign: its file (YAML), its id, or its name if no other campaign has it.
    pub campaign: String,
    /// An imported baseline to compare with; `None`: the suite's baseline, if any.
    pub baseline: Option<Name>,
    /// A suite (YAML) that pins settings and thresholds.
    pub suite: Option<PathBuf>,
    /// Style sets (YAML) whose pictures are the references of styles, in addition to those of the suite.
    pub references: Vec<PathBuf>,
    /// The store's folder or `s3://BUCKET/PREFIX`; `None`: the setting `out`.
    pub out: Option<String>,
}

impl App {
    /// Evaluates a campaign.
    ///
    /// # Errors
    /// Returns an error if campaign, baseline, suite or style sets are missing or invalid, or no job of the campaign
    /// is finished.
    pub async fn evaluate(&self, request: EvaluateRequest) -> AppResult<Evaluation> {
        let file = request.suite.clone();
        let suite = blocking(move || file.as_deref().map(Suite::load).transpose()).await?;
        let store = self.store(request.out.as_deref()).await?;
        let plan = self.outline_of(&request.campaign, &store).await?;
        let reference = BundleRef { name: plan.bundle.clone(), digest: Some(plan.digest) };
        let bundle = self.bundle(&reference).await?;
        let sets = reference_sets(&request, suite.as_ref()).await?;
        let name = request.baseline.as_ref().or_else(|| suite.as_ref().and_then(|suite| suite.baseline.as_ref()));
        let baseline = match name {
            Some(name) => Some(Baseline::load(&*store, name).await?),
            None => None,
        };
        let runtime = Handle::current();
        let run = EvaluationRun { app: self.clone(), runtime, store, plan, bundle, suite, sets, baseline };
        Ok(blocking(move || run.run()).await?)
    }
}

/// The pictures of one style set.
struct ReferenceSet {
    name: Name,
    pictures: Vec<Reference>,
}

impl ReferenceSet {
    fn load(path: &Path) -> Result<Self, Vec<Problem>> {
        let set = StyleSet::load(path)?;
        let pictures = set.resolve(path.parent().unwrap_or(Path::new(".")))?;
        Ok(Self { name: set.name, pictures })
    }
}

/// Loads the style sets that the request and its suite name.
async fn reference_sets(request: &EvaluateRequest, suite: Option<&Suite>) -> AppResult<Vec<ReferenceSet>> {
    let beside = request.suite.as_deref().and_then(Path::parent).unwrap_or(Path::new("."));
    let of_suite = suite.into_iter().flat_map(|suite| &suite.references).map(|file| beside.join(file));
    let files: Vec<PathBuf> = request.references.iter().cloned().chain(of_suite).collect();
    let sets =
        blocking(move || Ok(files.iter().map(|file| ReferenceSet::load(file)).collect::<Result<_, _>>())).await?;
    sets.map_err(Into::into)
}

/// One evaluation, which runs on a thread for blocking work.
struct EvaluationRun {
    app: App,
    /// The async runtime that store requests run on.
    runtime: Handle,
    store: Arc<dyn Store>,
    plan: PlanOutline,
    bundle: Bundle,
    suite: Option<Suite>,
    sets: Vec<ReferenceSet>,
    baseline: Option<Baseline>,
}

impl EvaluationRun {
    fn run(self) -> error::Result<Evaluation> {
        let references = self.references()?;
        let usual = Suite::default();
        let pinned = self.suite.as_ref().unwrap_or(&usual);
        let setup = EvaluationSetup {
            campaign: &self.plan.campaign,
            gated: self.plan.jobs.iter().any(|job| job.gate.style > 0.0 || job.gate.category > 0.0),
            outsourced: self.baseline.as_ref().map(|baseline| (&baseline.name, baseline.digest)),
            evaluator: evaluator_facts(&self.bundle),
            judge_is_guide: judge_is_guide(&self.bundle),
            references: &references,
            palettes: &pinned.palettes,
            tolerance: pinned.tolerance(),
            settings: pinned.settings(),
        };
        let evaluating = Evaluating::new(&setup)?;
        let images = read_images(evaluating, self.plan.clone(), self.baseline.as_ref(), &self.store);
        let mut evaluation = wait_for(&self.runtime, images)?;
        if let Some(suite) = &self.suite {
            suite.pinned(&evaluation)?;
            evaluation.suite = Some(suite.judge(&evaluation));
        }
        Ok(evaluation)
    }

    /// Returns the reference scores of every style set, computed now or stored before.
    fn references(&self) -> error::Result<References> {
        let mut found = References::default();
        let mut scorer: Option<Scorer> = None;
        for ReferenceSet { name, pictures } in &self.sets {
            let mut score = |expected: ScoringTarget<'_>, picture: &RgbImage| {
                let scorer = match &mut scorer {
                    Some(scorer) => scorer,
                    none => none.insert(Scorer::load(&self.app.loader(self.bundle.clone())?)?),
                };
                scorer.score(expected, picture)
            };
            let scored = References::of(&*self.store, self.bundle.digest(), (pictures, name.as_str()), &mut score);
            found = found.and(wait_for(&self.runtime, scored)?);
        }
        Ok(found)
    }
}

/// Passes every image to an evaluation, the campaign's images first.
async fn read_images(
    mut evaluating: Evaluating<'_>,
    plan: PlanOutline,
    baseline: Option<&Baseline>,
    store: &Arc<dyn Store>,
) -> error::Result<Evaluation> {
    let (campaign, jobs) = (plan.campaign.clone(), plan.jobs.len());
    let mut unfinished = 0;
    let mut ours = pin!(loader::campaign(store, plan).await?);
    while let Some(found) = ours.next().await {
        match found? {
            Some(shown) => evaluating.take(shown)?,
            None => unfinished += 1,
        }
    }
    if unfinished == jobs {
        return Err(Error::invalid(format!("no job of {campaign} is finished, so there is nothing to evaluate"))
            .hint("run the campaign first"));
    }
    if let Some(baseline) = baseline {
        let mut theirs = pin!(loader::baseline(&**store, baseline));
        let mut pictures = 0;
        while let Some(shown) = theirs.next().await {
            evaluating.take(shown?)?;
            pictures += 1;
        }
        if pictures != baseline.pictures {
            let Baseline { name, pictures: said, .. } = baseline;
            return Err(Error::invalid(format!("baseline {name} should have {said} pictures, but has {pictures}"))
                .hint("import it again"));
        }
    }
    evaluating.finish(unfinished)
}

fn evaluator_facts(bundle: &Bundle) -> EvaluatorFacts {
    let manifest = bundle.manifest();
    let evaluator = manifest.spec.evaluator.as_ref();
    EvaluatorFacts {
        bundle: manifest.name.clone(),
        digest: *bundle.digest(),
        held_out: evaluator.map(|evaluator| evaluator.held_out.clone()).unwrap_or_default(),
        styles: evaluator.map(|evaluator| evaluator.styles.clone()).unwrap_or_default(),
        categories: if evaluator.is_some() { manifest.spec.categories.len() } else { 0 },
    }
}

/// Returns whether the evaluator's file is also one of the models that guide drawing.
fn judge_is_guide(bundle: &Bundle) -> bool {
    let files = &bundle.manifest().spec.files;
    let digest = |file: &str| files.get(file).map(|listed| listed.sha256);
    digest(EVALUATOR)
        .is_some_and(|judge| [IMAGE_ENCODER, TEXT_ENCODER].iter().any(|guide| digest(guide) == Some(judge)))
}
