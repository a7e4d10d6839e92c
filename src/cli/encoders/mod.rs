//! `housestyle encoders list|show|promote|rollback|export`: manages the versions of trained encoders.

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
    /// List every version with its scores, its state, and whether it is due to be trained again
    List(list::Args),
    /// Show one version's card, or one encoder's history
    Show(show::Args),
    /// Put a version in use, if its scores stand comparison with those of the version in use
    Promote(change::PromoteArgs),
    /// Restore the version that was in use before the current one
    Rollback(change::RollbackArgs),
    /// Export a version as an ONNX text encoder, which any ONNX Stable Diffusion pipeline can load
    Export(export::Args),
}

/// Runs the subcommand.
///
/// # Errors
/// Returns the error of the subcommand.
pub async fn run(args: Args, context: &CommandContext) -> AppResult<CommandOutcome> {
    match args.command {
        Command::List(args) => list::run(args, context).await,
        Command::Show(args) => show::run(args, context).await,
        Command::Promote(args) => change::promote(args, context).await,
        Command::Rollback(args) => change::rollback(args, context).await,
        Command::Export(args) => export::run(args, context).await,
    }
}
