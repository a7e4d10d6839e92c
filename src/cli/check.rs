//! `housestyle check SPEC…`: checks files. Any problem makes the exit code 2, a missing bundle 4.

use std::path::PathBuf;

use super::context::CommandContext;
use super::out::Out;
use super::outcome::CommandOutcome;
use crate::app::AppResult;
use crate::app::check::CheckRequest;

/// Arguments of `check`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Campaign, style set and cost model files
    #[arg(required = true, value_name = "SPEC")]
    specs: Vec<PathBuf>,
    #[command(flatten)]
    out: Out,
}

/// Checks every file and prints its problems.
///
/// # Errors
/// As [`App::check`](crate::app::App::check), and if a file has a problem or could not be checked with its bundle.
pub async fn run(args: Args, context: &CommandContext) -> AppResult<CommandOutcome> {
    let report = context.app.check(CheckRequest { files: args.specs, out: args.out.place }).await?;
    context.emit(&report)?;
    report.verdict()?;
    Ok(CommandOutcome::Done)
}
