//! The documents of the repository: every relative link and anchor leads somewhere, the README stays short, and the
//! map of the code is true.
//!
//! Takes every `*.md` file but those of folders that are built or hidden. Returns all broken links, with file and
//! line.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

/// The most lines of the README: longer, and it is a manual instead of a face.
const README_LINES: usize = 150;
/// Folders at the top that hold no documents of ours.
const BUILT: [&str; 3] = ["target", "out", "runtime"];

#[test]
fn every_relative_link_and_anchor_leads_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let documents = documents(root);
    assert!(documents.len() >= 12, "too few documents were found: {:?}", documents.keys());
    let broken = broken_links(&documents, |path| root.join(path).exists());
    assert!(broken.is_empty(), "broken links:\n{}", broken.join("\n"));
}

#[test]
fn the_readme_is_short() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let lines = text.lines().count();
    assert!(lines <= README_LINES, "README.md has {lines} lines; what is more than {README_LINES} belongs into docs/");
}

#[test]
fn the_map_lists_the_rooms_in_the_order_of_the_code() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let map = fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap();
    let section = map.split("\n## ").find(|section| section.starts_with("The rooms\n")).unwrap();
    let named: Vec<&str> = section.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let code = fs::read_to_string(root.join("src/lib.rs")).unwrap();
    let rooms: Vec<&str> = code.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    assert!(rooms.len() > 10, "the rooms of src/lib.rs were not found");
    assert_eq!(named, rooms, "ARCHITECTURE.md and src/lib.rs list different rooms");
}

#[test]
fn every_path_that_the_map_and_the_guide_name_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for document in ["ARCHITECTURE.md", "CONTRIBUTING.md"] {
        let text = fs::read_to_string(root.join(document)).unwrap();
        let paths = paths(&text);
        assert!(paths.len() > 2, "{document} names no paths");
        let lost: Vec<_> = paths.into_iter().filter(|path| !root.join(path).exists()).collect();
        assert!(lost.is_empty(), "{document} names what is not there: {lost:?}");
    }
}

#[test]
fn what_the_map_says_is_in_a_file_is_in_that_file() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let map = fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap();
    let places = places(&map);
    assert!(places.len() > 6, "the map names too few types: {places:?}");
    for (name, path) in places {
        let file = root.join(path);
        let text = if file.is_file() { fs::read_to_string(&file).unwrap() } else { String::new() };
        assert!(text.contains(name), "ARCHITECTURE.md says that {name} is in {path}");
    }
}

#[test]
fn broken_links_are_found_with_their_place() {
    let readme = [
        "# A",
        "See [b](docs/b.md#second-part), ![p](p.png) and",
        "[c](docs/c.md), [far](https://example.com/#x).",
        "`[no](link.md)`",
        "```",
        "[no](link.md)",
        "```",
        "[self](#a) [lost](#z) [d][d]",
        "[d]: docs/b.md#twice-1",
    ];
    let b = [
        "# B",
        "## Second *part*",
        "Words between headings.",
        "## Twice",
        "## Twice",
        "[up](../README.md) [out](../../secret.md) [gone](#twice-2)",
    ];
    let documents =
        BTreeMap::from([(PathBuf::from("README.md"), readme.join("\n")), (PathBuf::from("docs/b.md"), b.join("\n"))]);
    let broken = broken_links(&documents, |path| path == Path::new("p.png"));
    let expected = [
        "README.md:3: docs/c.md is not there",
        "README.md:8: README.md has no heading #z",
        "docs/b.md:6: docs/b.md has no heading #twice-2",
        "docs/b.md:6: ../../secret.md leaves the repository",
    ];
    assert_eq!(broken, expected);
}

/// Reads every document below `root`, by its path from there.
fn documents(root: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root.join(&folder)).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            let path = folder.join(&name);
            let is_built = name.starts_with('.') || (folder.as_os_str().is_empty() && BUILT.contains(&name.as_str()));
            if entry.file_type().unwrap().is_dir() && !is_built {
                folders.push(path);
            } else if entry.file_type().unwrap().is_file() && name.ends_with(".md") {
                found.insert(path, fs::read_to_string(entry.path()).unwrap());
            }
        }
    }
    found
}

