//! What is measured, and the file that remembers it.
//!
//! Takes a JSON-lines file, perhaps of an earlier run. Returns the scores of the cells that it holds. Invariants: a
//! line counts only for the very same bundle, drawings and settings; a line cut off by a crash is skipped and
//! measured again.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use housestyle::base::digest::Digest;
use housestyle::base::error::{Context as _, Error, Kind, Result};
use serde::{Deserialize, Serialize};

/// The question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// Nine houses as brands: the base models saw such drawings, but never the names.
    Houses,
    /// A house that nothing ever saw, among nine whose looks can be described.
    NewHouse,
}

/// Who answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Arm {
    /// Stock CLIP, given the brands' names.
    ZeroShot,
    /// Stock CLIP, given an expert's descriptions of the looks.
    Described,
    /// Tip-Adapter (Zhang et al. 2022) on stock CLIP.
    TipAdapter,
    /// One encoder that learns both tasks.
    OneEncoder,
    /// Control-CLIP: a style and a category encoder, cross-entropy.
    CrossEntropy,
    /// Control-CLIP: a style and a category encoder, triplet loss.
    Triplet,
    /// As `cross-entropy`, and the style encoder also sees a few drawings of the other houses.
    Contrasted,
}

impl Task {
    /// All, in the order of the table.
    pub const ALL: [Self; 2] = [Self::Houses, Self::NewHouse];
}

impl Arm {
    /// All, in the order of the table.
    pub const ALL: [Self; 7] = [
        Self::ZeroShot,
        Self::Described,
        Self::TipAdapter,
        Self::OneEncoder,
        Self::CrossEntropy,
        Self::Triplet,
        Self::Contrasted,
    ];

    /// Whether it is an arm of this question: where every house is a brand, each is shown to all.
    pub fn answers(self, task: Task) -> bool {
        self != Self::Contrasted || task == Task::NewHouse
    }

    /// Whether it looks at the brands' pictures.
    pub fn learns(self) -> bool {
        !matches!(self, Self::ZeroShot | Self::Described)
    }
}

/// One measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    /// The question.
    pub task: Task,
    /// Who answers.
    pub arm: Arm,
    /// Pictures a brand brings; 0 for what does not learn.
    pub shots: usize,
    /// What every random choice derives from.
    pub seed: u64,
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name =
            |value: Option<clap::builder::PossibleValue>| value.map(|v| v.get_name().to_owned()).unwrap_or_default();
        let (task, arm) = (name(self.task.to_possible_value()), name(self.arm.to_possible_value()));
        write!(f, "{task} {arm} {} shot(s) seed {}", self.shots, self.seed)
    }
}

/// What came out, as shares of the drawings judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// Style found among all brands, the thing being known. For a new house the mean of `found` and `spared`.
    pub style: f64,
    /// The brand's own drawings that are found to be its.
    pub found: f64,
    /// Others' drawings that are not taken for the brand's; 1 where every house is a brand.
    pub spared: f64,
    /// Thing found among all of the bundle's, by the encoder that learned things.
    pub category: f64,
    /// The same, among its first five.
    pub category_five: f64,
    /// Thing found among the judged names, the brand being known, by the encoder that learned styles: what it forgot
    /// shows here.
    pub kept: f64,
}

#[derive(Serialize, Deserialize)]
struct Line {
    setup: Digest,
    #[serde(flatten)]
    cell: Cell,
    #[serde(flatten)]
    scores: Scores,
    seconds: f64,
}

/// The finished cells of one setup.
pub struct Cells {
    file: PathBuf,
    setup: Digest,
    done: Vec<(Cell, Scores)>,
}

impl Cells {
    /// Reads what is there.
    pub fn open(file: &Path, setup: &Digest) -> Result<Self> {
        let text = match fs::read_to_string(file) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(e) => return Err(Error::unavailable(format!("cannot read {}", file.display())).caused_by(e)),
        };
        let lines = text.lines().filter_map(|line| serde_json::from_str::<Line>(line).ok());
        let done = lines.filter(|line| line.setup == *setup).map(|line| (line.cell, line.scores)).collect();
        Ok(Self { file: file.to_owned(), setup: *setup, done })
    }

    /// The scores of a finished cell.
    pub fn find(&self, cell: &Cell) -> Option<Scores> {
        self.done.iter().find(|(done, _)| done == cell).map(|(_, scores)| *scores)
    }

    /// Remembers a cell.
    pub fn add(&mut self, cell: Cell, scores: Scores, seconds: f64) -> Result<()> {
        let line = Line { setup: self.setup, cell, scores, seconds };
        let line =
            serde_json::to_string(&line).map_err(|e| Error::internal("cannot write a cell as JSON").caused_by(e))?;
        let cannot = || format!("cannot write {}", self.file.display());
        if let Some(folder) = self.file.parent() {
            fs::create_dir_all(folder).context(Kind::Unavailable, cannot)?;
        }
        let mut file =
            OpenOptions::new().create(true).append(true).open(&self.file).context(Kind::Unavailable, cannot)?;
        // The newline comes first too: a line that a crash cut off must not swallow this one.
        file.write_all(format!("\n{line}\n").as_bytes()).context(Kind::Unavailable, cannot)?;
        self.done.push((cell, scores));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finished_cells_are_found_again_and_broken_lines_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let (file, setup) = (folder.path().join("new/cells.jsonl"), Digest::of("this"));
        let cell = Cell { task: Task::Houses, arm: Arm::Triplet, shots: 4, seed: 1 };
        let scores = Scores { style: 0.5, ..Scores::default() };
        Cells::open(&file, &setup).unwrap().add(cell, scores, 1.0).unwrap();
        fs::OpenOptions::new().append(true).open(&file).unwrap().write_all(b"{\"setup\": \"cut o").unwrap();
        let next = Cell { seed: 2, ..cell };
        Cells::open(&file, &setup).unwrap().add(next, scores, 1.0).unwrap();
        let found = Cells::open(&file, &setup).unwrap();
        assert_eq!((found.find(&cell), found.find(&next), found.done.len()), (Some(scores), Some(scores), 2));
        assert_eq!(Cells::open(&file, &Digest::of("other")).unwrap().find(&cell), None);
    }
}
