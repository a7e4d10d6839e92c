//! The order of the crate's rooms, and that no two files use each other.
//!
//! The rooms are the modules of `src/lib.rs`, in the order in which they stand there. Two rules, without exceptions:
//!
//! 1. A room uses rooms before it, never one after it.
//! 2. No files of a room use each other, neither directly nor in a circle.
//!
//! A use is a path of code that is compiled without tests: after `use`, in an expression, in a type, in an attribute;
//! one that begins with `crate`, `self`, `super` or a module that the file itself declares. It is a use of the file
//! where the item is defined: a name that a file merely passes on (`use x::Y`, `pub use x::Y`) leads on to `x`.
//! Declaring a module (`mod x;`) is no use of it, and neither is passing on its names (`pub use x::Y`), unless the
//! file's own code names them. So `mod.rs` may gather what its files offer, and they may use what it defines, but not
//! if it also calls them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::source::{Token, files, group_end, tokens, without_tests};

/// A path of modules from the crate's root.
type Module = Vec<String>;

/// A name that a module takes from elsewhere.
#[derive(Clone, Debug)]
struct Import {
    /// The path, as it was written.
    path: Vec<String>,
    /// What it is called here; `*` is everything.
    name: String,
    line: usize,
    /// Whether it is passed on to others.
    public: bool,
}

/// What a module's code says.
#[derive(Debug, Default)]
struct Content {
    file: String,
    imports: Vec<Import>,
    /// Paths outside `use`, with their lines.
    paths: Vec<(Vec<String>, usize)>,
    /// Words outside `use`.
    words: BTreeSet<String>,
    /// Names of the items that it defines.
    items: BTreeSet<String>,
}

/// One file's use of another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Use {
    from: String,
    line: usize,
    path: String,
    to: String,
}

impl fmt::Display for Use {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: `{}` is in {}", self.from, self.line, self.path, self.to)
    }
}

/// The crate's modules, with what each of them says.
#[derive(Debug, Default)]
struct Crate {
    modules: BTreeMap<Module, Content>,
}

impl Crate {
    /// Reads the sources of `src/`, by path.
    fn read(sources: &BTreeMap<String, String>) -> Self {
        let mut found = Self::default();
        found.read_module(Module::new(), "src/lib.rs", sources);
        found
    }

    /// Reads a module's file and those of the modules that it declares.
    fn read_module(&mut self, module: Module, file: &str, sources: &BTreeMap<String, String>) {
        let code = without_tests(&tokens(&sources[file])).0;
        self.read_code(&module, file, &code, sources);
    }

    /// Reads the code of a module that stands in `file`, alone or among others.
    fn read_code(&mut self, module: &Module, file: &str, code: &[Token], sources: &BTreeMap<String, String>) {
        let mut content = Content { file: file.to_owned(), ..Content::default() };
        let text = |at: usize| code.get(at).map_or("", |token| token.text.as_str());
        let mut at = 0;
        while at < code.len() {
            let starts_path =
                code[at].is_word() && at.checked_sub(1).is_none_or(|before| !["::", "."].contains(&text(before)));
            match text(at) {
                "mod" if text(at + 2) == ";" || text(at + 2) == "{" => {
                    let inner: Module = module.iter().cloned().chain([text(at + 1).to_owned()]).collect();
                    if text(at + 2) == "{" {
                        let end = group_end(code, at + 2);
                        self.read_code(&inner, file, &code[at + 3..end - 1], sources);
                        at = end;
                        continue;
                    }
                    let below = format!("src/{}", inner.join("/"));
                    let candidates = [format!("{below}.rs"), format!("{below}/mod.rs")];
                    let own = candidates.iter().find(|candidate| sources.contains_key(*candidate));
                    self.read_module(inner, own.unwrap_or_else(|| panic!("{file}: no file of {below}")), sources);
                    at += 3;
                }
                // `impl<T> Trait + use<T>` is no import.
                "use" if text(at + 1) != "<" => {
                    let public = text(at.wrapping_sub(1)) == "pub" || text(at.wrapping_sub(1)) == ")";
                    let end =
                        code[at..].iter().position(|token| token.text == ";").map_or(code.len(), |length| at + length);
                    let mut rest = &code[at + 1..end];
                    read_imports(&mut rest, &[], public, &mut content.imports);
                    at = end + 1;
                }
                "struct" | "enum" | "trait" | "type" | "fn" | "const" | "static" | "union" if starts_path => {
                    content.items.insert(text(at + 1).to_owned());
                    at += 1;
                }
                "macro_rules" if text(at + 1) == "!" => {
                    content.items.insert(text(at + 2).to_owned());
                    at += 1;
                }
                // `pub(in crate::x)` says who may use, and uses nothing.
                "in" if text(at.wrapping_sub(1)) == "(" && text(at.wrapping_sub(2)) == "pub" => {
                    at = group_end(code, at - 1)
                }
                _ if starts_path => {
                    let (line, mut path) = (code[at].line, vec![text(at).to_owned()]);
                    content.words.insert(text(at).to_owned());
                    while text(at + 1) == "::" && code.get(at + 2).is_some_and(Token::is_word) {
                        path.push(text(at + 2).to_owned());
                        at += 2;
                    }
                    if path.len() > 1 {
                        content.paths.push((path, line));
                    }
                    at += 1;
                }
                _ => at += 1,
            }
        }
        self.modules.insert(module.clone(), content);
    }

