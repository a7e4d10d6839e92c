//! `housestyle completions SHELL`: the completion script of one shell, on standard output.

use std::io::Write as _;

use clap::CommandFactory as _;

use super::{Cli, Context, Outcome};
use crate::error::Result;

/// Arguments of `completions`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The shell to complete for
    shell: clap_complete::Shell,
}

/// Prints the script.
pub fn run(args: Args, _context: &Context) -> Result<Outcome> {
    let mut script = Vec::new(); // generated apart, as the generator panics when a pipe closes
    clap_complete::generate(args.shell, &mut Cli::command(), "housestyle", &mut script);
    let _ = std::io::stdout().lock().write_all(&script);
    Ok(Outcome::Done)
}
