//! Trains a text encoder on a brand's pictures: from a style set to a candidate version.
//!
//! # Invariants
//! No picture is used before its rights are checked and written to the ledger, and the ledger holds no picture that
//! may not be used. Asked to stop, training stops within a step, keeps a checkpoint and resumes from it the next
//! time. Nothing is promoted.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;
use tokio::runtime::Handle;

use super::failure::AppResult;
use super::progress::Progress;
use super::resources::App;
use crate::appearance::picture;
use crate::base::digest::Digest;
use crate::base::error::{self, Error, Kind};
use crate::base::time::Timestamp;
use crate::base::version::{Branch, EncoderName};
use crate::io::{blocking, wait_for};
use crate::pipeline::{Bundle, ModelLoader, Pipeline};
use crate::plan::Categories;
use crate::registry::ledger::Ledger;
use crate::registry::training_set::{ClearedImages, clear};
use crate::registry::{Base, Card, Draft, Registry};
use crate::spec::{Loss, Reference, StyleSet, words};
use crate::store::{Key, Store};
use crate::train::batch::{DenoisingTerm, Example};
use crate::train::fit::{Checkpoint, Recipe, Split, fit, split};
use crate::train::prepare::{Caption, ContrastAxis, Prepare, Wording};
use crate::train::step::StepRates;
use crate::train::{Losses, TrainingLayout, TrainingStep, checkpoint, curve, measure};

/// Weight decay of AdamW, which keeps the low-rank weights small and so the encoder close to the stock encoder.
const WEIGHT_DECAY: f32 = 0.01;

/// The request to train.
#[derive(Clone, Debug)]
pub(crate) struct TrainRequest {
    /// The style set file (YAML).
    pub styleset: PathBuf,
    /// The store's folder or `s3://BUCKET/PREFIX`; `None`: the setting `out`.
    pub out: Option<String>,
}

/// The result of a training.
#[derive(Debug, Serialize)]
pub(crate) struct TrainReport {
    /// The new version; `None` if training was stopped.
    pub version: Option<String>,
    /// The folder or prefix of its files.
    pub folder: Option<String>,
    /// Number of pictures in the style set.
    pub pictures: usize,
    /// Steps taken, including those before a stop.
    pub steps: u32,
    /// The step with the lowest loss, whose weights were kept.
    pub best_step: u32,
    /// The loss at that step, on held-out pictures if there are any.
    pub best_loss: Option<f32>,
    /// Seconds that this call took.
    pub seconds: f64,
    /// Scores of the new version, by name.
    pub scores: BTreeMap<String, f64>,
    /// Whether training was asked to stop.
    pub stopped: bool,
}

impl App {
    /// Trains a candidate version of a text encoder.
    ///
    /// # Errors
    /// Returns an error if the style set is invalid, rights forbid a picture, or bundle, store or models cannot be
    /// used.
    pub async fn train(&self, request: TrainRequest) -> AppResult<TrainReport> {
        let store = self.store(request.out.as_deref()).await?;
        let TrainingInput { set, references } = TrainingInput::load(request.styleset).await?;
        let bundle = self.bundle(&set.bundle).await?;
        check_labels(&set, &references)?;
        let revocations = Ledger::new(store.clone()).revocations().await?;
        let cleared = clear(&set, &references, &self.policy(), &revocations, Timestamp::now())?;
        let training = TrainingRun { app: self.clone(), runtime: Handle::current(), set, references, bundle, store };
        Ok(blocking(move || training.run(cleared)).await?)
    }
}

/// A style set with its pictures.
struct TrainingInput {
    set: StyleSet,
    references: Vec<Reference>,
}

impl TrainingInput {
    async fn load(path: PathBuf) -> AppResult<Self> {
        blocking(move || {
            let folder = path.parent().unwrap_or(Path::new("."));
            Ok(StyleSet::load(&path).and_then(|set| Ok(Self { references: set.resolve(folder)?, set })))
        })
        .await?
        .map_err(Into::into)
    }
}

