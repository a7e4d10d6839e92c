//! Rust source files as tokens, for the tests that read the crate's own code ([`crate::order`], [`crate::names`]).
//!
//! Takes text. Returns [`Token`]s without comments, without strings and without code that only tests compile. A token
//! is a word (identifier, keyword, number), a punctuation character, or `::`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// A piece of code and the line it stands on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub text: String,
    pub line: usize,
}

impl Token {
    pub fn is_word(&self) -> bool {
        self.text.starts_with(|c: char| c.is_alphabetic() || c == '_')
    }
}

/// Every Rust file under a folder with its text, by its path from the top of the repository.
pub fn files(folder: &str) -> BTreeMap<String, String> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut found, mut folders) = (BTreeMap::new(), vec![top.join(folder)]);
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).unwrap_or_else(|e| panic!("{}: {e}", next.display())) {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(top).unwrap().to_str().unwrap().replace('\\', "/");
                found.insert(name, fs::read_to_string(&path).unwrap());
            }
        }
    }
    assert!(!found.is_empty(), "no Rust files in {folder}");
    found
}

/// The tokens of a file.
pub fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let (mut tokens, mut at, mut line) = (Vec::new(), 0, 1);
    while let Some(&c) = chars.get(at) {
        let end = match c {
            '/' if chars.get(at + 1) == Some(&'/') => line_end(&chars, at),
            '/' if chars.get(at + 1) == Some(&'*') => comment_end(&chars, at),
            '"' => string_end(&chars, at),
            '\'' => quote_end(&chars, at),
            'r' | 'b' | 'c' if let Some(end) = prefixed_string_end(&chars, at) => end,
            _ if c.is_alphanumeric() || c == '_' => word_end(&chars, at),
            ':' if chars.get(at + 1) == Some(&':') => at + 2,
            _ => at + 1,
        };
        let piece: String = chars[at..end].iter().collect();
        let is_comment = piece.starts_with("//") || piece.starts_with("/*");
        // Strings and characters, with any prefix, and lifetimes.
        let is_quoted = piece.contains(['"', '\'']);
        if !c.is_whitespace() && !is_comment && !is_quoted {
            tokens.push(Token { text: piece.clone(), line });
        }
        line += piece.matches('\n').count();
        at = end;
    }
    tokens
}

fn line_end(chars: &[char], start: usize) -> usize {
    chars[start..].iter().position(|c| *c == '\n').map_or(chars.len(), |length| start + length)
}

