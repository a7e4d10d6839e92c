//! How the images are written: format and file names.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::template::NameTemplate;

/// How the files are written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "Output", deny_unknown_fields, default)]
pub struct OutputSpec {
    /// The image format.
    pub format: Format,
    /// The files' names; eight hex digits of the job's id are added, so that no two are the same.
    pub name: NameTemplate,
}

/// Image formats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// PNG: lossless, carries its provenance.
    #[default]
    Png,
}

impl Format {
    /// Returns the file's extension.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
        }
    }
}
