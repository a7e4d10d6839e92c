//! `housestyle train STYLESET`: from a brand's pictures to a candidate version of a text encoder.
//!
//! Always holds: no picture is learned from before its rights are settled and written to the ledger, and none is written there that
//! could not be learned from; asked to stop, it stops within a step, keeps a checkpoint and goes on from there; nothing is promoted.

use crate::appearance::picture;
use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use super::{Context, Out, Outcome};
use crate::base::digest::Digest;
use crate::base::error::{Error, Kind, Result};
use crate::base::time::Timestamp;
use crate::base::version::{Branch, EncoderName};
use crate::pipeline::{Bundle, ModelLoader, Pipeline};
use crate::plan::Categories;
use crate::registry::ledger::Ledger;
use crate::registry::training_set::{Cleared, clear};
use crate::registry::{Base, Card, Draft, Registry};
use crate::spec::{Loss, Reference, StyleSet, words};
use crate::store::{Key, Store};
use crate::train::batch::{Example, Noise};
use crate::train::fit::{Checkpoint, Recipe, fit, split};
use crate::train::prepare::{Contrast, Lesson, Prepare, Wording};
use crate::train::step::Rates;
use crate::train::{Layout, Losses, Step, checkpoint, curve, measure};

/// AdamW's decay: low-rank weights are pulled back towards the stock encoder, gently.
const WEIGHT_DECAY: f32 = 0.01;

/// Arguments of `train`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The style set file (YAML)
    styleset: PathBuf,
    #[command(flatten)]
    out: Out,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report<'a> {
    /// The new version; none if training was stopped.
    version: Option<String>,
    folder: Option<String>,
    pictures: usize,
    steps: u32,
    best_step: u32,
    best_loss: Option<f32>,
    seconds: f64,
    scores: &'a BTreeMap<String, f64>,
    stopped: bool,
}

/// Trains.
pub fn run(args: Args, context: &Context) -> Result<Outcome> {
    let store = context.store(&args.out)?;
    let set = StyleSet::load(&args.styleset).map_err(|problems| context.problems(&problems))?;
    let folder = args.styleset.parent().unwrap_or(Path::new("."));
    let references = set.resolve(folder).map_err(|problems| context.problems(&problems))?;
    let bundle = context.bundle(&set.bundle)?;
    context.block_on(async {
        context.shutdown.on_signals();
        let training = Training { context, set, references, bundle, store };
        training.run().await
    })
}

struct Training<'a> {
    context: &'a Context,
    set: StyleSet,
    references: Vec<Reference>,
    bundle: Bundle,
    store: Arc<dyn Store>,
}

