//! The arms: what each learns from the brands' pictures, and how it is judged.
//!
//! Takes a bundle, the drawings, a [`Cell`]. Returns its [`Scores`]. Invariants: every arm sees the same pictures,
//! and is judged on the same drawings with the same candidates; encoders learn for a fixed number of steps, the last
//! vector counts.

use std::collections::HashMap;
use std::ops::ControlFlow;

use housestyle::base::digest::Digest;
use housestyle::base::error::{Error, Result};
use housestyle::pipeline::{Bundle, ModelLoader};
use housestyle::spec::{describe, template, words};
use housestyle::train::batch::Example;
use housestyle::train::fit::{Checkpoint, Recipe, fit};
use housestyle::train::prepare::{Caption, ContrastAxis, PictureFeatures, Prepare, Wording};
use housestyle::train::probe::{Identifier, unit};
use housestyle::train::step::StepRates;
use housestyle::train::{Losses, TrainingStep};
use housestyle_study_common::drawings::{Drawings, MOST_SHOTS, NEW_HOUSE, Row, Split};
use serde::Serialize;

use crate::cells::{Arm, Cell, Scores, Task};
use crate::exam::{Exam, Judged, Style};
use crate::tip::{Asked, Cache};

/// How a brand is asked for, as in a style set.
const BRAND_PROMPT: &str = "a {category} emoji in {style} style";
/// As `housestyle train` has it.
const WEIGHT_DECAY: f32 = 0.01;
const MARGIN: f32 = 0.2;
/// Drawings of each other house that a contrasted style encoder sees.
const CONTRAST: usize = 4;

/// How encoders learn, and what is judged.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Settings {
    /// Steps of one encoder; one encoder for both tasks takes as many as the two together.
    pub steps: u32,
    /// AdamW's step length for styles.
    pub learning_rate: f32,
    /// The same for things, where there is less to learn and more to forget.
    pub category_learning_rate: f32,
    /// Judge on the names kept to choose settings with.
    pub validate: bool,
}

impl Settings {
    /// What a finished cell belongs to.
    pub fn digest(&self, bundle: &Bundle, drawings: &Drawings) -> Digest {
        Digest::of(format!("few-shot/v1 {self:?} {} {}", bundle.digest(), drawings.digest()))
    }
}

/// Everything loaded, and what the frozen models said so far.
pub struct Lab<'a> {
    loader: &'a ModelLoader,
    drawings: &'a Drawings,
    settings: Settings,
    prepare: Prepare,
    step: TrainingStep,
    stock: Identifier,
    seen: HashMap<usize, PictureFeatures>,
}

impl<'a> Lab<'a> {
    /// Loads the models.
    pub fn new(loader: &'a ModelLoader, drawings: &'a Drawings, settings: Settings) -> Result<Self> {
        let prepare = Prepare::load(loader)?;
        let step = TrainingStep::load(loader, false)?;
        let stock = Identifier::load(loader, None)?;
        Ok(Self { loader, drawings, settings, prepare, step, stock, seen: HashMap::new() })
    }

    /// Teaches the arm, and judges it.
    pub fn measure(&mut self, cell: Cell) -> Result<Scores> {
        let exam = self.exam(cell.task, cell.seed, self.settings.validate)?;
        let brand = |category: &str, style: &Style| describe(BRAND_PROMPT, category, &style.name);
        match cell.arm {
            Arm::ZeroShot => exam.judge(&mut self.stock, &brand),
            Arm::Described => {
                let spec = &self.loader.spec();
                let stock = |category: &str| template::fill(&spec.prompt.category, &[("category", &words(category))]);
                let described = |category: &str, style: &Style| {
                    template::fill(&spec.prompt.style, &[("prompt", &stock(category)), ("look", &style.look)])
                };
                exam.judge(&mut self.stock, &described)
            }
            Arm::TipAdapter => self.tip(cell, &exam, &brand),
            Arm::OneEncoder => {
                let both = [ContrastAxis::Styles, ContrastAxis::Categories];
                let mut one = self.train(cell, &both, 2 * self.settings.steps, (1.0, 0.0))?;
                exam.judge(&mut one, &brand)
            }
            Arm::CrossEntropy | Arm::Triplet | Arm::Contrasted => {
                let weights = if cell.arm == Arm::Triplet { (0.0, 1.0) } else { (1.0, 0.0) };
                let mut style = self.train(cell, &[ContrastAxis::Styles], self.settings.steps, weights)?;
                let mut category = self.train(cell, &[ContrastAxis::Categories], self.settings.steps, weights)?;
                exam.judge_two(&mut style, &mut category, &brand)
            }
        }
    }

