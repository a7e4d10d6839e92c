//! Reads checked values from the tree of a file and collects every problem on the way.
//!
//! Takes [`YamlNode`]s; returns checked values, `None` where something was wrong.
//!
//! # Invariants
//!
//! `None` means that at least one problem was noted, so a document without problems is complete.

use std::collections::{BTreeMap, BTreeSet};

use super::node::{YamlNode, YamlValue};
use super::problem::{Places, Problem};
use crate::base::{limits, text};

/// Notes places and problems while a document is read.
pub(super) struct Reader {
    pub places: Places,
    pub problems: Vec<Problem>,
}

/// A value that is being read and the path of keys that led to it.
#[derive(Clone, Copy)]
pub(super) struct Field<'a> {
    pub node: &'a YamlNode,
    pub path: &'a str,
}

/// A mapping whose keys are known to be known.
pub(super) struct Object<'a> {
    path: String,
    fields: Vec<(&'a str, &'a YamlNode)>,
}

impl Reader {
    pub(super) fn new(file: &str) -> Self {
        Self { places: Places::new(file), problems: Vec::new() }
    }

    /// Notes that `field` is wrong.
    pub(super) fn wrong<T>(
        &mut self,
        field: Field<'_>,
        reason: impl Into<String>,
        suggestion: Option<String>,
    ) -> Option<T> {
        self.problems.push(self.places.problem(field.path, reason, suggestion));
        None
    }

    fn expected<T>(&mut self, field: Field<'_>, what: &str) -> Option<T> {
        let quoted = match &field.node.value {
            YamlValue::Bool(b) if what.starts_with("a text") => Some(format!("{:?}", b.to_string())),
            YamlValue::Integer(n) if what.starts_with("a text") => Some(format!("{:?}", n.to_string())),
            _ => None,
        };
        self.wrong(field, format!("expected {what}, got {}", field.node.value.describe()), quoted)
    }

