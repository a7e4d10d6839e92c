//! Files of any kind: read within limits, as text, and as what they say they are.
//!
//! In: a path. Out: bytes, text or a [`Document`]. What always holds: only plain
//! files are opened, and never more than [`limits::FILE_BYTES`] of them are read.

use super::{CampaignDraft, CostModel, DocumentKind, Problem, StyleSet, parse};
use crate::base::limits;
use crate::io::files;
use std::path::Path;

/// A file of whichever kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Document {
    /// What to make, as far as it could be read.
    Campaign(Box<CampaignDraft>),
    /// What to learn from.
    StyleSet(Box<StyleSet>),
    /// What it costs.
    CostModel(Box<CostModel>),
}

impl Document {
    /// Reads a file as the kind it names; one that names none is read as a campaign, whose problems then say so.
    pub fn load(path: &Path) -> Result<Self, Vec<Problem>> {
        let (bytes, file) = (read(path)?, path.display().to_string());
        let yaml = utf8(&bytes, &file)?;
        match parse::kind(yaml) {
            Some(DocumentKind::StyleSet) => StyleSet::parse(yaml, &file).map(|set| Self::StyleSet(Box::new(set))),
            Some(DocumentKind::CostModel) => CostModel::parse(yaml, &file).map(|model| Self::CostModel(Box::new(model))),
            _ => Ok(Self::Campaign(Box::new(CampaignDraft::parse(yaml, &file)))),
        }
    }
}

/// The text of a file's bytes.
pub(super) fn utf8<'a>(bytes: &'a [u8], file: &str) -> Result<&'a str, Vec<Problem>> {
    std::str::from_utf8(bytes).map_err(|error| {
        let good = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
        let line = good.lines().count().max(1) + usize::from(good.ends_with('\n'));
        let column = good.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let place = |n| u32::try_from(n).unwrap_or(u32::MAX);
        let whole = Problem::whole(file, "the file is not UTF-8 text; save it as UTF-8");
        vec![Problem { line: place(line), column: place(column), ..whole }]
    })
}

/// The bytes of a plain file, if they are not too many.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Vec<Problem>> {
    files::read(path, limits::FILE_BYTES as u64)
        .map_err(|error| vec![Problem::whole(&path.display().to_string(), format!("cannot be read: {error}"))])
}
