//! Checks and fills templates: texts with `{placeholders}`, for prompts and for file names.
//!
//! # Invariants
//!
//! Filling is one pass, so a value that looks like a placeholder stays what it is.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::base::checked_text::checked_text;
use crate::base::{limits, text};

/// What may stand in `output.name`.
pub(crate) const NAME_FIELDS: [&str; 5] = ["category", "style", "index", "size", "campaign"];
/// What may stand in an asset's prompt.
pub(crate) const PROMPT_FIELDS: [&str; 1] = ["category"];
/// What may stand in a style set's prompt.
pub(crate) const STYLE_PROMPT_FIELDS: [&str; 2] = ["category", "style"];
/// What may stand in the category of a style set's pictures.
pub(crate) const STEM_FIELDS: [&str; 1] = ["stem"];

/// A fault of a template: the reason, and what was probably meant.
#[derive(Debug, PartialEq, Eq)]
pub struct TemplateFault {
    /// What is wrong.
    pub reason: String,
    /// What to write instead.
    pub suggestion: Option<String>,
}

impl TemplateFault {
    fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), suggestion: None }
    }
}

/// Checks that every placeholder of `template` is one of `fields` and that every brace is part of one.
///
/// # Errors
///
/// Says which placeholder or brace is wrong.
pub fn check(template: &str, fields: &[&str]) -> Result<(), TemplateFault> {
    let mut rest = template;
    while let Some(open) = rest.find(['{', '}']) {
        let Some((field, after)) = rest[open..].strip_prefix('{').and_then(|inner| inner.split_once('}')) else {
            return Err(TemplateFault::new("has a brace without its partner"));
        };
        if !fields.contains(&field) {
            let known = fields.iter().map(|f| format!("{{{f}}}")).collect::<Vec<_>>().join(", ");
            let suggestion = text::nearest(field, fields.iter().copied()).map(|f| format!("{{{f}}}"));
            return Err(TemplateFault {
                reason: format!("has an unknown placeholder {}; known: {known}", text::show(&format!("{{{field}}}"))),
                suggestion,
            });
        }
        rest = after;
    }
    Ok(())
}

/// Puts `values` where `template` names them; any other text stays as it is.
pub fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut out = String::with_capacity(template.len() + 32);
    let mut rest = template;
    while let Some(open) = rest.find('{') {
        out.push_str(&rest[..open]);
        rest = &rest[open..];
        let field = rest[1..]
            .split_once('}')
            .and_then(|(field, after)| Some((values.iter().find(|(name, _)| *name == field)?.1, after)));
        match field {
            Some((value, after)) => {
                out.push_str(value);
                rest = after;
            }
            None => {
                out.push('{');
                rest = &rest[1..];
            }
        }
    }
    out + rest
}

/// How files are named: `{category}-{style}-{index}`. The result is slugged and gets 8 hex digits of the job's id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NameTemplate(String);

impl Default for NameTemplate {
    fn default() -> Self {
        Self("{category}-{style}-{index}".into())
    }
}

impl NameTemplate {
    /// Reads a template, refusing what could name a place instead of a file.
    ///
    /// # Errors
    ///
    /// Says what is wrong with the template.
    pub fn new(template: &str) -> Result<Self, TemplateFault> {
        let template = text::plain(template, limits::NAME_TEMPLATE).map_err(TemplateFault::new)?;
        check(&template, &NAME_FIELDS)?;
        if template.is_empty() {
            return Err(TemplateFault::new("is empty"));
        }
        if template.contains("..") || template.starts_with('.') {
            return Err(TemplateFault::new("looks like a path; it names a file, its folder is decided by Housestyle"));
        }
        let extension = template.rsplit_once('.').filter(|(_, e)| ["png", "jpg", "jpeg", "webp", "json"].contains(e));
        if let Some((stem, _)) = extension {
            return Err(TemplateFault {
                reason: "has an extension; it is added by itself".into(),
                suggestion: Some(stem.into()),
            });
        }
        match template.chars().find(|c| !(c.is_ascii_alphanumeric() || " ._-{}".contains(*c))) {
            Some(c) => Err(TemplateFault::new(format!(
                "holds {}; use ASCII letters, digits, dashes and placeholders",
                text::show(&c.to_string())
            ))),
            None => Ok(Self(template)),
        }
    }

    /// Returns the file's stem without its digits: a slug.
    pub fn stem(&self, values: &[(&str, &str)]) -> String {
        text::slug(&fill(&self.0, values), limits::STEM)
    }
}

impl std::str::FromStr for NameTemplate {
    type Err = String;

    fn from_str(template: &str) -> Result<Self, String> {
        Self::new(template).map_err(|fault| fault.reason)
    }
}

impl fmt::Display for NameTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

checked_text!(
    NameTemplate,
    "^[A-Za-z0-9 {_-][A-Za-z0-9 ._{}-]{0,99}$",
    "Placeholders: {category}, {style}, {index}, {size}, {campaign}."
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fills_in_one_pass() {
        assert_eq!(fill("{prompt}, {look}", &[("prompt", "a {look}"), ("look", "flat")]), "a {look}, flat");
        assert_eq!(fill("{a}{b}{", &[("a", "1")]), "1{b}{");
    }

    #[test]
    fn finds_unknown_placeholders() {
        let fault = check("a {categroy} emoji", &PROMPT_FIELDS).unwrap_err();
        assert_eq!(fault.suggestion.as_deref(), Some("{category}"));
        for bad in ["{", "}", "{category", "category}", "{{category}}", "{}", "{ category }"] {
            assert!(check(bad, &PROMPT_FIELDS).is_err(), "{bad}");
        }
    }

    #[test]
    fn file_names_cannot_leave_their_folder() {
        for bad in [
            "",
            "../{index}",
            "/{index}",
            "a/b",
            "a\\b",
            "..",
            ".x",
            "%2e%2e",
            "a\0",
            "\u{1b}[1m",
            "{category}.png",
            "con:{index}",
            "\u{202e}",
        ] {
            assert!(NameTemplate::new(bad).is_err(), "{bad:?}");
        }
        let stem = NameTemplate::default().stem(&[("category", "Red Apple"), ("style", "noto"), ("index", "1")]);
        assert_eq!(stem, "red-apple-noto-1");
    }
}
