//! The encoders: each arm learns once, and is kept as a file.
//!
//! Takes a bundle, the drawings, an arm. Returns its trained vector. Invariants: every arm learns from the same
//! pictures, for the same number of steps a task, at its last vector; a training that was stopped goes on where it
//! stopped.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use housestyle::base::digest::Digest;
use housestyle::base::error::{Context as _, Error, Kind, Result};
use housestyle::pipeline::ModelLoader;
use housestyle::spec::words;
use housestyle::train::batch::{DenoisingTerm, Example};
use housestyle::train::fit::{Checkpoint, Recipe, fit};
use housestyle::train::prepare::{Caption, ContrastAxis, Prepare, Wording};
use housestyle::train::step::StepRates;
use housestyle::train::{Losses, TrainingLayout, TrainingStep, checkpoint};
use housestyle_study_common::drawings::{Drawings, MOST_SHOTS, NEW_HOUSE, Split};

use crate::setting::{Arm, Task, said};
use crate::words::Words;

/// As `housestyle train` has it.
const WEIGHT_DECAY: f32 = 0.01;
const MARGIN: f32 = 0.2;
const DENOISING: f32 = 3.0;
/// Steps between two checkpoints.
const SAVE_EVERY: u32 = 20;

/// How encoders learn.
#[derive(Clone, Copy, Debug)]
pub struct Course {
    /// Steps of a style encoder; one encoder for both tasks takes as many as two.
    pub steps: u32,
    /// AdamW's step length.
    pub learning_rate: f32,
    /// Which pictures, which first weights, which batches.
    pub seed: u64,
}

/// An arm's weights of the losses, and λ in training.
#[derive(Clone, Copy, Debug)]
struct Losing {
    cross_entropy: f32,
    triplet: f32,
    denoising: f32,
    style_scale: f32,
}

impl Losing {
    fn of(arm: Arm) -> Self {
        let usual = Self { cross_entropy: 1.0, triplet: 0.0, denoising: DENOISING, style_scale: 0.5 };
        match arm {
            Arm::Triplet => Self { cross_entropy: 0.0, triplet: 1.0, ..usual },
            Arm::Undenoised => Self { denoising: 0.0, ..usual },
            Arm::Whole | Arm::Worded => Self { style_scale: 1.0, ..usual },
            Arm::WordedTriplet => Self { cross_entropy: 0.0, triplet: 1.0, style_scale: 1.0, ..usual },
            Arm::Name | Arm::Described | Arm::OneEncoder | Arm::CrossEntropy | Arm::WordedHalf => usual,
        }
    }
}

/// Who teaches: frozen models, pictures, and the folder of what was learned.
pub struct Teacher<'a> {
    /// The bundle's models.
    pub loader: &'a ModelLoader,
    /// The drawings.
    pub drawings: &'a Drawings,
    /// The words.
    pub words: &'a Words,
    /// How long and how fast.
    pub course: Course,
    /// Where trained vectors are kept.
    pub folder: PathBuf,
}

