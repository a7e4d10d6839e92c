//! Reads style sets, cost models, and files of whichever kind.

use std::path::Path;

use super::costs::CostModel;
use super::draft::CampaignDraft;
use super::parse::{self, DocumentKind};
use super::problem::Problem;
use super::source;
use super::styleset::StyleSet;

/// A file of whichever kind.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Document {
    /// What to draw, as far as it could be read.
    Campaign(Box<CampaignDraft>),
    /// What to learn from.
    StyleSet(Box<StyleSet>),
    /// What it costs.
    CostModel(Box<CostModel>),
}

impl Document {
    /// Reads a file as the kind it names; one that names none is read as a campaign, whose problems then say so.
    ///
    /// # Errors
    ///
    /// Tells every problem of a style set or cost model, or says that the file cannot be read.
    pub fn load(path: &Path) -> Result<Self, Vec<Problem>> {
        let (bytes, file) = (source::read(path)?, path.display().to_string());
        let yaml = source::utf8(&bytes, &file)?;
        match parse::kind(yaml) {
            Some(DocumentKind::StyleSet) => StyleSet::parse(yaml, &file).map(|set| Self::StyleSet(Box::new(set))),
            Some(DocumentKind::CostModel) => {
                CostModel::parse(yaml, &file).map(|model| Self::CostModel(Box::new(model)))
            }
            _ => Ok(Self::Campaign(Box::new(CampaignDraft::parse(yaml, &file)))),
        }
    }
}

impl StyleSet {
    /// Reads a style set; `file` is the name that problems give it.
    ///
    /// # Errors
    ///
    /// Tells every problem of the text.
    pub fn parse(yaml: &str, file: &str) -> Result<Self, Vec<Problem>> {
        parse::styleset(yaml, file)
    }

    /// Reads a style set's bytes, which must be UTF-8.
    ///
    /// # Errors
    ///
    /// As [`StyleSet::parse`].
    pub fn parse_bytes(yaml: &[u8], file: &str) -> Result<Self, Vec<Problem>> {
        source::utf8(yaml, file).and_then(|yaml| Self::parse(yaml, file))
    }

    /// Reads a style set file, never more of it than `limits::FILE_BYTES`.
    ///
    /// # Errors
    ///
    /// As [`StyleSet::parse`], or says that the file cannot be read.
    pub fn load(path: &Path) -> Result<Self, Vec<Problem>> {
        Self::parse_bytes(&source::read(path)?, &path.display().to_string())
    }
}

impl CostModel {
    /// Reads a cost model; `file` is the name that problems give it.
    ///
    /// # Errors
    ///
    /// Tells every problem of the text.
    pub fn parse(yaml: &str, file: &str) -> Result<Self, Vec<Problem>> {
        parse::costs(yaml, file)
    }

    /// Reads a cost model's bytes, which must be UTF-8.
    ///
    /// # Errors
    ///
    /// As [`CostModel::parse`].
    pub fn parse_bytes(yaml: &[u8], file: &str) -> Result<Self, Vec<Problem>> {
        source::utf8(yaml, file).and_then(|yaml| Self::parse(yaml, file))
    }

    /// Reads a cost model file, never more of it than `limits::FILE_BYTES`.
    ///
    /// # Errors
    ///
    /// As [`CostModel::parse`], or says that the file cannot be read.
    pub fn load(path: &Path) -> Result<Self, Vec<Problem>> {
        Self::parse_bytes(&source::read(path)?, &path.display().to_string())
    }
}
