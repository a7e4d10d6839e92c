//! `housestyle encoders list|show|promote|rollback|export`: the versions of trained encoders, and which one is in use.

use crate::app::AppResult;
use crate::cli::context::CommandContext;
use crate::cli::outcome::CommandOutcome;

mod change;
mod export;
mod list;
mod show;

/// Arguments of `encoders`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Every version: how good it is, which one is in use, and whether it is due to be trained again
    List(list::Args),
    /// One version's card, or one encoder's history
    Show(show::Args),
    /// Put a version in use, if it stands up to the one in use
    Promote(change::PromoteArgs),
    /// Put the version in use again that was before the one in use
    Rollback(change::RollbackArgs),
    /// Write a version as an ONNX text encoder that any ONNX Stable Diffusion pipeline can load
    Export(export::Args),
}

/// Runs the subcommand.
pub async fn run(args: Args, context: &CommandContext) -> AppResult<CommandOutcome> {
    match args.command {
        Command::List(args) => list::run(args, context).await,
        Command::Show(args) => show::run(args, context).await,
        Command::Promote(args) => change::promote(args, context).await,
        Command::Rollback(args) => change::rollback(args, context).await,
        Command::Export(args) => export::run(args, context).await,
    }
}
