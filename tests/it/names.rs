//! The names of the crate's types, and the width of its lines.
//!
//! A type that others can see (`pub`, `pub(crate)`, `pub(super)`) has a name of its own in the whole crate, so that a
//! search finds one definition. A private type may be called as it likes: nobody else reads it. In `src/cli` alone,
//! every command may have its `Args` and `Command`, as clap's users expect, provided that each says what it is for.

use std::collections::BTreeMap;

use crate::source::{Token, files, tokens, without_tests};

/// Characters of a line at most.
const WIDTH: usize = 120;
/// What each command may call its own types.
const OF_A_COMMAND: [&str; 2] = ["Args", "Command"];

/// The types that others can see: names and lines.
fn visible_types(code: &[Token]) -> Vec<(String, usize)> {
    let text = |at: usize| code.get(at).map_or("", |token| token.text.as_str());
    let mut types = Vec::new();
    for at in 0..code.len() {
        if text(at) != "pub" {
            continue;
        }
        // Behind `pub`, and the brackets of `pub(…)`.
        let mut item = at + 1;
        if text(item) == "(" {
            while text(item) != ")" {
                item += 1;
            }
            item += 1;
        }
        if text(item) == "unsafe" {
            item += 1;
        }
        let is_type = ["struct", "enum", "trait", "type", "union"].contains(&text(item));
        if is_type && code.get(item + 1).is_some_and(Token::is_word) {
            types.push((text(item + 1).to_owned(), code[item + 1].line));
        }
    }
    types
}

/// Whether a comment for the reader stands above a line, with attributes in between.
fn is_documented(source: &str, line: usize) -> bool {
    let above: Vec<&str> = source.lines().take(line - 1).collect();
    let mut above = above.iter().rev().map(|line| line.trim());
    above.find(|line| !line.starts_with('#') && !line.ends_with(']')).is_some_and(|line| line.starts_with("///"))
}

/// Each name that more than one visible type has, with where.
fn shared_names(sources: &BTreeMap<String, String>) -> Vec<String> {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let only_tests = files_of_tests(sources);
    for (file, source) in sources.iter().filter(|(file, _)| !only_tests.iter().any(|folder| is_of(file, folder))) {
        for (name, line) in visible_types(&without_tests(&tokens(source)).0) {
            let is_of_a_command = file.starts_with("src/cli/") && OF_A_COMMAND.contains(&name.as_str());
            if !(is_of_a_command && is_documented(source, line)) {
                places.entry(name).or_default().push(format!("{file}:{line}"));
            }
        }
    }
    let shared = places.into_iter().filter(|(_, places)| places.len() > 1);
    shared.map(|(name, places)| format!("{name}: {}", places.join(", "))).collect()
}

/// The modules that only tests compile, as paths without ending.
fn files_of_tests(sources: &BTreeMap<String, String>) -> Vec<String> {
    let declared = sources.iter().flat_map(|(file, source)| {
        let folder = file.trim_end_matches(".rs").trim_end_matches("/mod").trim_end_matches("/lib").to_owned();
        without_tests(&tokens(source)).1.into_iter().map(move |name| format!("{folder}/{name}"))
    });
    declared.collect()
}

fn is_of(file: &str, module: &str) -> bool {
    file.strip_prefix(module).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
}

#[test]
fn a_type_that_others_see_has_a_name_of_its_own() {
    let shared = shared_names(&files("src"));
    assert!(shared.is_empty(), "{} names have several types\n{}", shared.len(), shared.join("\n"));
}

#[test]
fn no_line_is_wider_than_the_limit() {
    let mut wide = Vec::new();
    for folder in ["src", "tests", "eval/studies"] {
        for (file, source) in files(folder) {
            for (at, line) in source.lines().enumerate().filter(|(_, line)| line.chars().count() > WIDTH) {
                wide.push(format!("{file}:{}: {} characters", at + 1, line.chars().count()));
            }
        }
    }
    assert!(wide.is_empty(), "{} lines are wider than {WIDTH} characters\n{}", wide.len(), wide.join("\n"));
}

#[test]
fn shared_names_are_found_and_private_ones_are_nobodys_business() {
    let sources = |a: &str, b: &str| {
        BTreeMap::from([("src/a.rs".to_owned(), a.to_owned()), ("src/cli/b.rs".to_owned(), b.to_owned())])
    };
    for (a, b) in [
        ("pub struct X;", "pub(crate) enum X {}"),
        ("mod m { pub(super) trait X {} }", "pub type X<T> = Vec<T>;"),
        ("pub(in crate::a) struct X<'a>(&'a u8);", "/// Documented.\npub struct X;"),
        ("pub struct Args;", "pub struct Args;"),
    ] {
        assert_eq!(shared_names(&sources(a, b)).len(), 1, "{a} {b}");
    }
    for (a, b) in [
        ("pub struct X;", "struct X;"),
        ("pub struct X;", "#[cfg(test)] mod tests { pub struct X; }"),
        ("pub struct Args;", "/// Arguments.\n#[derive(Debug)]\npub struct Args;"),
        ("impl T for U { type X = u8; }", "pub struct X;"),
        ("// pub struct X;\nconst Y: &str = \"pub struct X;\";", "pub struct X;"),
    ] {
        assert_eq!(shared_names(&sources(a, b)), [""; 0], "{a} {b}");
    }
}
