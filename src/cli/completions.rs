//! `housestyle completions SHELL`: prints the completion script of one shell on standard output; with `--json`, as a
//! text in a document.

use serde::Serialize;

use super::context::CommandContext;
use super::outcome::CommandOutcome;
use crate::app::AppResult;

/// Arguments of `completions`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The shell
    shell: clap_complete::Shell,
}

/// The JSON document of the command.
#[derive(Serialize)]
struct CompletionsDocument {
    shell: String,
    script: String,
}

/// Prints the completion script of `command`.
///
/// # Errors
/// Returns an error if the JSON document cannot be serialised.
pub fn run(args: Args, mut command: clap::Command, context: &CommandContext) -> AppResult<CommandOutcome> {
    let mut script = Vec::new(); // in memory, as the generator panics when a pipe closes
    clap_complete::generate(args.shell, &mut command, "housestyle", &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    if context.json() {
        context.emit(&CompletionsDocument { shell: args.shell.to_string(), script })?;
    } else {
        context.print(&script);
    }
    Ok(CommandOutcome::Done)
}
