//! The drawings on disk, and who may see which of them.
//!
//! Takes `index.json` and `<house>/<name>.png`. Returns rows by split, and the names that brands bring. Invariants:
//! brands bring names of the few-shot split only; judged are drawings that no pretraining step saw.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use housestyle::appearance::picture;
use housestyle::base::digest::Digest;
use housestyle::base::error::{Context as _, Error, Kind, Result};
use housestyle::train::batch::StepRng;
use image::RgbImage;
use serde::Deserialize;

/// The house that no pretraining step saw.
pub const NEW_HOUSE: &str = "fxemoji";
/// Names a brand brings at most; the other few-shot names are kept to choose settings with.
pub const MOST_SHOTS: usize = 16;

/// A split of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// Seen whole in pretraining.
    Pretrain,
    /// What brands bring.
    Fewshot,
    /// What is judged.
    Test,
}

/// One drawing.
#[derive(Clone, Debug, Deserialize)]
pub struct Row {
    /// Who drew it.
    pub house: String,
    /// What it shows.
    pub name: String,
    /// Where its name belongs.
    pub split: Split,
    /// Whether the base models learned from this drawing.
    pub pretraining: bool,
}

/// A set of drawings on disk.
pub struct Drawings {
    folder: PathBuf,
    rows: Vec<Row>,
    digest: Digest,
}

impl Drawings {
    /// Reads the index.
    ///
    /// # Errors
    /// There is no index, or it is not one of drawings.
    pub fn open(folder: &Path) -> Result<Self> {
        let hint = "write the drawings there: housestyle-models data --pngs DIR (models/README.md)";
        let file = folder.join("index.json");
        let bytes = fs::read(&file)
            .map_err(|e| Error::unavailable(format!("no {}", file.display())).hint(hint).caused_by(e))?;
        let rows: Vec<Row> = serde_json::from_slice(&bytes)
            .context(Kind::Invalid, || format!("{} is not an index of drawings", file.display()))?;
        Ok(Self { folder: folder.to_owned(), rows, digest: Digest::of(bytes) })
    }

    /// What stands for the set: its index. (The pixels follow from the packages' versions.)
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// Every drawing, by its place.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Reads the pixels of one.
    ///
    /// # Errors
    /// Its file cannot be read or is no PNG.
    pub fn read(&self, row: &Row) -> Result<RgbImage> {
        let file = self.folder.join(&row.house).join(format!("{}.png", row.name));
        let bytes = fs::read(&file).context(Kind::Unavailable, || format!("cannot read {}", file.display()))?;
        picture::decode(&bytes, &file.display().to_string())
    }

    /// The names that every brand brings, in the order in which more shots add them.
    pub fn brought(&self, seed: u64) -> Vec<String> {
        let names: BTreeSet<&String> =
            self.rows.iter().filter(|r| r.split == Split::Fewshot).map(|r| &r.name).collect();
        let mut names: Vec<String> = names.into_iter().cloned().collect();
        StepRng::new(seed, 0).shuffle(&mut names);
        names
    }

    /// Places of the drawings that `judge` wants, in order.
    pub fn places(&self, judge: impl Fn(&Row) -> bool) -> Vec<usize> {
        self.rows.iter().enumerate().filter(|(_, row)| judge(row)).map(|(i, _)| i).collect()
    }
}
