//! The study: which sheets are drawn, and what is learned from them.
//!
//! Takes an artist, a judge, the drawings' names. Returns [`Findings`]. Invariants: a choice is made from names that
//! are not judged; where drawing is not wanted, what was not drawn before is left out of the findings, never guessed.

use housestyle::base::error::{Error, Result};
use housestyle_study_common::drawings::{Drawings, MOST_SHOTS, NEW_HOUSE, Split};
use serde::Serialize;

use crate::choose::{Choice, Shares, Tried, choose, floor};
use crate::draw::{Artist, Sheet, houses};
use crate::judge::{Judge, Mark};
use crate::setting::{Arm, Asks, Names, Scale, Setting, Task};
use crate::words::Words;

/// Guidance that is tried: category, style.
pub const PULLS: [(f32, f32); 4] = [(3.0, 3.0), (3.0, 5.0), (5.0, 5.0), (7.0, 7.0)];
/// What the trained weights' move is multiplied with.
const STRENGTHS: [f32; 2] = [0.5, 1.5];

/// How much is drawn.
#[derive(Clone, Debug)]
pub struct Extent {
    /// λ that is tried.
    pub scales: Vec<f32>,
    /// Kept names of the nine houses; the new house takes all of them.
    pub kept: usize,
    /// How far the share of the category's top five may fall.
    pub may_lose: f64,
    /// Seeds of the test names, nine houses and the new one.
    pub seeds: (u64, u64),
    /// How far to go.
    pub until: Stage,
    /// What of it is drawn, where it was not before.
    pub draw: Drawing,
}

/// What is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Drawing {
    /// Every sheet.
    All,
    /// The test names; what is chosen is chosen from what was drawn before.
    Test,
    /// Nothing.
    None,
}

/// The parts of the study, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Stage {
    /// Guidance and λ on the names kept for choosing.
    Sweep,
    /// The test names.
    Test,
    /// Other looks, other categories, and knobs of drawing.
    Extras,
}

/// An arm on the test names.
#[derive(Clone, Debug, Serialize)]
pub struct Tested {
    /// Why this setting.
    pub choice: Choice,
    /// Every picture.
    #[serde(skip)]
    pub marks: Vec<Mark>,
}

/// Something tried beside the arms.
#[derive(Clone, Debug, Serialize)]
pub struct Extra {
    /// What.
    pub what: String,
    /// How.
    pub setting: Setting,
    /// Which names.
    pub names: Names,
    /// What came out.
    pub shares: Shares,
}

/// What one task's pictures say.
#[derive(Clone, Debug, Serialize)]
pub struct Findings {
    /// Which brands.
    pub task: Task,
    /// The least top-five share of the kept names that an arm may have.
    pub floor: f64,
    /// All settings tried, arm by arm.
    pub tried: Vec<Vec<Tried>>,
    /// The arms that were judged.
    pub tested: Vec<Tested>,
    /// Everything else.
    pub extras: Vec<Extra>,
}

/// Who studies.
pub struct Study<'a, 'b> {
    /// Draws.
    pub artist: Artist<'a>,
    /// Judges.
    pub judge: Judge,
    /// The names.
    pub drawings: &'b Drawings,
    /// The words.
    pub words: &'b Words,
    /// How much.
    pub extent: Extent,
}

impl Study<'_, '_> {
    /// One task with these arms. Choosing needs the stock encoder with the brand's name among what was drawn.
    pub fn of(&mut self, task: Task, arms: &[Arm]) -> Result<Findings> {
        let mut tried = Vec::new();
        for arm in arms {
            let scales = self.extent.scales.clone();
            let settings = scales.iter().flat_map(|scale| PULLS.map(|pull| Setting::new(task, *arm, pull, *scale)));
            let found = settings.map(|setting| self.shares(setting, Names::Kept)).collect::<Result<Vec<_>>>()?;
            tried.push(found.into_iter().flatten().collect::<Vec<_>>());
        }
        let named = arms
            .iter()
            .zip(&tried)
            .find(|(arm, _)| **arm == Arm::Name)
            .and_then(|(_, tried)| floor(tried, self.extent.may_lose));
        let mut findings =
            Findings { task, floor: named.unwrap_or_default(), tried, tested: Vec::new(), extras: Vec::new() };
        if self.extent.until < Stage::Test {
            return Ok(findings);
        }
        let floor = named.ok_or_else(|| {
            Error::invalid("no setting can be chosen before the stock encoder was asked for the brand's name")
                .hint("leave out --arms, or add `name` to it")
        })?;
        for choice in findings.tried.iter().filter_map(|tried| choose(tried, floor)) {
            let marks = self.tested(choice.tried.setting)?;
            if !marks.is_empty() {
                findings.tested.push(Tested { choice, marks });
            }
        }
        if self.extent.until >= Stage::Extras {
            findings.extras = self.extras(&findings)?;
        }
        Ok(findings)
    }

