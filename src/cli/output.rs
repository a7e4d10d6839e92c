//! The output of commands: lines for people, one JSON document for programs, and the exit code.
//!
//! # Invariants
//! With `--json`, standard output carries exactly one JSON document, also when the command fails. No text, whoever
//! wrote it, can start a new line or control the terminal. Output that could not be written is a failure, unless its
//! reader closed the pipe.

use std::io::{self, Seek as _, Write as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use super::outcome::CommandOutcome;
use crate::app::Failure;
use crate::base::error::{Error, Kind, Result};
use crate::base::text;
use crate::spec::Problem;

/// Bytes of a JSON document that are kept in memory before a temporary file is used.
const KEPT: usize = 1 << 20;

/// The output of one command; cheap to clone.
#[derive(Clone, Debug)]
pub struct Output {
    json: bool,
    printed: Arc<Mutex<Printed>>,
}

/// The output so far, as far as the exit code depends on it.
#[derive(Debug, Default)]
struct Printed {
    /// Whether the JSON document was printed.
    document: bool,
    /// The first error of writing to standard output.
    lost: Option<io::Error>,
}

/// The JSON document of a failure.
#[derive(Serialize)]
struct FailureDocument<'a> {
    error: FailureDetails<'a>,
    exit: u8,
}

#[derive(Serialize)]
struct FailureDetails<'a> {
    kind: Kind,
    message: String,
    hint: Option<&'a str>,
    problems: &'a [Problem],
}

impl Output {
    /// Creates an output; with `json`, standard output carries only the JSON document.
    pub fn new(json: bool) -> Self {
        Self { json, printed: Arc::default() }
    }

    /// Returns whether standard output carries only the JSON document.
    pub fn json(&self) -> bool {
        self.json
    }

    /// Prints one line for a person.
    pub fn line(&self, line: &str) {
        let line = text::escape(line) + "\n";
        if self.json { complain(&line) } else { self.write(line.as_bytes()) }
    }

    /// Prints the command's JSON document with `--json`; does nothing without it.
    ///
    /// # Errors
    /// Returns an error if the document cannot be serialised; a failure to write it is reported by [`Output::end`].
    pub fn document(&self, document: &impl Serialize) -> Result<()> {
        if self.json {
            // The document is complete before any of it is printed; a large one is kept on the disk.
            let mut whole = tempfile::SpooledTempFile::new(KEPT);
            let mut writer = io::BufWriter::new(&mut whole);
            let written = serde_json::to_writer_pretty(&mut writer, document).map_err(io::Error::from);
            written
                .and_then(|()| writer.write_all(b"\n"))
                .and_then(|()| writer.flush())
                .map_err(|e| Error::unavailable("cannot write the result as JSON").caused_by(e))?;
            drop(writer);
            self.printed().document = true;
            let mut stdout = io::stdout().lock();
            let printed = whole.rewind().and_then(|()| io::copy(&mut whole, &mut stdout)).and_then(|_| stdout.flush());
            self.note(printed);
        }
        Ok(())
    }

    /// Writes to standard output; a failure is reported by [`Output::end`].
    pub fn write(&self, bytes: &[u8]) {
        let mut stdout = io::stdout().lock();
        self.note(stdout.write_all(bytes).and_then(|()| stdout.flush()));
    }

    fn note(&self, written: io::Result<()>) {
        match written {
            Err(e) if e.kind() != io::ErrorKind::BrokenPipe => self.printed().lost = Some(e),
            _ => {} // a closed pipe (`| head`) is no failure
        }
    }

    /// Prints the argument parser's help or error, and returns the exit code.
    pub(crate) fn parser(&self, said: &clap::Error) -> u8 {
        if !said.use_stderr() {
            self.note(said.print());
            return self.end(Ok(CommandOutcome::Done));
        }
        let text = said.render().to_string();
        text.lines().for_each(|line| complain(&format!("{}\n", text::escape(line))));
        let what = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
        let error = Error::invalid(what).hint("`housestyle --help` shows every command and flag");
        self.failure(&[], &error);
        error.exit_code()
    }

    /// Prints the failure of a command, if it has failed, and returns the exit code.
    pub fn end(&self, result: Result<CommandOutcome, Failure>) -> u8 {
        let lost = self.printed().lost.take();
        let lost = lost.map(|e| Error::unavailable("cannot write the result to standard output").caused_by(e));
        let (problems, error) = match (result, lost) {
            (Ok(outcome), None) => return outcome.exit_code(),
            (Err(failure), _) => failure.into_parts(),
            (Ok(_), Some(error)) => (Vec::new(), error),
        };
        problems.iter().for_each(|problem| complain(&format!("{}\n", text::escape(&problem.to_string()))));
        complain(&format!("error: {}\n", text::escape(&error.chain())));
        if let Some(hint) = error.advice() {
            complain(&format!("hint: {}\n", text::escape(hint)));
        }
        self.failure(&problems, &error);
        error.exit_code()
    }

    /// Prints the JSON document of a failure, unless the command has printed its own.
    fn failure(&self, problems: &[Problem], error: &Error) {
        if self.printed().document {
            return;
        }
        let details = FailureDetails { kind: error.kind(), message: error.chain(), hint: error.advice(), problems };
        // If standard output cannot be written to, only the exit code is left to report the failure.
        let _ = self.document(&FailureDocument { error: details, exit: error.exit_code() });
    }

    fn printed(&self) -> MutexGuard<'_, Printed> {
        self.printed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes to standard error and ignores failure: if it is full or closed, the exit code must still be returned, which
/// `eprintln!` would prevent by a panic.
fn complain(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}