/// Block comments may hold others.
fn comment_end(chars: &[char], start: usize) -> usize {
    let (mut at, mut depth) = (start, 0);
    while at < chars.len() {
        match (chars[at], chars.get(at + 1)) {
            ('/', Some('*')) => (at, depth) = (at + 2, depth + 1),
            ('*', Some('/')) => (at, depth) = (at + 2, depth - 1),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn string_end(chars: &[char], start: usize) -> usize {
    let mut at = start + 1;
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(chars.len())
}

/// The end of a string with a prefix (`r#"…"#`, `b"…"`); `None` if this is no such string.
fn prefixed_string_end(chars: &[char], start: usize) -> Option<usize> {
    let letters = chars[start..].iter().take(2).take_while(|c| "rbc".contains(**c)).count();
    let is_raw = chars[start..start + letters].contains(&'r');
    let hashes = chars[start + letters..].iter().take_while(|c| **c == '#').count();
    let quote = start + letters + hashes;
    match chars.get(quote)? {
        '"' if is_raw => {
            let closing: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
            let length = chars[quote + 1..].windows(closing.len()).position(|window| window == closing)?;
            Some(quote + 1 + length + closing.len())
        }
        '"' if hashes == 0 => Some(string_end(chars, quote)),
        '\'' if hashes == 0 && letters == 1 && chars[start] == 'b' => Some(quote_end(chars, quote)),
        _ => None,
    }
}

/// The end of a character or of a lifetime, whose first character is a quote in both.
fn quote_end(chars: &[char], start: usize) -> usize {
    match (chars.get(start + 1), chars.get(start + 2)) {
        (Some('\\'), _) => {
            let mut at = start + 3;
            while at < chars.len() && chars[at] != '\'' {
                at += 1;
            }
            at + 1
        }
        (Some(_), Some('\'')) => start + 3,
        _ => word_end(chars, start + 1).max(start + 1),
    }
}

fn word_end(chars: &[char], start: usize) -> usize {
    let length = chars[start..].iter().take_while(|c| c.is_alphanumeric() || **c == '_').count();
    start + length
}

/// What is compiled without tests: no item with `#[cfg(test)]` is left. Also the names of the modules that only tests
/// compile and that have files of their own.
pub fn without_tests(tokens: &[Token]) -> (Vec<Token>, Vec<String>) {
    let (mut kept, mut modules, mut at) = (Vec::new(), Vec::new(), 0);
    while at < tokens.len() {
        let attribute = attribute_end(tokens, at);
        match attribute {
            Some(end) if is_for_tests(&tokens[at..end]) => {
                let mut item = end;
                while let Some(end) = attribute_end(tokens, item) {
                    item = end;
                }
                let end = item_end(tokens, item);
                if let Some(name) = module_declared(&tokens[item..end]) {
                    modules.push(name);
                }
                at = end;
            }
            Some(end) => {
                kept.extend_from_slice(&tokens[at..end]);
                at = end;
            }
            None => {
                kept.push(tokens[at].clone());
                at += 1;
            }
        }
    }
    (kept, modules)
}

/// The end of the attribute that begins here.
fn attribute_end(tokens: &[Token], at: usize) -> Option<usize> {
    let is = |at: usize, text: &str| tokens.get(at).is_some_and(|token| token.text == text);
    if !is(at, "#") {
        return None;
    }
    let open = if is(at + 1, "!") { at + 2 } else { at + 1 };
    is(open, "[").then(|| group_end(tokens, open))
}

/// Whether an attribute is `#[cfg(test)]` or asks for tests among other things.
fn is_for_tests(attribute: &[Token]) -> bool {
    let texts: Vec<&str> = attribute.iter().map(|token| token.text.as_str()).collect();
    matches!(texts.as_slice(), ["#", "[", "cfg", "(", "test", ..] | ["#", "[", "cfg", "(", "all", "(", "test", ..])
}

/// The end of the item, statement or field that begins here: behind its braces, semicolon or comma.
fn item_end(tokens: &[Token], start: usize) -> usize {
    let mut at = start;
    let is_use = tokens[start..].iter().take(6).any(|token| token.text == "use");
    while let Some(token) = tokens.get(at) {
        match token.text.as_str() {
            ";" | "," => return at + 1,
            "}" | ")" | "]" => return at,
            "{" if !is_use => return group_end(tokens, at),
            "{" | "(" | "[" => at = group_end(tokens, at),
            _ => at += 1,
        }
    }
    at
}

/// The end of the brackets that open here.
pub fn group_end(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    tokens.len()
}

/// The name in `mod name;`.
fn module_declared(item: &[Token]) -> Option<String> {
    let at = item.iter().position(|token| token.text == "mod")?;
    let ends = item.get(at + 2).is_some_and(|token| token.text == ";");
    ends.then(|| item[at + 1].text.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(code: &str) -> Vec<String> {
        without_tests(&tokens(code)).0.into_iter().map(|token| token.text).collect()
    }

    #[test]
    fn comments_strings_and_tests_are_left_out() {
        let code = "/* a /* b */ c */ use x; // d\n fn f<'a>(c: char) { g('\\'', b'x', \"h \\\" i\", r#\"j \" k\"#) }\n\
                    #[cfg(test)]\n#[allow(dead)]\nmod tests { use y; }\n#[cfg(test)] use z::{v, w};\nmod last;";
        let expected = "use x ; fn f < > ( c : char ) { g ( , , , ) } mod last ;";
        assert_eq!(texts(code).join(" "), expected);
        assert_eq!(tokens("a\n\"b\n\"\nc")[1], Token { text: "c".into(), line: 4 });
        assert_eq!(without_tests(&tokens("#[cfg(test)]\npub mod sample;\nmod real;")).1, ["sample"]);
    }
}
