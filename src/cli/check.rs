//! `housestyle check SPEC…`: checks files. Any problem ends in exit code 2, a bundle that is not there in 4.

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

/// Checks every file.
pub async fn run(args: Args, context: &CommandContext) -> AppResult<CommandOutcome> {
    let report = context.app.check(CheckRequest { files: args.specs, out: args.out.place }).await?;
    context.emit(&report)?;
    report.verdict()?;
    Ok(CommandOutcome::Done)
}
