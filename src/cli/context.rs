//! What every command gets: the application, and where to print.

use serde::Serialize;

use super::output::Output;
use crate::app::App;
use crate::base::error::Result;

/// The application and the output of one command.
#[derive(Clone, Debug)]
pub struct CommandContext {
    /// The use cases.
    pub app: App,
    output: Output,
}

impl CommandContext {
    /// A command's context.
    pub fn new(app: App, output: Output) -> Self {
        Self { app, output }
    }

    /// Prints a line for a person: on standard output, or on standard error where `--json` wants the former for itself.
    ///
    /// It stays one line: what could break it or steer a terminal is made visible.
    pub fn say(&self, line: impl AsRef<str>) {
        self.output.line(line.as_ref());
    }

    /// As [`CommandContext::say`], for text of ours that spans lines; what others wrote in it must have been made
    /// safe before, as in a [`Table`](super::table::Table).
    pub(crate) fn say_text(&self, text: impl AsRef<str>) {
        text.as_ref().lines().for_each(|line| self.output.line(line));
    }

    /// Whether standard output is for a program.
    pub fn json(&self) -> bool {
        self.output.json()
    }

    /// Prints what is asked for as it is, on standard output.
    pub fn print(&self, text: &str) {
        self.output.write(text.as_bytes());
    }

    /// Prints the JSON document that `--json` promises; does nothing without it.
    ///
    /// # Errors
    /// Where the document cannot be made.
    pub(crate) fn emit(&self, document: &impl Serialize) -> Result<()> {
        self.output.document(document)
    }
}