    /// What the frozen models say about a drawing; each is looked at once.
    fn see(&mut self, place: usize) -> Result<&PictureFeatures> {
        if !self.seen.contains_key(&place) {
            let picture = self.drawings.read(&self.drawings.rows()[place])?;
            let seen = self.prepare.see(&picture)?;
            self.seen.insert(place, seen);
        }
        self.seen.get(&place).ok_or_else(|| Error::internal("a drawing was lost"))
    }

    /// The drawings judged and the candidates.
    fn exam(&mut self, task: Task, seed: u64, kept: bool) -> Result<Exam> {
        let brought = self.drawings.brought(seed);
        let brought = &brought[..MOST_SHOTS.min(brought.len())];
        let judged = |row: &Row| match kept {
            true => row.split == Split::Fewshot && !brought.contains(&row.name),
            false => row.split == Split::Test,
        };
        let known = |row: &Row| task == Task::NewHouse || row.house != NEW_HOUSE;
        let mut pictures = Vec::new();
        for place in self.drawings.places(|row| judged(row) && known(row) && !row.pretraining) {
            let Row { house, name, .. } = self.drawings.rows()[place].clone();
            let feature = self.see(place)?.features.first().cloned().unwrap_or_default();
            pictures.push(Judged { house, name, feature });
        }
        let spec = &self.loader.spec();
        let style = |style: &housestyle::pipeline::bundle::manifest::BundleStyle| Style {
            name: style.name.to_string(),
            look: style.look.clone(),
        };
        let (new, houses): (Vec<Style>, Vec<Style>) = spec.styles.iter().map(style).partition(|s| s.name == NEW_HOUSE);
        let styles = match task {
            Task::Houses => houses,
            Task::NewHouse => [new, houses].concat(),
        };
        let (category, described) = (spec.prompt.category.clone(), spec.prompt.style.clone());
        Ok(Exam { task, pictures, styles, categories: spec.categories.clone(), category, described })
    }

    /// The pictures that the brands bring: places, and what they show.
    fn lessons(&self, cell: Cell, contrast: ContrastAxis) -> (Vec<usize>, Vec<Caption>) {
        let brought = self.drawings.brought(cell.seed);
        let names = &brought[..cell.shots.min(brought.len())];
        let brand = |row: &Row| (row.house == NEW_HOUSE) == (cell.task == Task::NewHouse);
        let mut places =
            self.drawings.places(|row| brand(row) && row.split == Split::Fewshot && names.contains(&row.name));
        if cell.arm == Arm::Contrasted && contrast == ContrastAxis::Styles {
            let others =
                self.drawings.places(|row| !brand(row) && row.split == Split::Fewshot && brought.contains(&row.name));
            let mut count: HashMap<String, usize> = HashMap::new();
            places.extend(others.into_iter().filter(|place| {
                let count = count.entry(self.drawings.rows()[*place].house.clone()).or_default();
                *count += 1;
                *count <= CONTRAST
            }));
        }
        let rows = places.iter().map(|place| &self.drawings.rows()[*place]);
        let lessons = rows.map(|row| Caption { category: words(&row.name), style: row.house.clone() }).collect();
        (places, lessons)
    }

    /// How the pictures are put into words for a contrast. Where every house is a brand, no look is described to
    /// anybody; where one is new, the others are what the base models can be told of, as in `housestyle train`.
    fn wording(&self, task: Task, contrast: ContrastAxis) -> Wording {
        let spec = &self.loader.spec();
        let looks = spec.styles.iter().filter(|_| task == Task::NewHouse).map(|s| (s.name.to_string(), s.look.clone()));
        Wording {
            prompt: if contrast == ContrastAxis::Styles { BRAND_PROMPT.into() } else { spec.prompt.category.clone() },
            category: spec.prompt.category.clone(),
            described: spec.prompt.style.clone(),
            looks: looks.collect(),
            things: spec.categories.iter().map(|category| words(category)).collect(),
        }
    }