/// Checks that a style set has pictures labelled with the set's own name, which is the style that campaigns ask for.
fn check_labels(set: &StyleSet, references: &[Reference]) -> error::Result<()> {
    let name = &set.name;
    let named = |reference: &Reference| reference.style.as_ref().is_none_or(|style| style == name);
    if set.branch == Branch::Category || references.iter().any(named) {
        return Ok(());
    }
    Err(Error::invalid(format!("no picture has the style `{name}`, the name that campaigns use"))
        .hint(format!("add `style: {name}` to the brand's own pictures, or rename the set")))
}

/// One training, which runs on a thread for blocking work.
struct TrainingRun {
    app: App,
    /// The async runtime that store requests run on.
    runtime: Handle,
    set: StyleSet,
    references: Vec<Reference>,
    bundle: Bundle,
    store: Arc<dyn Store>,
}

impl TrainingRun {
    fn run(&self, cleared: ClearedImages) -> error::Result<TrainReport> {
        let started = Instant::now();
        let loader = self.app.loader(self.bundle.clone())?;
        let mut step = TrainingStep::load(&loader, self.set.training.denoising > 0.0)?;
        if step.layout().rank != self.set.training.rank as usize {
            let (asked, has) = (self.set.training.rank, step.layout().rank);
            return Err(Error::invalid(format!("training.rank is {asked}, the bundle's training step has {has}"))
                .hint(format!("write `rank: {has}`, or export the bundle with the rank you want")));
        }
        let examples = match self.examples(&loader) {
            Err(_) if self.stopping() => {
                return self.summary(None, &Checkpoint::new(Vec::new()), BTreeMap::new(), started);
            }
            examples => examples?,
        };
        let changed = self.wait(Ledger::new(self.store.clone()).record(&cleared.entries))?;
        for terms in &changed {
            self.app.report(&Progress::TermsChanged(terms));
        }
        let checkpoint = self.fit(&mut step, &examples)?;
        let mut scores = BTreeMap::new();
        let card = if self.stopping() {
            None
        } else {
            match self.publish(cleared, step.layout(), &checkpoint, &mut scores, &loader) {
                Err(_) if self.stopping() => None,
                card => Some(card?),
            }
        };
        self.summary(card, &checkpoint, scores, started)
    }