    /// The value as entries of a mapping; keys that are no texts or come twice are noted.
    pub(super) fn entries<'a>(&mut self, field: Field<'a>) -> Option<Vec<(&'a str, &'a YamlNode)>> {
        let YamlValue::Map(entries) = &field.node.value else {
            return self.expected(field, "a mapping of keys to values");
        };
        let mut fields: Vec<(&str, &YamlNode)> = Vec::new();
        let mut seen = BTreeSet::new();
        for (key, value) in entries {
            let YamlValue::Text(name) = &key.value else {
                self.at_key(field.path, key, format!("expected a text as key, got {}", key.value.describe()), None);
                continue;
            };
            if !seen.insert(name) {
                self.at_key(field.path, key, format!("the key {} stands here twice", text::show(name)), None);
                continue;
            }
            fields.push((name, value));
        }
        Some(fields)
    }

    /// The value as a mapping that may hold `keys` and nothing else.
    pub(super) fn object<'a>(&mut self, field: Field<'a>, keys: &[&str]) -> Option<Object<'a>> {
        let mut fields = self.entries(field)?;
        let YamlValue::Map(nodes) = &field.node.value else { return None };
        fields.retain(|(name, _)| keys.contains(name));
        for (key, _) in nodes {
            if let YamlValue::Text(name) = &key.value
                && !keys.contains(&name.as_str())
            {
                // Only the first problems are shown, and looking for every suggestion would take seconds.
                let readable = self.problems.len() < limits::PROBLEMS;
                let suggestion =
                    if readable { text::nearest(name, keys.iter().copied()) } else { None }.map(|k| format!("`{k}`"));
                let known =
                    if suggestion.is_none() { format!("; known here: {}", keys.join(", ")) } else { String::new() };
                self.at_key(field.path, key, format!("unknown key {}{known}", text::show(name)), suggestion);
            }
        }
        Some(Object { path: field.path.into(), fields })
    }

    /// Notes a problem at a key rather than at its value.
    fn at_key(&mut self, path: &str, key: &YamlNode, reason: String, suggestion: Option<String>) {
        let problem = self.places.problem(path, reason, suggestion);
        self.problems.push(Problem { line: key.line, column: key.column, ..problem });
    }

    /// Reads `key`, which must be there.
    pub(super) fn need<T>(
        &mut self,
        object: &Object<'_>,
        key: &str,
        read: impl FnOnce(&mut Self, Field<'_>) -> Option<T>,
    ) -> Option<T> {
        if let Some(found) = self.find(object, key, read) {
            return found;
        }
        self.problems.push(self.places.problem(&object.path, format!("the key `{key}` is missing"), None));
        None
    }

    /// Reads `key` if it is there; without it, `default` holds.
    pub(super) fn or<T>(
        &mut self,
        object: &Object<'_>,
        key: &str,
        default: T,
        read: impl FnOnce(&mut Self, Field<'_>) -> Option<T>,
    ) -> Option<T> {
        self.find(object, key, read).unwrap_or(Some(default))
    }

    /// Reads `key` if it is there.
    pub(super) fn maybe<T>(
        &mut self,
        object: &Object<'_>,
        key: &str,
        read: impl FnOnce(&mut Self, Field<'_>) -> Option<T>,
    ) -> Option<Option<T>> {
        self.find(object, key, read).map_or(Some(None), |value| value.map(Some))
    }

    /// Reads `key`, of which null is a value: `None`. Without the key, `default` holds.
    pub(super) fn or_null<T>(
        &mut self,
        object: &Object<'_>,
        key: &str,
        default: Option<T>,
        read: impl FnOnce(&mut Self, Field<'_>) -> Option<T>,
    ) -> Option<Option<T>> {
        match object.fields.iter().find(|(name, _)| *name == key) {
            Some((_, node)) if matches!(node.value, YamlValue::Null) => Some(None),
            _ => self.find(object, key, read).map_or(Some(default), |value| value.map(Some)),
        }
    }

    fn find<T>(
        &mut self,
        object: &Object<'_>,
        key: &str,
        read: impl FnOnce(&mut Self, Field<'_>) -> Option<T>,
    ) -> Option<Option<T>> {
        let (_, node) = object.fields.iter().find(|(name, _)| *name == key)?;
        let path = if object.path.is_empty() { key.to_owned() } else { format!("{}.{key}", object.path) };
        Some(self.visit(&path, node, read))
    }

    /// Reads one value at `path`, after noting where it stands.
    pub(super) fn visit<T>(
        &mut self,
        path: &str,
        node: &YamlNode,
        read: impl FnOnce(&mut Self, Field<'_>) -> Option<T>,
    ) -> Option<T> {
        self.places.note(path, node.line, node.column);
        let field = Field { node, path };
        match node.value {
            YamlValue::Null => self.wrong(field, "has no value; give one or remove the key", None),
            _ => read(self, field),
        }
    }

    /// A list with one to `longest` entries, each read by `read`; all entries' problems are noted.
    pub(super) fn list<T>(
        &mut self,
        field: Field<'_>,
        longest: usize,
        read: impl FnMut(&mut Self, Field<'_>) -> Option<T>,
    ) -> Option<Vec<T>> {
        self.items(field, longest, read)?.into_iter().collect()
    }

    /// As [`Reader::list`], with `None` in the place of every entry that could not be read.
    pub(super) fn items<T>(
        &mut self,
        field: Field<'_>,
        longest: usize,
        mut read: impl FnMut(&mut Self, Field<'_>) -> Option<T>,
    ) -> Option<Vec<Option<T>>> {
        let YamlValue::List(nodes) = &field.node.value else { return self.expected(field, "a list") };
        match nodes.len() {
            0 => return self.wrong(field, "is empty; give at least one entry", None),
            n if n > longest => {
                return self.wrong(field, format!("has {n} entries, at most {longest} are allowed"), None);
            }
            _ => {}
        }
        Some(
            nodes
                .iter()
                .enumerate()
                .map(|(i, node)| self.visit(&format!("{}[{i}]", field.path), node, &mut read))
                .collect(),
        )
    }

    /// Notes every entry of the list at `field` that came before.
    pub(super) fn distinct<T: Ord>(&mut self, field: Field<'_>, items: &[Option<T>], name: impl Fn(&T) -> String) {
        let mut first = BTreeMap::new();
        for (i, item) in items.iter().enumerate().filter_map(|(i, item)| Some((i, item.as_ref()?))) {
            if let Some(before) = first.insert(item, i) {
                let reason = format!("{} stands in the list twice, first as entry {before}", text::show(&name(item)));
                self.problems.push(self.places.problem(&format!("{}[{i}]", field.path), reason, None));
            }
        }
    }

    /// A text, handed to `check`.
    pub(super) fn text<T>(&mut self, field: Field<'_>, check: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        match &field.node.value {
            YamlValue::Text(text) => match check(text) {
                Ok(value) => Some(value),
                Err(reason) => self.wrong(field, format!("{} {reason}", text::show(text)), None),
            },
            YamlValue::LongText(n) => {
                self.wrong(field, format!("is a text of {n} characters, which is far too long"), None)
            }
            _ => self.expected(field, "a text"),
        }
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(&mut self, field: Field<'_>, words: &[(&str, T)]) -> Option<T> {
        let all = || words.iter().map(|(word, _)| *word);
        let YamlValue::Text(text) = &field.node.value else {
            return self.expected(field, &format!("one of {}", all().collect::<Vec<_>>().join(", ")));
        };
        if let Some((_, value)) = words.iter().find(|(word, _)| word == text) {
            return Some(*value);
        }
        let suggestion = text::nearest(text, all()).map(|word| format!("`{word}`"));
        self.wrong(
            field,
            format!("{} is not known here; known: {}", text::show(text), all().collect::<Vec<_>>().join(", ")),
            suggestion,
        )
    }

    /// A whole number from `low` to `high`.
    pub(super) fn integer<T: TryFrom<i128>>(&mut self, field: Field<'_>, low: i128, high: i128) -> Option<T> {
        match field.node.value {
            YamlValue::Integer(n) if (low..=high).contains(&n) => {
                T::try_from(n).ok().or_else(|| self.wrong(field, "is too large", None))
            }
            YamlValue::Integer(_) | YamlValue::Number(_) => self.wrong(
                field,
                format!("expected a whole number from {low} to {high}, got {}", field.node.value.describe()),
                None,
            ),
            _ => self.expected(field, &format!("a whole number from {low} to {high}")),
        }
    }

    /// A finite number from `low` to `high`.
    pub(super) fn number(&mut self, field: Field<'_>, low: f64, high: f64) -> Option<f64> {
        let number = match field.node.value {
            YamlValue::Number(n) => n,
            // Any integer too long for a double's 53 bits is out of every range here anyway.
            YamlValue::Integer(n) => n as f64,
            _ => return self.expected(field, &format!("a number from {low} to {high}")),
        };
        // Adding zero turns -0.0 into 0.0, so that equal values also print, and hash, the same.
        if (low..=high).contains(&number) {
            Some(number + 0.0)
        } else {
            self.expected(field, &format!("a number from {low} to {high}"))
        }
    }
}
