//! `housestyle rights check|trace|revoke`: whose pictures styles were learned from, what came of them, and taking
//! them back.

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
    /// Say of every picture of style sets whether it may be learned from, and why not
    Check(check::Args),
    /// Follow a picture or source to the versions and assets that came of it, or go back from those
    Trace(trace::Args),
    /// Forbid new work with pictures, and with every version that learned from them
    Revoke(revoke::Args),
}

/// Runs the subcommand.
pub async fn run(args: Args, context: &CommandContext) -> AppResult<CommandOutcome> {
    match args.command {
        Command::Check(args) => check::run(args, context).await,
        Command::Trace(args) => trace::run(args, context).await,
        Command::Revoke(args) => revoke::run(args, context).await,
    }
}
