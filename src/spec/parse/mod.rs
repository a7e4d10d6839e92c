//! Grammars: which keys each kind of file has, what each may hold, and what holds when it is left out.
//!
//! In: the text of a file. Out: what it describes, or all problems. What always holds: the `KEYS` of a kind are what its
//! JSON Schema says (a test compares them).

pub(super) mod campaign;
pub(super) mod costs;
pub(super) mod styleset;

use super::problem::Problem;
use super::reader::{Field, Object, Reader};
use super::template::Fault;
use super::{Campaign, CostModel, StyleSet, node};
use crate::base::currency::Currency;
use crate::base::limits;
use crate::base::names::Name;
use crate::base::text::{self, plain, show};
use std::fmt;

/// Value of `apiVersion`.
pub const API_VERSION: &str = "housestyle/v1";

/// The keys of every mapping of a kind, by the name of its type in the JSON Schema.
pub(super) type Keys = &'static [(&'static str, &'static [&'static str])];

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

/// Reads a campaign as far as possible; without problems, it is whole.
pub(super) fn campaign(yaml: &str, file: &str) -> (Option<Campaign>, Vec<Problem>) {
    let (read, Reader { places, problems }) = read(yaml, file, campaign::document);
    (read.map(|campaign| Campaign { source: yaml.into(), places, ..campaign }), problems)
}

/// Reads a whole style set.
pub(super) fn styleset(yaml: &str, file: &str) -> Result<StyleSet, Vec<Problem>> {
    match read(yaml, file, styleset::document) {
        (Some(set), Reader { places, problems }) if problems.is_empty() => Ok(StyleSet { source: yaml.into(), places, ..set }),
        (_, Reader { problems, .. }) => Err(Problem::tidy(problems)),
    }
}

/// Reads a whole cost model.
pub(super) fn costs(yaml: &str, file: &str) -> Result<CostModel, Vec<Problem>> {
    match read(yaml, file, costs::document) {
        (Some(model), Reader { places, problems }) if problems.is_empty() => {
            Ok(CostModel { source: yaml.into(), places, ..model })
        }
        (_, Reader { problems, .. }) => Err(Problem::tidy(problems)),
    }
}

/// What the file says it is, as far as that can be seen; what is wrong with it shows when it is read as that.
pub(super) fn kind(yaml: &str) -> Option<DocumentKind> {
    let node::Value::Map(entries) = node::parse(yaml).ok()?.value else { return None };
    let is = |node: &node::Node, word: &str| matches!(&node.value, node::Value::Text(text) if text == word);
    let (_, value) = entries.iter().find(|(key, _)| is(key, "kind"))?;
    DocumentKind::ALL.into_iter().find(|kind| is(value, kind.as_str()))
}

fn read<T>(yaml: &str, file: &str, document: impl FnOnce(&mut Reader, Field<'_>) -> Option<T>) -> (Option<T>, Reader) {
    let mut r = Reader::new(file);
    let read = match node::parse(yaml) {
        Ok(root) => r.visit("", &root, document),
        Err((line, column, reason)) => {
            r.problems.push(Problem { line, column, ..Problem::whole(file, reason) });
            None
        }
    };
    (read, r)
}

fn object<'a>(r: &mut Reader, field: Field<'a>, all: Keys, of: &str) -> Option<Object<'a>> {
    let (_, keys) = all.iter().find(|(name, _)| *name == of)?;
    r.object(field, keys)
}

/// The outermost mapping, with its version and kind checked.
fn document<'a>(r: &mut Reader, field: Field<'a>, all: Keys, kind: DocumentKind) -> Option<Object<'a>> {
    let doc = object(r, field, all, "Document")?;
    r.need(&doc, "apiVersion", |r, f| r.word(f, &[(API_VERSION, ())]));
    r.need(&doc, "kind", |r, f| r.word(f, &[(kind.as_str(), ())]));
    Some(doc)
}

fn name(r: &mut Reader, field: Field<'_>) -> Option<Name> {
    let node::Value::Text(text) = &field.node.value else { return r.text(field, str::parse) };
    match text.parse() {
        Ok(name) => Some(name),
        Err(reason) => {
            let slug = text::slug(text, limits::NAME);
            r.wrong(field, format!("{} {reason}", show(text)), Some(format!("`{slug}`")))
        }
    }
}

fn owner(r: &mut Reader, metadata: &Object<'_>) -> Option<Option<String>> {
    r.maybe(metadata, "owner", short_text)
}

/// A text for people that is not empty.
fn filled_text(longest: usize) -> impl Fn(&mut Reader, Field<'_>) -> Option<String> + Copy {
    move |r, field| {
        r.text(field, |text| match plain(text, longest)? {
            text if text.is_empty() => Err("is empty".into()),
            text => Ok(text),
        })
    }
}

fn short_text(r: &mut Reader, field: Field<'_>) -> Option<String> {
    filled_text(limits::SHORT_TEXT)(r, field)
}

fn words(r: &mut Reader, field: Field<'_>) -> Option<Vec<String>> {
    r.list(field, limits::ENTRIES, short_text)
}

/// A currency's three-letter code.
fn currency(r: &mut Reader, field: Field<'_>) -> Option<Currency> {
    r.text(field, str::parse)
}

/// Checks placeholders, keeping the template's own suggestion.
fn filled<T>(r: &mut Reader, field: Field<'_>, checked: Result<T, Fault>) -> Option<T> {
    checked.map_err(|fault| r.wrong::<T>(field, fault.reason, fault.suggestion.map(|s| format!("`{s}`")))).ok()
}