impl Teacher<'_> {
    /// The arm's trained vector and its layout; taught now if that was not done before.
    pub fn trained(&self, task: Task, arm: Arm) -> Result<(TrainingLayout, Vec<f32>)> {
        let Course { steps, learning_rate, seed } = self.course;
        let stem = format!("{}.{}.n{steps}-r{learning_rate}-seed{seed}", said(task), said(arm));
        let file = self.folder.join(format!("{stem}.safetensors"));
        let losing = Losing::of(arm);
        let name = if losing.denoising > 0.0 { "train_step_denoising/layout.json" } else { "train_step/layout.json" };
        let layout = TrainingLayout::parse(&self.loader.bundle().read(name)?, name)?;
        if let Some(bytes) = read(&file)? {
            let values = layout.read(&bytes, &file.display().to_string())?;
            return Ok((layout, values));
        }
        let begun = Instant::now();
        let values = self.teach(task, arm, losing, &self.folder.join(format!("{stem}.checkpoint")))?;
        eprintln!("{stem}: {:.0} s", begun.elapsed().as_secs_f64());
        write(&file, &layout.write(&values)?)?;
        Ok((layout, values))
    }

    fn teach(&self, task: Task, arm: Arm, losing: Losing, saved: &Path) -> Result<Vec<f32>> {
        let mut step = TrainingStep::load(self.loader, losing.denoising > 0.0)?;
        let examples = self.examples(task, arm)?;
        let Course { steps, learning_rate, seed } = self.course;
        let steps = if arm == Arm::OneEncoder { 2 * steps } else { steps };
        let Losing { cross_entropy, triplet, denoising, style_scale } = losing;
        let rates =
            StepRates { learning_rate, weight_decay: WEIGHT_DECAY, cross_entropy, triplet, denoising, margin: MARGIN };
        let recipe = Recipe { rates, steps, validation: 0.0, patience: 0, seed };
        let layers = self.loader.spec().cross_attention_layers;
        let noise =
            (denoising > 0.0).then(|| DenoisingTerm { schedule: self.loader.bundle().schedule(), style_scale, layers });
        let identity = Digest::of(format!(
            "{task:?} {arm:?} {recipe:?} {} {}",
            self.loader.bundle().digest(),
            self.drawings.digest()
        ));
        let found = read(saved)?.and_then(|bytes| checkpoint::read(&bytes, &identity, step.layout().parameters));
        let begin = found.unwrap_or_else(|| Checkpoint::new(step.layout().initial(seed)));
        let mut failed = None;
        let done = fit(&mut step, &examples, noise, &recipe, begin, &mut |state, looked| {
            if let (true, Some(point)) = (looked, state.history.last()) {
                let Losses { loss, denoising, accuracy, .. } = point.training;
                eprintln!(
                    "  {task:?} {arm:?} step {}: {loss:.3}, denoising {denoising:.4}, {:.0} %",
                    point.step,
                    100.0 * accuracy
                );
            }
            if state.state.steps.is_multiple_of(SAVE_EVERY) {
                failed = checkpoint::write(state, &identity).and_then(|bytes| write(saved, &bytes)).err();
            }
            if failed.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        failed.map_or(Ok(done.state.params), Err)
    }

    /// The brands' pictures, prepared; for one encoder each counts twice, as a look and as a thing.
    fn examples(&self, task: Task, arm: Arm) -> Result<Vec<Example>> {
        let names = self.drawings.brought(self.course.seed);
        let names = &names[..MOST_SHOTS.min(names.len())];
        let places = self.drawings.places(|row| {
            (row.house == NEW_HOUSE) == (task == Task::NewHouse)
                && row.split == Split::Fewshot
                && names.contains(&row.name)
        });
        let mut prepare = Prepare::load(self.loader)?;
        let (mut lessons, mut seen) = (Vec::new(), Vec::new());
        for place in places {
            let row = &self.drawings.rows()[place];
            lessons.push(Caption { category: words(&row.name), style: self.words.taught(arm, &row.house)?.1 });
            seen.push(prepare.see(&self.drawings.read(row)?)?);
        }
        let contrasts: &[ContrastAxis] = if arm == Arm::OneEncoder {
            &[ContrastAxis::Styles, ContrastAxis::Categories]
        } else {
            &[ContrastAxis::Styles]
        };
        let mut examples = Vec::new();
        for contrast in contrasts {
            let wording = self.wording(task, arm, *contrast)?;
            for (lesson, seen) in lessons.iter().zip(&seen) {
                let example = prepare.example(lesson, &lessons, &wording, *contrast)?;
                examples.push(Example { features: seen.features.clone(), latents: seen.latents.clone(), ..example });
            }
        }
        Ok(examples)
    }

    /// Where every house is a brand, no rival's look is described; beside a new house the others' are, as in
    /// `housestyle train`.
    fn wording(&self, task: Task, arm: Arm, contrast: ContrastAxis) -> Result<Wording> {
        let others = self.words.looks.iter().filter(|(name, _)| task == Task::NewHouse && name != NEW_HOUSE);
        Ok(Wording {
            prompt: match contrast {
                ContrastAxis::Styles => self.words.taught(arm, NEW_HOUSE)?.0.into(),
                ContrastAxis::Categories => self.words.category.clone(),
            },
            category: self.words.category.clone(),
            described: self.words.described.clone(),
            looks: others.cloned().collect(),
            things: self.words.things.iter().map(|thing| words(thing)).collect(),
        })
    }
}

/// A file's bytes, if it is there.
pub fn read(file: &Path) -> Result<Option<Vec<u8>>> {
    match fs::read(file) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(Error::unavailable(format!("cannot read {}", file.display())).caused_by(e)),
    }
}

/// Writes a file whole or not at all.
pub fn write(file: &Path, bytes: &[u8]) -> Result<()> {
    let cannot = || format!("cannot write {}", file.display());
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).context(Kind::Unavailable, cannot)?;
    }
    let part = file.with_added_extension("part");
    fs::write(&part, bytes).context(Kind::Unavailable, cannot)?;
    fs::rename(&part, file).context(Kind::Unavailable, cannot)
}