    /// The file of the item that `path` names in `module`; `None` if it is none of this crate's.
    fn resolve(&self, module: &Module, path: &[String], depth: usize) -> Option<String> {
        let (first, rest) = path.split_first()?;
        let below: Module = module.iter().cloned().chain([first.clone()]).collect();
        match first.as_str() {
            "crate" => self.descend(Module::new(), rest, depth),
            "self" => self.descend(module.clone(), rest, depth),
            "super" => {
                let parent: Module = module.split_last().map(|(_, parent)| parent.to_vec())?;
                match rest.first().map(String::as_str) {
                    Some("super") => self.resolve(&parent, rest, depth),
                    _ => self.descend(parent, rest, depth),
                }
            }
            _ if self.modules.contains_key(&below) => self.descend(below, rest, depth),
            _ => None,
        }
    }

    /// The file of what `path` names, looked for from inside `module`.
    fn descend(&self, module: Module, path: &[String], depth: usize) -> Option<String> {
        let content = self.modules.get(&module)?;
        let own = Some(content.file.clone());
        let Some((first, rest)) = path.split_first() else { return own };
        let below: Module = module.iter().cloned().chain([first.clone()]).collect();
        if self.modules.contains_key(&below) {
            return self.descend(below, rest, depth);
        }
        // A circle of names that are passed on would not compile; this is only so that reading it ends.
        if content.items.contains(first) || depth > 20 {
            return own;
        }
        let passed_on = content.imports.iter().find(|import| import.name == *first);
        if let Some(import) = passed_on {
            let further: Vec<String> = import.path.iter().chain(rest).cloned().collect();
            return self.resolve(&module, &further, depth + 1).or(own);
        }
        for import in content.imports.iter().filter(|import| import.name == "*") {
            if let Some(module) = self.module(&module, &import.path)
                && self.modules[&module].items.contains(first)
            {
                return self.descend(module, path, depth + 1);
            }
        }
        own
    }

    /// The module that `path` names in `module`, if it names one.
    fn module(&self, module: &Module, path: &[String]) -> Option<Module> {
        let mut found = module.clone();
        for name in path {
            match name.as_str() {
                "crate" => found.clear(),
                "self" => {}
                "super" => {
                    found.pop()?;
                }
                _ => found.push(name.clone()),
            }
        }
        self.modules.contains_key(&found).then_some(found)
    }

    /// Every use of a file by another.
    fn uses(&self) -> BTreeSet<Use> {
        let mut uses = BTreeSet::new();
        for (module, content) in &self.modules {
            let is_used = |import: &&Import| !import.public || content.words.contains(&import.name);
            let imported = content.imports.iter().filter(is_used).map(|import| (&import.path, import.line));
            for (path, line) in imported.chain(content.paths.iter().map(|(path, line)| (path, *line))) {
                if let Some(to) = self.resolve(module, path, 0)
                    && to != content.file
                {
                    uses.insert(Use { from: content.file.clone(), line, path: path.join("::"), to });
                }
            }
        }
        uses
    }

