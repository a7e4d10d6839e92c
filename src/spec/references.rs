//! Finds, measures and hashes the pictures of a style set on disk.
//!
//! Takes a [`StyleSet`] and the folder its file lies in; returns [`Reference`]s, or every problem with its place in the
//! YAML.
//!
//! # Invariants
//!
//! Nothing outside the folder is read and no link is followed; every picture is a PNG of modest size, and none is there
//! twice, or it could be used for training and validation at once.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::problem::Problem;
use super::styleset::{Claim, Images, StyleSet};
use super::template;
use crate::base::digest::Digest;
use crate::base::error::{Error, Result as ReadResult};
use crate::base::names::Name;
use crate::base::{limits, text};

/// How a PNG begins, up to the word that its size follows.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";

/// One reference picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Reference {
    /// Where it lies.
    pub path: PathBuf,
    /// Its name relative to the style set's folder, with `/`.
    pub file: String,
    /// What its bytes hash to.
    pub sha256: Digest,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// What it shows.
    pub category: String,
    /// The style it is an example of, if that is known.
    pub style: Option<Name>,
    /// The rights in it.
    pub claim: Claim,
    /// Which entry of `spec.images` it comes from.
    pub entry: usize,
}

impl Reference {
    /// Reads its bytes, which must still be those that were hashed.
    ///
    /// # Errors
    ///
    /// Fails where the file cannot be read or has changed.
    pub fn read(&self) -> ReadResult<Vec<u8>> {
        let gone =
            |why: &str| Error::invalid(format!("{} {why} since the style set was checked", text::escape(&self.file)));
        let bytes = bytes(&self.path).map_err(|e| gone("cannot be read").caused_by(e))?;
        if Digest::of(&bytes) == self.sha256 { Ok(bytes) } else { Err(gone("has changed")) }
    }
}

/// Checks a path or pattern: relative, without steps upwards, of plain names in which `*` and `?` stand for others.
pub(super) fn pattern(path: &str) -> Result<String, String> {
    let path = path.strip_prefix("./").unwrap_or(path);
    let shown = path.trim_end_matches('/');
    if shown.is_empty() {
        return Err("is empty".into());
    }
    if path.chars().count() > limits::PATH {
        return Err(format!("has more than {} characters", limits::PATH));
    }
    if path.starts_with('/') || path.contains(['\\', ':']) || path.contains(text::is_unsafe) {
        return Err("is not a relative path with `/` between its names".into());
    }
    match shown.split('/').find(|part| part.is_empty() || part.starts_with('.')) {
        Some("..") => Err("leaves the style set's folder; put the pictures beside the YAML".into()),
        Some(_) => Err("holds an empty or a hidden name".into()),
        None => Ok(shown.into()),
    }
}

impl StyleSet {
    /// Finds the pictures; `folder` is the one that the style set's file lies in.
    ///
    /// # Errors
    ///
    /// Tells every picture that is missing, unreadable, too large or there twice.
    pub fn resolve(&self, folder: &Path) -> Result<Vec<Reference>, Vec<Problem>> {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let mut search =
            Search { folder, set: self, problems: Vec::new(), total: 0, seen: BTreeMap::new(), found: Vec::new() };
        for (entry, images) in self.images.iter().enumerate() {
            search.entry(entry, images);
            if search.problems.len() > limits::PROBLEMS {
                break;
            }
        }
        let Search { problems, found, .. } = search;
        if problems.is_empty() { Ok(found) } else { Err(Problem::tidy(problems)) }
    }
}

struct Search<'a> {
    folder: &'a Path,
    set: &'a StyleSet,
    problems: Vec<Problem>,
    total: u64,
    /// Pictures by digest, with the name they were first found under.
    seen: BTreeMap<Digest, String>,
    found: Vec<Reference>,
}