    /// Blocks until a request to the store is done.
    fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        wait_for(&self.runtime, work)
    }

    fn stopping(&self) -> bool {
        self.app.shutdown.requested()
    }

    fn examples(&self, loader: &ModelLoader) -> error::Result<Vec<Example>> {
        let mut prepare = Prepare::load(loader)?;
        let name = self.set.name.as_str();
        let lesson = |reference: &Reference| {
            let style = reference.style.as_ref().map_or(name, |style| style.as_str());
            Caption { category: words(&reference.category), style: style.into() }
        };
        let lessons: Vec<Caption> = self.references.iter().map(lesson).collect();
        let contrast = match self.set.branch {
            Branch::Style => ContrastAxis::Styles,
            Branch::Category => ContrastAxis::Categories,
        };
        self.app.report(&Progress::ReadingPictures { count: lessons.len(), set: name });
        prepare.examples(&lessons, &self.wording(), contrast, &mut |i| {
            let reference = &self.references[i];
            if self.stopping() {
                return Err(Error::new(Kind::Transient, "asked to stop"));
            }
            picture::decode(&reference.read()?, &reference.file)
        })
    }

    fn wording(&self) -> Wording {
        let spec = &self.bundle.manifest().spec;
        Wording {
            prompt: self.set.prompt.clone(),
            category: spec.prompt.category.clone(),
            described: spec.prompt.style.clone(),
            looks: spec.styles.iter().map(|style| (style.name.to_string(), style.look.clone())).collect(),
            things: Vec::new(),
        }
    }

    /// Hashes what a checkpoint belongs to: style set, settings, pictures and bundle. Comments and names of people
    /// are left out.
    fn identity(&self) -> error::Result<Digest> {
        let pictures: Vec<_> = self.references.iter().map(|r| (r.sha256.hex(), &r.category, &r.style)).collect();
        let StyleSet { name, branch, prompt, training, .. } = &self.set;
        let all = (name, branch, prompt, training, pictures, self.bundle.digest());
        let all = serde_json::to_vec(&all).map_err(|e| Error::internal("cannot describe the training").caused_by(e))?;
        Ok(Digest::of(all))
    }

    /// Returns the checkpoint's key, which is unique to this training, so that another set of the same name does not
    /// overwrite it.
    fn checkpoint(&self) -> error::Result<Key> {
        let identity = self.identity()?;
        Key::new(format!(
            "encoders/{}/{}/training-{}.safetensors",
            self.set.branch,
            self.set.name,
            &identity.hex()[..12]
        ))
    }

    fn fit(&self, step: &mut TrainingStep, examples: &[Example]) -> error::Result<Checkpoint> {
        let (training, identity, key) = (&self.set.training, self.identity()?, self.checkpoint()?);
        let found = self.wait(self.store.get(&key))?;
        let found = found.and_then(|bytes| checkpoint::read(&bytes, &identity, step.layout().parameters));
        if let Some(found) = &found {
            self.app.report(&Progress::TrainingResumed { step: found.state.steps });
        }
        let begin = found.unwrap_or_else(|| Checkpoint::new(step.layout().initial(training.seed)));
        let layers = self.bundle.manifest().spec.cross_attention_layers;
        let noise = (training.denoising > 0.0).then(|| DenoisingTerm {
            schedule: self.bundle.schedule(),
            style_scale: training.style_scale as f32,
            layers,
        });
        let steps = training.steps;
        self.app.report(&Progress::TrainingStarted { steps });
        let mut failed = None;
        let done = fit(step, examples, noise, &self.recipe(), begin, &mut |now, looked| {
            let stopping = self.stopping();
            if looked {
                if let Some(point) = now.history.last() {
                    self.app.report(&Progress::TrainingPoint { point, steps });
                }
            } else if !stopping {
                return ControlFlow::Continue(());
            }
            let kept =
                checkpoint::write(now, &identity).and_then(|bytes| self.wait(self.store.put(&key, bytes.into())));
            failed = kept.err();
            if failed.is_some() || self.stopping() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        self.app.report(&Progress::TrainingEnded);
        let done = done?;
        match failed {
            Some(error) => Err(error),
            None => Ok(done),
        }
    }

    fn recipe(&self) -> Recipe {
        let training = &self.set.training;
        let (cross_entropy, triplet) = match training.loss {
            Loss::CrossEntropy => (1.0, 0.0),
            Loss::Triplet => (0.0, 1.0),
        };
        Recipe {
            rates: StepRates {
                learning_rate: training.learning_rate as f32,
                weight_decay: WEIGHT_DECAY,
                cross_entropy,
                triplet,
                denoising: training.denoising as f32,
                margin: training.margin as f32,
            },
            steps: training.steps,
            validation: training.validation,
            patience: training.patience,
            seed: training.seed,
        }
    }

    fn publish(
        &self,
        cleared: ClearedImages,
        layout: &TrainingLayout,
        checkpoint: &Checkpoint,
        scores: &mut BTreeMap<String, f64>,
        loader: &ModelLoader,
    ) -> error::Result<Card> {
        let weights = layout.write(&checkpoint.best.params)?;
        if let Some(point) = checkpoint.history.iter().find(|point| point.step == checkpoint.best.step) {
            let Losses { loss, denoising, accuracy, .. } = point.validation.unwrap_or(point.training);
            let seen = [("loss", loss), ("denoising", denoising), ("identification", accuracy)];
            scores.extend(seen.map(|(name, value)| (name.to_owned(), f64::from(value))));
        }
        let mut look = None;
        if self.bundle.manifest().spec.evaluator.is_some() {
            self.app.report(&Progress::Evaluating);
            let mut pipeline = Pipeline::load(loader)?;
            let digest = Digest::of(&weights);
            pipeline.adopt(&digest, &weights)?;
            look = self.look(&mut pipeline)?;
            scores.extend(self.measure(&mut pipeline, &digest, look.as_deref())?);
        }
        let draft = Draft {
            encoder: EncoderName { branch: self.set.branch, name: self.set.name.clone() },
            base: Base { name: self.bundle.manifest().name.clone(), digest: *self.bundle.digest() },
            parent: None,
            prompt: self.set.prompt.clone(),
            settings: self.set.training.clone(),
            pictures: cleared.lessons,
            grants: cleared.grants,
            scores: scores.clone(),
            look,
        };
        let curve = curve::draw(&checkpoint.history, checkpoint.best.step);
        let card = self.wait(Registry::new(self.store.clone()).publish(&draft, &weights, Some(&curve)))?;
        self.wait(self.store.delete(&self.checkpoint()?))?;
        Ok(card)
    }

    /// Returns the evaluator's mean embedding of the brand's own pictures: of the validation pictures, or of all if
    /// there are none.
    fn look(&self, pipeline: &mut Pipeline) -> error::Result<Option<Vec<f32>>> {
        if self.set.branch != Branch::Style {
            return Ok(None);
        }
        let training = &self.set.training;
        let Split { learn, validate } = split(self.references.len(), training.validation, training.seed);
        let own = |i: &usize| self.references[*i].style.as_ref().is_none_or(|style| *style == self.set.name);
        let pick = |which: &[usize]| -> Vec<usize> { which.iter().copied().filter(own).collect() };
        let chosen = if pick(&validate).is_empty() { pick(&learn) } else { pick(&validate) };
        let mut embeddings = Vec::with_capacity(chosen.len());
        for i in chosen {
            let picture = picture::decode(&self.references[i].read()?, &self.references[i].file)?;
            embeddings.push(pipeline.classify(&picture)?.embedding);
        }
        Ok(measure::look(&embeddings))
    }

    /// Draws the style set's categories with the new version and returns the evaluator's scores.
    fn measure(
        &self,
        pipeline: &mut Pipeline,
        version: &Digest,
        look: Option<&[f32]>,
    ) -> error::Result<BTreeMap<String, f64>> {
        let facts = self.bundle.facts();
        let known = Categories::of(&facts);
        let mut categories: Vec<&str> = self.references.iter().filter_map(|r| known.find(&r.category)).collect();
        categories.sort_unstable();
        categories.dedup();
        let subject = measure::MeasuredEncoder {
            name: &self.set.name,
            branch: self.set.branch,
            prompt: &self.set.prompt,
            style_scale: self.set.training.style_scale as f32,
            version: Some(version),
            look,
        };
        let briefs = measure::briefs(&categories);
        let marks = measure::draw(pipeline, &self.bundle, subject, &briefs, &|| self.stopping())?;
        Ok(measure::scores(&marks))
    }

    fn summary(
        &self,
        card: Option<Card>,
        checkpoint: &Checkpoint,
        scores: BTreeMap<String, f64>,
        started: Instant,
    ) -> error::Result<TrainReport> {
        let best = &checkpoint.best;
        Ok(TrainReport {
            folder: card.as_ref().map(|card| Registry::new(self.store.clone()).locate(&card.id)).transpose()?,
            version: card.as_ref().map(|card| card.id.to_string()),
            pictures: self.references.len(),
            steps: checkpoint.state.steps,
            best_step: best.step,
            best_loss: best.loss.is_finite().then_some(best.loss),
            seconds: started.elapsed().as_secs_f64(),
            scores,
            stopped: card.is_none(),
        })
    }
}