    /// The pictures of the test names, all seeds; none where nothing was drawn.
    fn tested(&mut self, setting: Setting) -> Result<Vec<Mark>> {
        let seeds = if setting.task == Task::Houses { self.extent.seeds.0 } else { self.extent.seeds.1 };
        let mut marks = Vec::new();
        for seed in 0..seeds {
            marks.extend(
                self.marks(&self.sheet(setting, Names::Test, seed), self.extent.draw != Drawing::None)?
                    .unwrap_or_default(),
            );
        }
        Ok(marks)
    }

    /// Knobs of drawing, and what the encoders do where they were not taught. All but the last on kept names.
    fn extras(&mut self, findings: &Findings) -> Result<Vec<Extra>> {
        let mut asked: Vec<(String, Setting, Names)> = Vec::new();
        for Tested { choice, .. } in &findings.tested {
            let setting = choice.tried.setting;
            let knobs = setting.arm == Arm::CrossEntropy || setting.arm.is_worded();
            if knobs {
                for strength in STRENGTHS {
                    asked.push((format!("move × {strength}"), Setting { strength, ..setting }, Names::Kept));
                }
            }
            if let (true, Scale::Even(scale)) = (knobs || setting.arm == Arm::Described, setting.scale) {
                asked.push((
                    "inner layers alone".into(),
                    Setting { scale: Scale::Inner(scale), ..setting },
                    Names::Kept,
                ));
                asked.push((
                    "outer layers alone".into(),
                    Setting { scale: Scale::Outer(scale), ..setting },
                    Names::Kept,
                ));
            }
            if findings.task == Task::NewHouse && (knobs || setting.arm == Arm::Described) {
                let described = Setting::new(findings.task, setting.arm, PULLS[0], 1.0);
                let other = Setting { asks: Asks::OtherLooks, ..described };
                asked.push(("other houses' looks".into(), other, Names::Kept));
                asked.push(("names that were brought".into(), setting, Names::Brought));
            }
        }
        let mut extras = Vec::new();
        for (what, setting, names) in asked {
            if let Some(Tried { shares, .. }) = self.shares(setting, names)? {
                extras.push(Extra { what, setting, names, shares });
            }
        }
        Ok(extras)
    }

    fn shares(&mut self, setting: Setting, names: Names) -> Result<Option<Tried>> {
        let marks = self.marks(&self.sheet(setting, names, 0), self.extent.draw == Drawing::All)?;
        Ok(marks.map(|marks| Tried { setting, shares: Shares::of(&marks) }))
    }

    fn marks(&mut self, sheet: &Sheet, draw: bool) -> Result<Option<Vec<Mark>>> {
        if draw {
            self.artist.draw(sheet)?;
        }
        self.judge.judge(&self.artist, sheet)
    }

    /// What a setting's sheet shows.
    pub fn sheet(&self, setting: Setting, kind: Names, seed: u64) -> Sheet {
        let brought = self.drawings.brought(0);
        let kept =
            if setting.asks == Asks::Brand && setting.task == Task::NewHouse { usize::MAX } else { self.extent.kept };
        let names = match kind {
            Names::Brought => brought.into_iter().take(MOST_SHOTS).collect(),
            Names::Kept => brought.into_iter().skip(MOST_SHOTS).take(kept).collect(),
            Names::Test => {
                let rows = self.drawings.rows().iter();
                rows.filter(|row| row.split == Split::Test && row.house == NEW_HOUSE)
                    .map(|row| row.name.clone())
                    .collect()
            }
        };
        Sheet { setting, kind, seed, houses: houses(self.words, NEW_HOUSE, &setting), names }
    }
}
