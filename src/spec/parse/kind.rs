//! Which kind of file it is.

use std::fmt;

use super::super::node::{self, YamlNode, YamlValue};

/// What a file describes: the value of `kind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentKind {
    /// What to make.
    Campaign,
    /// What to learn from.
    StyleSet,
    /// What it costs.
    CostModel,
}

impl DocumentKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Campaign, Self::StyleSet, Self::CostModel];

    /// The value of `kind`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Campaign => "Campaign",
            Self::StyleSet => "StyleSet",
            Self::CostModel => "CostModel",
        }
    }
}

impl fmt::Display for DocumentKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Returns the kind that the file names, if it names one; problems are found when the file is read as that kind.
pub(in crate::spec) fn kind(yaml: &str) -> Option<DocumentKind> {
    let YamlValue::Map(entries) = node::parse(yaml).ok()?.value else { return None };
    let is = |node: &YamlNode, word: &str| matches!(&node.value, YamlValue::Text(text) if text == word);
    let (_, value) = entries.iter().find(|(key, _)| is(key, "kind"))?;
    DocumentKind::ALL.into_iter().find(|kind| is(value, kind.as_str()))
}