impl Search<'_> {
    fn wrong(&mut self, entry: usize, reason: String) {
        self.problems.push(self.set.problem(&format!("spec.images[{entry}].files"), reason, None));
    }

    fn entry(&mut self, entry: usize, images: &Images) {
        let files = match expand(self.folder, &images.files) {
            Ok(files) => files,
            Err(reason) => return self.wrong(entry, format!("{}: {reason}", text::show(&images.files))),
        };
        if files.is_empty() {
            return self.wrong(entry, format!("{} finds no PNG file", text::show(&images.files)));
        }
        if self.found.len() + files.len() > limits::PICTURES {
            return self
                .wrong(entry, format!("makes more than {} pictures, which is the most of one set", limits::PICTURES));
        }
        for file in files {
            if let Err(reason) = self.picture(entry, images, &file) {
                self.wrong(entry, format!("{}: {reason}", text::show(&file)));
            }
        }
    }

    fn picture(&mut self, entry: usize, images: &Images, file: &str) -> Result<(), String> {
        let path = self.folder.join(file);
        let bytes = bytes(&path).map_err(|e| e.to_string())?;
        self.total += bytes.len() as u64;
        if self.total > limits::SET_BYTES {
            return Err(format!("makes the set larger than {} bytes", limits::SET_BYTES));
        }
        let (width, height) = size(&bytes)?;
        let stem = Path::new(file).file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
        let category = text::category(&template::fill(&images.category, &[("stem", &stem)]))?;
        let sha256 = Digest::of(&bytes);
        match self.seen.get(&sha256) {
            Some(before) if before == file => return Err("is taken by two entries".into()),
            Some(before) => return Err(format!("is the same picture as {}", text::show(before))),
            None => self.seen.insert(sha256, file.into()),
        };
        let (style, claim) = (images.style.clone(), images.claim.clone());
        self.found.push(Reference { path, file: file.into(), sha256, width, height, category, style, claim, entry });
        Ok(())
    }
}

