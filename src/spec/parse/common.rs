//! What the grammars of all kinds of files share: the outermost mapping, and values that several of them hold.

use super::super::node::{self, YamlValue};
use super::super::problem::Problem;
use super::super::reader::{Field, Object, Reader};
use super::super::template::TemplateFault;
use super::kind::DocumentKind;
use crate::base::currency::Currency;
use crate::base::limits;
use crate::base::names::Name;
use crate::base::text::{self, plain, show};

/// Value of `apiVersion`.
pub(in crate::spec) const API_VERSION: &str = "housestyle/v1";

/// The keys of every mapping of a kind, by the name of its type in the JSON Schema.
pub(in crate::spec) type Keys = &'static [(&'static str, &'static [&'static str])];

pub(super) fn read<T>(
    yaml: &str,
    file: &str,
    document: impl FnOnce(&mut Reader, Field<'_>) -> Option<T>,
) -> (Option<T>, Reader) {
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

pub(super) fn object<'a>(r: &mut Reader, field: Field<'a>, all: Keys, of: &str) -> Option<Object<'a>> {
    let (_, keys) = all.iter().find(|(name, _)| *name == of)?;
    r.object(field, keys)
}

/// The outermost mapping, with its version and kind checked.
pub(super) fn document<'a>(r: &mut Reader, field: Field<'a>, all: Keys, kind: DocumentKind) -> Option<Object<'a>> {
    let doc = object(r, field, all, "Document")?;
    r.need(&doc, "apiVersion", |r, f| r.word(f, &[(API_VERSION, ())]));
    r.need(&doc, "kind", |r, f| r.word(f, &[(kind.as_str(), ())]));
    Some(doc)
}

pub(super) fn name(r: &mut Reader, field: Field<'_>) -> Option<Name> {
    let YamlValue::Text(text) = &field.node.value else { return r.text(field, str::parse) };
    match text.parse() {
        Ok(name) => Some(name),
        Err(reason) => {
            let slug = text::slug(text, limits::NAME);
            r.wrong(field, format!("{} {reason}", show(text)), Some(format!("`{slug}`")))
        }
    }
}

pub(super) fn owner(r: &mut Reader, metadata: &Object<'_>) -> Option<Option<String>> {
    r.maybe(metadata, "owner", short_text)
}

/// A text for people that is not empty.
pub(super) fn filled_text(longest: usize) -> impl Fn(&mut Reader, Field<'_>) -> Option<String> + Copy {
    move |r, field| {
        r.text(field, |text| match plain(text, longest)? {
            text if text.is_empty() => Err("is empty".into()),
            text => Ok(text),
        })
    }
}

pub(super) fn short_text(r: &mut Reader, field: Field<'_>) -> Option<String> {
    filled_text(limits::SHORT_TEXT)(r, field)
}

pub(super) fn words(r: &mut Reader, field: Field<'_>) -> Option<Vec<String>> {
    r.list(field, limits::ENTRIES, short_text)
}

/// A currency's three-letter code.
pub(super) fn currency(r: &mut Reader, field: Field<'_>) -> Option<Currency> {
    r.text(field, str::parse)
}

/// Checks placeholders, keeping the template's own suggestion.
pub(super) fn filled<T>(r: &mut Reader, field: Field<'_>, checked: Result<T, TemplateFault>) -> Option<T> {
    checked.map_err(|fault| r.wrong::<T>(field, fault.reason, fault.suggestion.map(|s| format!("`{s}`")))).ok()
}
