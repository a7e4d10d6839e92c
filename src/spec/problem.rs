//! Problems: what is wrong with a file, where, and what was probably meant.
//!
//! # Invariants
//!
//! A problem prints on one line, without any character that could control a terminal.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::base::{limits, text};

/// One thing wrong in one place of one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The file as the caller named it.
    pub file: String,
    /// Line, from 1; 0 when the file as a whole is meant.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// The key's path, such as `spec.assets[0].size`; empty for the whole document.
    pub path: String,
    /// What is wrong (lower case, no full stop).
    pub reason: String,
    /// What was probably meant.
    pub suggestion: Option<String>,
}

impl Problem {
    /// Makes a problem of a file as a whole.
    pub(super) fn whole(file: &str, reason: impl Into<String>) -> Self {
        Self { file: file.into(), line: 0, column: 0, path: String::new(), reason: reason.into(), suggestion: None }
    }

    /// Puts the problems of a file in its order and keeps the first [`limits::PROBLEMS`]; a last one then says how many
    /// more there are.
    pub(crate) fn tidy(mut problems: Vec<Self>) -> Vec<Self> {
        problems.sort_by(|a, b| (a.line, a.column, &a.path).cmp(&(b.line, b.column, &b.path)));
        if let Some(last) = problems.get(limits::PROBLEMS).cloned() {
            let more = problems.len() - limits::PROBLEMS;
            let reason = format!("and {more} more problem(s) from here on");
            problems.truncate(limits::PROBLEMS);
            problems.push(Self { path: String::new(), reason, suggestion: None, ..last });
        }
        problems
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = self.file.clone();
        if self.line > 0 {
            line += &format!(":{}:{}", self.line, self.column);
        }
        for part in [&self.path, &self.reason] {
            if !part.is_empty() {
                line += &format!(": {part}");
            }
        }
        if let Some(suggestion) = &self.suggestion {
            line += &format!(" (did you mean {suggestion}?)");
        }
        f.write_str(&text::escape(&line))
    }
}

/// Where each value of a file stands. It is kept with what was read, so that later checks can name lines too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Places {
    pub(super) file: String,
    at: BTreeMap<String, (u32, u32)>,
}

impl Places {
    pub(super) fn new(file: &str) -> Self {
        Self { file: file.into(), at: BTreeMap::new() }
    }

    pub(super) fn note(&mut self, path: &str, line: u32, column: u32) {
        self.at.insert(path.into(), (line, column));
    }

    /// Returns the line and column of `path`, if it stands in the file.
    pub(super) fn exact(&self, path: &str) -> Option<(u32, u32)> {
        self.at.get(path).copied()
    }

    /// Returns the line and column of `path`, or of the nearest mapping or list around it.
    pub(super) fn find(&self, path: &str) -> (u32, u32) {
        let mut path = path;
        loop {
            if let Some(place) = self.at.get(path) {
                return *place;
            }
            match path.rfind(['.', '[']) {
                Some(end) => path = &path[..end],
                None if path.is_empty() => return (0, 0),
                None => path = "",
            }
        }
    }

    pub(super) fn problem(&self, path: &str, reason: impl Into<String>, suggestion: Option<String>) -> Problem {
        let (line, column) = self.find(path);
        Problem { file: self.file.clone(), line, column, path: path.into(), reason: reason.into(), suggestion }
    }
}
