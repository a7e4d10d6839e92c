//! Reads YAML that needs no positions (settings, `bundle.yaml`) into a type.
//!
//! # Invariants
//!
//! The error is one line, which shows the line of the file it is about.

use serde::de::DeserializeOwned;

use crate::base::error::{Error, Result};
use crate::base::text;

/// Reads a whole document.
///
/// # Errors
///
/// Says what is not readable as YAML or does not fit the type.
pub fn parse<T: DeserializeOwned>(yaml: &str) -> Result<T> {
    let options = serde_saphyr::options! { with_snippet: false };
    serde_saphyr::from_str_with_options(yaml, options).map_err(|e| {
        let line = e.location().and_then(|place| yaml.lines().nth(usize::try_from(place.line()).ok()?.checked_sub(1)?));
        let shown = line.map_or_else(String::new, |line| format!(": {}", text::show(line.trim())));
        Error::invalid(text::escape(&format!("{e}{shown}")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_line_that_shows_the_line_it_is_about() {
        let error = parse::<std::collections::BTreeMap<String, u32>>("a: 1\nb: m\u{1b}any\n").unwrap_err();
        assert!(error.to_string().ends_with("`b: m\\u{1b}any`"), "{error}");
        assert!(!error.to_string().contains('\n'));
        assert!(parse::<u32>("[").is_err() && parse::<u32>("").is_err());
    }
}
