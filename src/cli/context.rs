//! The context of a command: the application, and the output to print to.

use serde::Serialize;

use super::output::Output;
use crate::app::App;
use crate::base::error::Result;

/// The application and the output of one command.
#[derive(Clone, Debug)]
pub(crate) struct CommandContext {
    /// The application.
    pub app: App,
    output: Output,
}

impl CommandContext {
    /// Creates a command's context.
    pub fn new(app: App, output: Output) -> Self {
        Self { app, output }
    }

    /// Prints a line for people: on standard output, or on standard error with `--json`.
    ///
    /// Characters that could start a new line or control the terminal are escaped.
    pub fn say(&self, line: impl AsRef<str>) {
        self.output.line(line.as_ref());
    }

    /// Prints text of several lines for people, as [`CommandContext::say`] does. Text of others in it must have been
    /// escaped before, as a [`Table`](super::table::Table) does.
    pub(crate) fn say_text(&self, text: impl AsRef<str>) {
        text.as_ref().lines().for_each(|line| self.output.line(line));
    }

    /// Returns whether standard output carries only the JSON document.
    pub fn json(&self) -> bool {
        self.output.json()
    }

    /// Prints text unchanged on standard output.
    pub fn print(&self, text: &str) {
        self.output.write(text.as_bytes());
    }

    /// Prints the command's JSON document with `--json`; does nothing without it.
    ///
    /// # Errors
    /// Returns an error if the document cannot be serialised.
    pub(crate) fn emit(&self, document: &impl Serialize) -> Result<()> {
        self.output.document(document)
    }
}
