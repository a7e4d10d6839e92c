//! `housestyle completions SHELL`: the completion script of one shell, on standard output; with `--json` as a text in a
//! document.

use clap::CommandFactory as _;
use serde::Serialize;

use super::{Cli, Context, Outcome};
use crate::base::error::Result;

/// Arguments of `completions`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The shell to complete for
    shell: clap_complete::Shell,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    shell: String,
    script: String,
}

/// Prints the script.
pub fn run(args: Args, context: &Context) -> Result<Outcome> {
    let mut script = Vec::new(); // generated apart, as the generator panics when a pipe closes
    clap_complete::generate(args.shell, &mut Cli::command(), "housestyle", &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    if context.json() {
        context.emit(&Report { shell: args.shell.to_string(), script })?;
    } else {
        context.print(&script);
    }
    Ok(Outcome::Done)
}