impl Training<'_> {
    async fn run(&self) -> Result<Outcome> {
        let started = Instant::now();
        self.check_labels()?;
        let cleared = self.clear_rights().await?;
        let loader = self.context.loader(self.bundle.clone())?;
        let mut step = Step::load(&loader, self.set.training.denoising > 0.0)?;
        if step.layout().rank != self.set.training.rank as usize {
            let (asked, has) = (self.set.training.rank, step.layout().rank);
            return Err(Error::invalid(format!("training.rank is {asked}, the bundle's training step has {has}"))
                .hint(format!("write `rank: {has}`, or export the bundle with the rank you want")));
        }
        let examples = match self.examples(&loader) {
            Err(_) if self.stopping() => return self.tell(None, &Checkpoint::new(Vec::new()), &BTreeMap::new(), started),
            examples => examples?,
        };
        let changed = Ledger::new(self.store.clone()).record(&cleared.entries).await?;
        for line in changed {
            self.context.say(format!("terms change, for every version that learned from it: {line}"));
        }
        let checkpoint = self.fit(&mut step, &examples).await?;
        let mut scores = BTreeMap::new();
        let card = match self.stopping() {
            true => None,
            false => match self.publish(cleared, step.layout(), &checkpoint, &mut scores, &loader).await {
                Err(_) if self.stopping() => None,
                card => Some(card?),
            },
        };
        self.tell(card.as_ref(), &checkpoint, &scores, started)
    }

    fn stopping(&self) -> bool {
        self.context.shutdown.requested()
    }

    /// A style encoder is later asked for by the set's own name: pictures of it must be there.
    fn check_labels(&self) -> Result<()> {
        let name = &self.set.name;
        let named = |reference: &Reference| reference.style.as_ref().is_none_or(|style| style == name);
        if self.set.branch == Branch::Category || self.references.iter().any(named) {
            return Ok(());
        }
        Err(Error::invalid(format!("no picture is an example of `{name}`, which is what campaigns would ask for"))
            .hint(format!("write `style: {name}` at the brand's own pictures, or rename the set")))
    }

    async fn clear_rights(&self) -> Result<Cleared> {
        let ledger = Ledger::new(self.store.clone());
        let revocations = ledger.revocations().await?;
        clear(&self.set, &self.references, &self.context.policy(), &revocations, Timestamp::now())
            .map_err(|problems| self.context.problems(&problems))
    }

    fn examples(&self, loader: &ModelLoader) -> Result<Vec<Example>> {
        let mut prepare = Prepare::load(loader)?;
        let name = self.set.name.as_str();
        let lesson = |reference: &Reference| {
            let style = reference.style.as_ref().map_or(name, |style| style.as_str());
            Lesson { category: words(&reference.category), style: style.into() }
        };
        let lessons: Vec<Lesson> = self.references.iter().map(lesson).collect();
        let contrast = match self.set.branch {
            Branch::Style => Contrast::Looks,
            Branch::Category => Contrast::Things,
        };
        self.context.say(format!("{} pictures of {name}; looking at them", lessons.len()));
        prepare.examples(&lessons, &self.wording(), contrast, &mut |i| {
            let reference = &self.references[i];
            match self.stopping() {
                true => Err(Error::new(Kind::Transient, "asked to stop")),
                false => picture::decode(&reference.read()?, &reference.file),
            }
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

    /// What the checkpoint belongs to: what is learned, how, from which pictures, with which bundle. Comments and names of people
    /// do not count.
    fn identity(&self) -> Result<Digest> {
        let pictures: Vec<_> = self.references.iter().map(|r| (r.sha256.hex(), &r.category, &r.style)).collect();
        let StyleSet { name, branch, prompt, training, .. } = &self.set;
        let all = (name, branch, prompt, training, pictures, self.bundle.digest());
        let all = serde_json::to_vec(&all).map_err(|e| Error::internal("cannot describe the training").caused_by(e))?;
        Ok(Digest::of(all))
    }

    /// Where the checkpoint lies: each training has its own, so that another set of the same name destroys none.
    fn checkpoint(&self) -> Result<Key> {
        let identity = self.identity()?;
        Key::new(format!("encoders/{}/{}/training-{}.safetensors", self.set.branch, self.set.name, &identity.hex()[..12]))
    }

    async fn fit(&self, step: &mut Step, examples: &[Example]) -> Result<Checkpoint> {
        let (training, identity, key) = (&self.set.training, self.identity()?, self.checkpoint()?);
        let found = self.store.get(&key).await?;
        let found = found.and_then(|bytes| checkpoint::read(&bytes, &identity, step.layout().parameters));
        if let Some(found) = &found {
            self.context.say(format!("going on from step {}", found.state.steps));
        }
        let begin = found.unwrap_or_else(|| Checkpoint::new(step.layout().initial(training.seed)));
        let layers = self.bundle.manifest().spec.cross_attention_layers;
        let noise = (training.denoising > 0.0).then(|| Noise {
            schedule: self.bundle.schedule(),
            style_scale: training.style_scale as f32,
            layers,
        });
        let progress = Progress::start(training.steps);
        let mut failed = None;
        let done = fit(step, examples, noise, &self.recipe(), begin, &mut |now, looked| {
            let stopping = self.stopping();
            if looked {
                progress.show(now);
            } else if !stopping {
                return ControlFlow::Continue(());
            }
            let kept = checkpoint::write(now, &identity).and_then(|bytes| {
                // The loop is synchronous; the local store's write is one rename.
                tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(self.store.put(&key, bytes)))
            });
            failed = kept.err();
            if failed.is_some() || self.context.shutdown.requested() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        progress.end();
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
            rates: Rates {
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

    async fn publish(
        &self,
        cleared: Cleared,
        layout: &Layout,
        checkpoint: &Checkpoint,
        scores: &mut BTreeMap<String, f64>,
        loader: &ModelLoader,
    ) -> Result<Card> {
        let weights = layout.write(&checkpoint.best.params)?;
        if let Some(point) = checkpoint.history.iter().find(|point| point.step == checkpoint.best.step) {
            let Losses { loss, denoising, accuracy, .. } = point.validation.unwrap_or(point.training);
            let seen = [("loss", loss), ("denoising", denoising), ("identification", accuracy)];
            scores.extend(seen.map(|(name, value)| (name.to_owned(), f64::from(value))));
        }
        let mut look = None;
        if self.bundle.manifest().spec.evaluator.is_some() {
            self.context.say("drawing with the new version, for the evaluator");
            let mut pipeline = Pipeline::load(loader)?;
            let digest = Digest::of(&weights);
            pipeline.adopt(&digest, &weights)?;
            look = self.look(&mut pipeline)?;
            scores.extend(self.measure(&mut pipeline, &digest, look.as_deref())?);
        }
        let draft = Draft {
            encoder: EncoderName { branch: self.set.branch, name: self.set.name.clone() },
            base: Base { name: self.bundle.manifest().name.to_string(), digest: *self.bundle.digest() },
            parent: None,
            prompt: self.set.prompt.clone(),
            settings: self.set.training.clone(),
            pictures: cleared.lessons,
            grants: cleared.grants,
            scores: scores.clone(),
            look,
        };
        let curve = curve::draw(&checkpoint.history, checkpoint.best.step);
        let card = Registry::new(self.store.clone()).publish(&draft, &weights, Some(&curve)).await?;
        self.store.delete(&self.checkpoint()?).await?;
        Ok(card)
    }

    /// What the brand's own pictures look like to the evaluator: those that only validated, or all if none did.
    fn look(&self, pipeline: &mut Pipeline) -> Result<Option<Vec<f32>>> {
        if self.set.branch != Branch::Style {
            return Ok(None);
        }
        let training = &self.set.training;
        let (learned, held) = split(self.references.len(), training.validation, training.seed);
        let own = |i: &usize| self.references[*i].style.as_ref().is_none_or(|style| *style == self.set.name);
        let pick = |which: &[usize]| -> Vec<usize> { which.iter().copied().filter(own).collect() };
        let chosen = if pick(&held).is_empty() { pick(&learned) } else { pick(&held) };
        let mut embeddings = Vec::with_capacity(chosen.len());
        for i in chosen {
            let picture = picture::decode(&self.references[i].read()?, &self.references[i].file)?;
            embeddings.push(pipeline.classify(&picture)?.embedding);
        }
        Ok(measure::look(&embeddings))
    }

    /// Draws the set's own things with the new version, for the evaluator.
    fn measure(&self, pipeline: &mut Pipeline, version: &Digest, look: Option<&[f32]>) -> Result<BTreeMap<String, f64>> {
        let facts = self.bundle.facts();
        let known = Categories::of(&facts);
        let mut categories: Vec<&str> = self.references.iter().filter_map(|r| known.find(&r.category)).collect();
        categories.sort_unstable();
        categories.dedup();
        let subject = measure::Subject {
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

    fn tell(
        &self,
        card: Option<&Card>,
        checkpoint: &Checkpoint,
        scores: &BTreeMap<String, f64>,
        started: Instant,
    ) -> Result<Outcome> {
        let folder = card.map(|card| Registry::new(self.store.clone()).locate(&card.id)).transpose()?;
        let (steps, best) = (checkpoint.state.steps, &checkpoint.best);
        match card {
            Some(card) => {
                self.context.say(format!("{} is trained: {steps} steps, best after {}", card.id, best.step));
                for (name, value) in scores {
                    self.context.say(format!("  {name:<16}{value:.3}"));
                }
                self.context.say(format!("to use it: housestyle encoders promote {}", card.id));
            }
            None => self.context.say(format!("stopped after {steps} steps; run the same command again to go on")),
        }
        self.context.emit(&Report {
            version: card.map(|card| card.id.to_string()),
            folder,
            pictures: self.references.len(),
            steps,
            best_step: best.step,
            best_loss: best.loss.is_finite().then_some(best.loss),
            seconds: started.elapsed().as_secs_f64(),
            scores,
            stopped: card.is_none(),
        })?;
        Ok(if card.is_none() { Outcome::Stopped } else { Outcome::Done })
    }
}

/// A bar on a terminal, plain lines elsewhere.
struct Progress {
    bar: Option<ProgressBar>,
    steps: u32,
}

impl Progress {
    fn start(steps: u32) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{bar:32} {pos}/{len} {msg} · {eta} left");
            let target = ProgressDrawTarget::stderr();
            let bar = ProgressBar::with_draw_target(Some(u64::from(steps)), target);
            bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        Self { bar, steps }
    }

    fn show(&self, now: &Checkpoint) {
        let Some(point) = now.history.last() else { return };
        let held =
            point.validation.map_or(String::new(), |v| format!(", held out {:.3} ({:.0} %)", v.loss, 100.0 * v.accuracy));
        let message = format!("loss {:.3} ({:.0} % found){held}", point.training.loss, 100.0 * point.training.accuracy);
        match &self.bar {
            Some(bar) => {
                bar.set_position(u64::from(point.step));
                bar.set_message(message);
            }
            None => drop(writeln!(std::io::stderr().lock(), "step {}/{}: {message}", point.step, self.steps)),
        }
    }

    fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