    /// The rooms, in order.
    fn rooms(&self, sources: &BTreeMap<String, String>) -> Vec<String> {
        let code = without_tests(&tokens(&sources["src/lib.rs"])).0;
        let declared =
            code.windows(3).filter(|window| window[0].text == "mod" && [";", "{"].contains(&window[2].text.as_str()));
        declared.map(|window| window[1].text.clone()).collect()
    }
}

/// Reads the tree behind `use`: each path with the name that it has here.
fn read_imports(rest: &mut &[Token], before: &[String], public: bool, imports: &mut Vec<Import>) {
    let mut path = before.to_vec();
    let mut line = 0;
    while let Some((token, others)) = rest.split_first() {
        match token.text.as_str() {
            "{" => {
                *rest = others;
                while rest.first().is_some_and(|token| token.text != "}") {
                    read_imports(rest, &path, public, imports);
                    if rest.first().is_some_and(|token| token.text == ",") {
                        *rest = &rest[1..];
                    }
                }
                *rest = rest.get(1..).unwrap_or_default();
                return;
            }
            "}" | "," => break,
            "as" => {
                let name = others.first().map_or_else(String::new, |token| token.text.clone());
                *rest = others.get(1..).unwrap_or_default();
                imports.push(Import { path, name, line, public });
                return;
            }
            "::" => {}
            text => {
                line = token.line;
                path.push(text.to_owned());
            }
        }
        *rest = others;
    }
    let mut name = path.last().cloned().unwrap_or_default();
    match name.as_str() {
        "*" => {
            path.pop();
        }
        // `use a::b::{self}` brings in `b`.
        "self" if path.len() > 1 => {
            path.pop();
            name = path.last().cloned().unwrap_or_default();
        }
        _ => {}
    }
    imports.push(Import { path, name, line, public });
}

/// The room of a file: the first name below `src/`.
fn room(file: &str) -> &str {
    let below = file.strip_prefix("src/").unwrap_or(file);
    below.split('/').next().unwrap_or(below).trim_end_matches(".rs")
}

/// Whatever breaks a rule, each as a line or several.
fn problems(sources: &BTreeMap<String, String>) -> Vec<String> {
    let found = Crate::read(sources);
    let rooms = found.rooms(sources);
    let place = |file: &str| rooms.iter().position(|name| name == room(file));
    let mut problems = Vec::new();
    let mut inside: BTreeMap<String, BTreeMap<String, Use>> = BTreeMap::new();
    for used in found.uses() {
        // The root itself is no room: it only declares them.
        let (Some(from), Some(to)) = (place(&used.from), place(&used.to)) else { continue };
        if to > from {
            problems.push(format!("{used}, and {} comes after {}", rooms[to], rooms[from]));
        } else if to == from {
            inside.entry(used.from.clone()).or_default().entry(used.to.clone()).or_insert(used);
        }
    }
    problems.extend(circles(&inside));
    problems
}

/// The circles among the files, each told once with the uses that close it.
fn circles(uses: &BTreeMap<String, BTreeMap<String, Use>>) -> Vec<String> {
    let mut told = BTreeSet::new();
    let mut problems = Vec::new();
    for from in uses.keys() {
        let Some(circle) = shortest_circle(from, uses) else { continue };
        let members: BTreeSet<&str> = circle.iter().map(|used| used.from.as_str()).collect();
        if told.insert(members) {
            let lines: Vec<String> = circle.iter().map(|used| format!("    {used}")).collect();
            problems.push(format!("{} files use each other:\n{}", circle.len(), lines.join("\n")));
        }
    }
    problems
}

/// The shortest way from a file back to itself.
fn shortest_circle<'a>(start: &str, uses: &'a BTreeMap<String, BTreeMap<String, Use>>) -> Option<Vec<&'a Use>> {
    let mut ways: Vec<Vec<&Use>> = uses.get(start)?.values().map(|used| vec![used]).collect();
    let mut seen = BTreeSet::new();
    while !ways.is_empty() {
        let mut longer = Vec::new();
        for way in ways {
            let end = way.last()?.to.as_str();
            if end == start {
                return Some(way);
            }
            if seen.insert(end.to_owned()) {
                let further = uses.get(end).into_iter().flat_map(BTreeMap::values);
                longer.extend(further.map(|used| way.iter().copied().chain([used]).collect()));
            }
        }
        ways = longer;
    }
    None
}

