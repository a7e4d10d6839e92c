//! Makes text from outside safe to print or to name a file by, or refuses it with a reason.
//!
//! # Invariants
//!
//! Text that passed [`escape`] holds no control or direction-changing character: it cannot move a cursor, colour a
//! terminal, start a log line or change the order in which it is shown.

use std::io;

use serde::Serialize;

use crate::base::limits;

/// How many characters of a text a message quotes.
const SHOWN: usize = 60;

/// Tells whether a character changes how *other* characters look or where they stand: controls, line separators,
/// bidirectional overrides, invisible marks and tag characters. Joiners (U+200C, U+200D) stay: some scripts and emoji
/// need them.
pub(crate) fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Returns the text with every unsafe character written as `\u{…}`; safe text is unchanged, so escaping twice is
/// harmless.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_unsafe(c) { out.extend(c.escape_unicode()) } else { out.push(c) }
    }
    out
}

/// Escapes a JSON document: unsafe characters stand only within its strings, where `\uXXXX` has the same meaning.
pub(crate) fn escape_json(document: &str) -> String {
    let mut out = String::with_capacity(document.len());
    for c in document.chars() {
        if is_unsafe(c) {
            out.extend(c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            out.push(c);
        }
    }
    out
}

/// Writes a value as one line of JSON, escaped as by [`escape_json`], without holding all of it in memory.
///
/// # Errors
///
/// Fails where the writer fails or the value cannot be written as JSON.
pub(crate) fn write_json(writer: impl io::Write, value: &impl Serialize) -> serde_json::Result<()> {
    struct Escaped;
    impl serde_json::ser::Formatter for Escaped {
        fn write_string_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
            writer.write_all(escape_json(fragment).as_bytes())
        }
    }
    value.serialize(&mut serde_json::Serializer::with_formatter(writer, Escaped))
}

/// Quotes the text for a message: shortened, escaped, between back-ticks.
pub fn show(text: &str) -> String {
    let mut rest = text.chars();
    let head: String = rest.by_ref().take(SHOWN).collect();
    format!("`{}{}`", escape(&head), if rest.next().is_some() { "…" } else { "" })
}

/// Checks a text for people (owner, label, prompt): not too long, nothing invisible in it.
/// Line breaks and tabs, which YAML's block texts bring along, become single spaces.
///
/// # Errors
///
/// Says that the text is too long, or which invisible character it holds.
pub fn plain(text: &str, longest: usize) -> Result<String, String> {
    let text = text.split(['\n', '\t', ' ']).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    if let Some(c) = text.chars().find(|c| is_unsafe(*c)) {
        return Err(format!("holds the invisible character U+{:04X}, which could mislead a reader", c as u32));
    }
    match text.chars().count() {
        n if n > longest => Err(format!("has {n} characters, at most {longest} are allowed")),
        _ => Ok(text),
    }
}

/// Checks a category's name: a [`plain`] text that is not empty and has no meaning in a path, a template or a page.
///
/// # Errors
///
/// Says what is wrong with the name.
pub fn category(text: &str) -> Result<String, String> {
    let text = plain(text, limits::SHORT_TEXT)?;
    if text.starts_with('.') || text.contains("..") {
        return Err("looks like a path; a category is a word or two, such as `red apple`".into());
    }
    if let Some(c) = text.chars().find(|c| r#"/\{}<>%"|*?:;$`"#.contains(*c)) {
        return Err(format!("holds {}, which is not allowed in a category", show(&c.to_string())));
    }
    if text.chars().any(char::is_alphanumeric) {
        Ok(text)
    } else {
        Err("is empty; a category is a word or two, such as `red apple`".into())
    }
}

/// Makes a file-name part that every file system takes: lower-case ASCII letters, digits and single dashes, at most
/// `longest` bytes, never empty.
pub(crate) fn slug(text: &str, longest: usize) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c.to_ascii_lowercase() {
            c if c.is_ascii_alphanumeric() => out.push(c),
            _ if !out.is_empty() && !out.ends_with('-') => out.push('-'),
            _ => {}
        }
        if out.len() >= longest {
            break;
        }
    }
    match out.trim_end_matches('-') {
        "" => "asset".into(),
        slug => slug.into(),
    }
}

/// Returns the candidate that was most likely meant by `word`, if one is near enough.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let word = word.to_lowercase();
    if word.chars().count() > limits::SHORT_TEXT {
        return None;
    }
    let near = |candidate: &str| {
        let distance = strsim::damerau_levenshtein(&word, &candidate.to_lowercase());
        let contained =
            word.len() >= 3 && candidate.len() >= 3 && (candidate.contains(&word) || word.contains(candidate));
        (distance <= 1 + word.chars().count() / 4 || contained).then_some(distance)
    };
    candidates.into_iter().filter_map(|c| near(c).map(|d| (d, c))).min().map(|(_, c)| c.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_hostile_text_harmlessly_and_briefly() {
        assert_eq!(show("\u{1b}[31mred\r\n"), "`\\u{1b}[31mred\\u{d}\\u{a}`");
        assert_eq!(show("\u{202e}gpj.exe"), "`\\u{202e}gpj.exe`");
        assert!(show(&"x".repeat(10_000_000)).chars().count() < 70);
    }

    #[test]
    fn json_stays_json_and_says_the_same() {
        let text = "\u{1b}[31m\r\n\u{202e}gpj\u{7f}\u{85}\u{e0041} \"狐\\";
        let escaped = escape_json(&serde_json::to_string(text).unwrap());
        let mut written = Vec::new();
        write_json(&mut written, &text).unwrap();
        assert_eq!(String::from_utf8(written).unwrap(), escaped);
        assert!(!escaped.contains(is_unsafe) && escaped.contains("\\u202egpj"), "{escaped}");
        assert_eq!(serde_json::from_str::<String>(&escaped).unwrap(), text);
    }

    #[test]
    fn slugs_are_safe_everywhere() {
        for (text, slug_is) in [
            ("Fox-Twemoji-1", "fox-twemoji-1"),
            ("../../etc/passwd", "etc-passwd"),
            ("狐", "asset"),
            ("a  b__c", "a-b-c"),
            ("", "asset"),
            ("CON", "con"),
            ("abcdefgh", "abcde"),
        ] {
            assert_eq!(slug(text, if text == "abcdefgh" { 5 } else { 50 }), slug_is, "{text}");
        }
    }

    #[test]
    fn refuses_categories_that_could_leave_their_place() {
        for text in
            ["../x", "/etc", "a\0b", "%2e%2e%2f", "<script>", "", "  ", "--", "\u{202e}xof", "{style}", ".hidden"]
        {
            assert!(category(text).is_err(), "{text:?}");
        }
        assert_eq!(category(" mrs. claus\n").unwrap(), "mrs. claus");
        assert!(category("piñata").is_ok() && category("1st-place-medal").is_ok());
    }

    #[test]
    fn finds_what_was_meant() {
        let styles = ["twemoji", "noto", "fluent-flat"];
        assert_eq!(nearest("twemojji", styles), Some("twemoji".into()));
        assert_eq!(nearest("fluent", styles), Some("fluent-flat".into()));
        assert_eq!(nearest("watercolour", styles), None);
    }
}