/// The files that a path or pattern names, sorted: a folder stands for the PNG files directly in it.
fn expand(root: &Path, pattern: &str) -> Result<Vec<String>, String> {
    let (mut found, mut by_pattern) = (vec![String::new()], false);
    for part in pattern.split('/') {
        let mut next = Vec::new();
        for folder in &found {
            let join = |name: &str| if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
            if part.contains(['*', '?']) {
                // A pattern passes over what is no picture and no folder, but a link it matches is an error as any
                // other.
                next.extend(
                    names(root, folder)?.into_iter().filter(|name| matches(part, name)).map(|name| join(&name)),
                );
            } else if !by_pattern || fs::symlink_metadata(root.join(join(part))).is_ok() {
                next.push(join(part));
            }
            if next.len() > limits::FOLDER_ENTRIES {
                return Err(format!("finds more than {} names", limits::FOLDER_ENTRIES));
            }
        }
        for path in &next {
            no_link(&root.join(path))?;
        }
        by_pattern |= part.contains(['*', '?']);
        found = next;
    }
    let mut files = Vec::new();
    for path in found {
        if root.join(&path).is_dir() {
            let inside: Vec<String> = names(root, &path)?.into_iter().map(|name| format!("{path}/{name}")).collect();
            for file in inside.into_iter().filter(|file| is_png(file)) {
                no_link(&root.join(&file))?;
                files.push(file);
            }
        } else if !by_pattern || is_png(&path) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn is_png(name: &str) -> bool {
    name.len() > 4 && name.get(name.len() - 4..).is_some_and(|end| end.eq_ignore_ascii_case(".png"))
}

/// The names in a folder that are not hidden.
fn names(root: &Path, folder: &str) -> Result<Vec<String>, String> {
    let path = root.join(folder);
    if !path.is_dir() {
        return Ok(Vec::new());
    }
    let mut names = Vec::new();
    for entry in fs::read_dir(path).map_err(|e| e.to_string())? {
        let name = entry.map_err(|e| e.to_string())?.file_name();
        let name = name
            .into_string()
            .map_err(|name| format!("holds {}, which is not UTF-8", text::show(&name.to_string_lossy())))?;
        if !name.starts_with('.') {
            names.push(name);
        }
        if names.len() > limits::FOLDER_ENTRIES {
            return Err(format!("a folder holds more than {} files", limits::FOLDER_ENTRIES));
        }
    }
    names.sort();
    Ok(names)
}

fn no_link(path: &Path) -> Result<(), String> {
    match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_symlink() => {
            Err("is or lies behind a symlink, which is not followed; copy the picture".into())
        }
        Ok(_) => Ok(()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Err("there is no such file".into()),
        Err(e) => Err(e.to_string()),
    }
}

/// Tells whether `name` fits `pattern`, in which `*` is any text and `?` any one character, in linear time for each
/// `*`.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n, mut retry) = (0, 0, None);
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                retry = Some((p, n));
                p += 1;
            }
            Some(c) if *c == '?' || *c == name[n] => {
                (p, n) = (p + 1, n + 1);
            }
            _ => {
                let Some((star, from)) = retry else { return false };
                retry = Some((star, from + 1));
                (p, n) = (star + 1, from + 1);
            }
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// Reads a plain file of modest size.
fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    let refuse = |why: String| io::Error::new(io::ErrorKind::InvalidInput, why);
    let meta = fs::symlink_metadata(path)?;
    if !meta.is_file() {
        return Err(refuse("is not a plain file".into()));
    }
    if meta.len() > limits::PICTURE_BYTES {
        return Err(refuse(format!("has {} bytes, at most {} are read", meta.len(), limits::PICTURE_BYTES)));
    }
    let mut bytes = Vec::with_capacity(meta.len() as usize);
    File::open(path)?.take(limits::PICTURE_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Width and height, as the PNG's first chunk says.
fn size(bytes: &[u8]) -> Result<(u32, u32), String> {
    let side = |at: usize| bytes.get(at..at + 4).and_then(|b| b.try_into().ok()).map(u32::from_be_bytes);
    let (true, Some(width), Some(height)) = (bytes.starts_with(PNG), side(PNG.len()), side(PNG.len() + 4)) else {
        return Err("is not a PNG file".into());
    };
    let fits = |side: u32| (1..=limits::PICTURE_SIZE).contains(&side);
    if fits(width) && fits(height) {
        Ok((width, height))
    } else {
        Err(format!("is {width}×{height} pixels, at most {0}×{0} are taken", limits::PICTURE_SIZE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_names() {
        for (pattern, name) in [
            ("*.png", "fox.png"),
            ("*", "x"),
            ("f?x*", "fox-1.png"),
            ("*a*b*", "xxaxxbxx"),
            ("**", ""),
            ("狐*", "狐.png"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [("*.png", "fox.jpg"), ("f?x", "fx"), ("", "x"), ("*a*b", "ba")] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
        assert!(!matches(&"*a".repeat(100), &"a".repeat(99)), "and quickly");
    }

    #[test]
    fn paths_stay_in_the_folder() {
        assert_eq!(pattern("./pictures/").as_deref(), Ok("pictures"));
        assert_eq!(pattern("f../emoji..png").as_deref(), Ok("f../emoji..png"), "names with dots are no steps upwards");
        for bad in [
            "",
            "/",
            "./",
            "/etc/passwd",
            "../x",
            "a/../b",
            "a//b",
            "a/.git/x",
            ".hidden",
            "C:/x",
            "a\\b",
            "a\0b",
            "a\u{202e}b",
        ] {
            assert!(pattern(bad).is_err(), "{bad:?}");
        }
        assert!(pattern(&"a".repeat(400)).is_err());
    }

    #[test]
    fn only_the_size_of_a_png_is_believed() {
        let mut png = PNG.to_vec();
        png.extend([0, 0, 0, 64, 0, 0, 0, 32]);
        assert_eq!(size(&png), Ok((64, 32)));
        png[PNG.len()..].copy_from_slice(&[0, 0, 0xc3, 0x50, 0, 0, 0, 1]);
        assert!(size(&png).unwrap_err().contains("50000"));
        for bad in [&b""[..], b"GIF89a", &PNG[..10], &png[..PNG.len() + 3]] {
            assert!(size(bad).is_err());
        }
    }
}