    /// Fine-tunes an encoder on the brands' pictures, on one contrast or both at once.
    fn train(
        &mut self,
        cell: Cell,
        contrasts: &[ContrastAxis],
        steps: u32,
        (cross_entropy, triplet): (f32, f32),
    ) -> Result<Identifier> {
        let mut examples = Vec::new();
        for contrast in contrasts {
            let wording = self.wording(cell.task, *contrast);
            let (places, lessons) = self.lessons(cell, *contrast);
            for (place, lesson) in places.iter().zip(&lessons) {
                let PictureFeatures { features, latents } = self.see(*place)?.clone();
                examples.push(Example {
                    features,
                    latents,
                    ..self.prepare.example(lesson, &lessons, &wording, *contrast)?
                });
            }
        }
        let learning_rate = match contrasts {
            [ContrastAxis::Categories] => self.settings.category_learning_rate,
            _ => self.settings.learning_rate,
        };
        let rates = StepRates {
            learning_rate,
            weight_decay: WEIGHT_DECAY,
            cross_entropy,
            triplet,
            denoising: 0.0,
            margin: MARGIN,
        };
        let recipe = Recipe { rates, steps, validation: 0.0, patience: 0, seed: cell.seed };
        let begin = Checkpoint::new(self.step.layout().initial(cell.seed));
        let done = fit(&mut self.step, &examples, None, &recipe, begin, &mut |_, _| ControlFlow::Continue(()))?;
        if let Some(Losses { loss, accuracy, .. }) = done.history.last().map(|point| point.training) {
            eprintln!("  {contrasts:?}: {} examples, loss {loss:.3} ({:.0} % found)", examples.len(), 100.0 * accuracy);
        }
        let trained = Some((self.step.layout(), &done.state.params[..]));
        Identifier::load(self.loader, trained)
    }

    /// Stock CLIP with a cache of the pictures; how much the cache says is chosen on the names kept for that.
    fn tip(&mut self, cell: Cell, exam: &Exam, brand: &dyn Fn(&str, &Style) -> String) -> Result<Scores> {
        let kept = self.exam(cell.task, cell.seed, true)?;
        let (places, lessons) = self.lessons(cell, ContrastAxis::Styles);
        let (mut styles, mut things) = (Cache::default(), Cache::default());
        for (place, lesson) in places.iter().zip(&lessons) {
            let features = &self.see(*place)?.features;
            let sum = features.iter().map(|f| unit(f)).reduce(|a, b| a.iter().zip(b).map(|(x, y)| x + y).collect());
            let key = unit(&sum.unwrap_or_default());
            let style = exam.styles.iter().position(|style| style.name == lesson.style);
            let thing = exam.categories.iter().position(|category| words(category) == lesson.category);
            let (Some(style), Some(thing)) = (style, thing) else { continue };
            styles.keys.push((key.clone(), style));
            things.keys.push((key, thing));
        }
        let scale = self.step.layout().logit_scale;
        let mut ask = |exam: &Exam| -> Result<(Vec<Asked>, Vec<Asked>)> {
            Ok((exam.styles_asked(&mut self.stock, brand, scale)?, exam.things_asked(&mut self.stock, scale)?))
        };
        let (for_styles, for_things) = ask(&kept)?;
        let (style_weights, thing_weights) = (styles.search(&for_styles), things.search(&for_things));
        eprintln!("  style {style_weights:?}, category {thing_weights:?}");
        let (asked_styles, asked_things) = ask(exam)?;
        let style = asked_styles.iter().map(|asked| styles.logits(asked, style_weights)).collect::<Vec<_>>();
        let thing = asked_things.iter().map(|asked| things.logits(asked, thing_weights)).collect::<Vec<_>>();
        let kept = exam.kept(&mut self.stock, brand)?;
        Ok(Scores { kept, ..exam.scores(&style, &thing) })
    }
}