#[test]
fn rooms_use_only_rooms_before_them_and_files_do_not_use_each_other() {
    let problems = problems(&files("src"));
    assert!(problems.is_empty(), "{} problems\n{}", problems.len(), problems.join("\n"));
}

fn sources(files: &[(&str, &str)]) -> BTreeMap<String, String> {
    files.iter().map(|(file, text)| ((*file).to_owned(), (*text).to_owned())).collect()
}

#[test]
fn a_use_of_a_later_room_is_found_however_it_is_written() {
    for code in [
        "use crate::late::Thing;",
        "use crate::{early, late::{self, Thing as Other}};",
        "fn f() { crate::late::thing(); }",
        "fn f(x: &super::late::Thing) {}",
        "mod inner { fn f() { super::super::late::thing(); } }",
        "#[derive(crate::late::Derive)] struct X;",
        "pub(super) use crate::late::thing; fn f() { thing() }",
        "use crate::Passed;",
    ] {
        let lib = "pub mod early;\npub mod late;\npub use late::Thing as Passed;";
        let late = "pub struct Thing; pub fn thing() {} pub mod deep;";
        let all = [("src/lib.rs", lib), ("src/early.rs", code), ("src/late/mod.rs", late), ("src/late/deep.rs", "")];
        let found = problems(&sources(&all));
        assert!(!found.is_empty() && found[0].contains("late comes after early"), "{code}: {found:?}");
    }
}

#[test]
fn what_is_no_use_is_not_taken_for_one() {
    for code in [
        "//! [`crate::late::Thing`]\nfn f() { g(\"crate::late::Thing\") }",
        "#[cfg(test)] mod tests { use crate::late::Thing; }",
        "#[cfg(test)] use crate::late::{Thing};",
        "pub(in crate::late) struct X;",
        "use std::fmt; fn f(late: u8) { late::<u8>; }",
    ] {
        let all = [
            ("src/lib.rs", "pub mod early; pub mod late;"),
            ("src/early.rs", code),
            ("src/late.rs", "use crate::early;"),
        ];
        assert_eq!(problems(&sources(&all)), [""; 0], "{code}");
    }
}

#[test]
fn files_that_use_each_other_are_found() {
    let lib = ("src/lib.rs", "pub mod room;");
    let both = |module, a, b| sources(&[lib, ("src/room/mod.rs", module), ("src/room/a.rs", a), ("src/room/b.rs", b)]);
    for (module, a, b) in [
        ("mod a; mod b;", "use super::b::B; pub struct A;", "use super::a::A; pub struct B;"),
        // By names that `mod.rs` passes on.
        ("mod a; mod b; pub use a::A; pub use b::B;", "use super::B; pub struct A;", "use super::A; pub struct B;"),
        // `mod.rs` calls what uses it.
        ("mod a; mod b; pub struct M; fn f() { a::f() }", "use super::M; pub fn f() {}", ""),
        ("mod a; mod b; pub use a::f; pub struct M; fn g() { f() }", "use super::M; pub fn f() {}", ""),
        ("mod a; mod b; pub struct M; use a::A;", "fn f(m: &crate::room::M) {} pub struct A;", ""),
    ] {
        let found = problems(&both(module, a, b));
        assert!(found.len() == 1 && found[0].contains("use each other"), "{module} {a} {b}: {found:?}");
    }
    let three = [
        lib,
        ("src/room/mod.rs", "mod a; mod b; mod c;"),
        ("src/room/a.rs", "use super::b::X;"),
        ("src/room/b.rs", "use super::c::X;"),
        ("src/room/c.rs", "use super::a::X;"),
    ];
    let found = problems(&sources(&three));
    assert!(found.len() == 1 && found[0].starts_with("3 files"), "{found:?}");
    // Declaring and passing on is no use.
    let gathers = "mod a; mod b; pub use a::A; pub use b::*; pub struct M;";
    assert_eq!(problems(&both(gathers, "use super::M; pub struct A;", "use super::A; pub struct B;")), [""; 0]);
}
