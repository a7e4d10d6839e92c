//! `housestyle rights check|trace|revoke`: checks, traces and revokes the rights in training pictures.

use crate::app::AppResult;
use crate::cli::context::CommandContext;
use crate::cli::outcome::CommandOutcome;

mod check;
mod revoke;
mod trace;

/// Arguments of `rights`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Check for every picture of style sets whether it may be used for training, and why not
    Check(check::Args),
    /// Trace a picture or source to the versions and assets made from it, or a version or asset back to its sources
    Trace(trace::Args),
    /// Forbid new work with pictures, and with every version that was trained on them
    Revoke(revoke::Args),
}

/// Runs the subcommand.
///
/// # Errors
/// Returns the error of the subcommand.
pub async fn run(args: Args, context: &CommandContext) -> AppResult<CommandOutcome> {
    match args.command {
        Command::Check(args) => check::run(args, context).await,
        Command::Trace(args) => trace::run(args, context).await,
        Command::Revoke(args) => revoke::run(args, context).await,
    }
}