/// Lists the links that lead nowhere; `exists` tells of a path that is no document whether it is there.
fn broken_links(documents: &BTreeMap<PathBuf, String>, exists: impl Fn(&Path) -> bool) -> Vec<String> {
    let anchors: BTreeMap<&Path, BTreeSet<String>> =
        documents.iter().map(|(path, text)| (path.as_path(), anchors(text))).collect();
    let mut broken = Vec::new();
    for (path, text) in documents {
        for (line, target) in links(text) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let place = format!("{}:{line}", path.display());
            let Some(found) = (if file.is_empty() { Some(path.clone()) } else { resolve(path, file) }) else {
                broken.push(format!("{place}: {file} leaves the repository"));
                continue;
            };
            match anchors.get(found.as_path()) {
                Some(known) if !anchor.is_empty() && !known.contains(anchor) => {
                    broken.push(format!("{place}: {} has no heading #{anchor}", found.display()));
                }
                None if !exists(&found) => broken.push(format!("{place}: {} is not there", found.display())),
                Some(_) | None => {}
            }
        }
    }
    broken
}

/// Returns where a relative link of a document leads, as a path from the root; None if that is outside.
fn resolve(document: &Path, link: &str) -> Option<PathBuf> {
    let mut path = document.parent()?.to_path_buf();
    for component in Path::new(link).components() {
        match component {
            Component::Normal(name) => path.push(name),
            Component::ParentDir => path = path.parent()?.to_path_buf(),
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(path)
}

/// Returns the targets of a document's links and images, with their lines; what stands in code is none.
fn links(text: &str) -> Vec<(usize, String)> {
    let prose = without_code(text);
    let mut found = Vec::new();
    for (at, _) in prose.match_indices("](") {
        let target: String = prose[at + 2..].chars().take_while(|c| *c != ')' && !c.is_whitespace()).collect();
        found.push((1 + prose[..at].matches('\n').count(), target));
    }
    for (number, line) in prose.lines().enumerate() {
        if let Some((_, target)) = line.strip_prefix('[').and_then(|rest| rest.split_once("]: ")) {
            found.push((number + 1, target.trim().to_owned()));
        }
    }
    found.sort();
    found
}

/// Returns the paths of this repository that a document names in code.
fn paths(text: &str) -> BTreeSet<&str> {
    let folders = ["src/", "tests/", "eval/", "models/", "deploy/", "specs/", "docs/"];
    let code = text.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
    let is_path = |code: &str| folders.iter().any(|folder| code.starts_with(folder));
    code.filter(|code| is_path(code) && !code.contains([' ', '*', '{', '…'])).collect()
}

/// Returns what a document says to be in a file, as in "`Measure` in `src/eval/…`": the name and the path.
fn places(text: &str) -> Vec<(&str, &str)> {
    let spans: Vec<&str> = text.lines().flat_map(|line| line.split('`')).collect();
    let named = spans.windows(3).filter(|window| window[1] == " in " && window[2].starts_with("src/"));
    named.map(|window| (window[0], window[2])).collect()
}

/// Returns a text with all code replaced by nothing, line by line, so that lines keep their numbers.
fn without_code(text: &str) -> String {
    let mut prose = String::with_capacity(text.len());
    let mut in_fence = false;
    for line in text.lines() {
        let is_fence = line.trim_start().starts_with("```");
        in_fence ^= is_fence;
        if !in_fence && !is_fence {
            prose.extend(line.split('`').step_by(2));
        }
        prose.push('\n');
    }
    prose
}

/// Returns the anchors of a document: its headings as GitHub names them, and `<a id="…">`.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut seen = BTreeMap::<String, usize>::new();
    let mut in_fence = false;
    for line in text.lines() {
        in_fence ^= line.trim_start().starts_with("```");
        for (at, mark) in line.match_indices("<a id=\"") {
            found.extend(line[at + mark.len()..].split('"').next().map(str::to_owned));
        }
        let title = line.trim_start_matches('#');
        if in_fence || title.len() == line.len() || !title.starts_with(' ') {
            continue;
        }
        let anchor = anchor(title.trim());
        let times = seen.entry(anchor.clone()).or_default();
        found.insert(if *times == 0 { anchor } else { format!("{anchor}-{times}") });
        *times += 1;
    }
    found
}

/// Returns a heading as GitHub names it: lower case, spaces as dashes, no punctuation.
fn anchor(title: &str) -> String {
    let kept = title.to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}
