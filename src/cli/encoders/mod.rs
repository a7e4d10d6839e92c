//! `housestyle encoders list|show|promote|rollback|export`: the versions of trained encoders, and which one is in use.

use super::{Context, Outcome};
use crate::base::error::{Error, Result};
use crate::base::{limits, text};

mod change;
mod evidence;
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

/// Who decides something that is kept for ever.
#[derive(Debug, clap::Args)]
pub(super) struct By {
    /// Who decided it; without it, the name of whoever is logged in
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

impl By {
    /// The name that is recorded.
    pub(super) fn name(&self) -> Result<String> {
        let login = || std::env::var("USER").or_else(|_| std::env::var("USERNAME")).unwrap_or_else(|_| "unknown".into());
        recorded("--by", &self.by.clone().unwrap_or_else(login))
    }
}

/// A text that is kept for ever: for people, and not empty.
pub(super) fn recorded(flag: &str, given: &str) -> Result<String> {
    match text::plain(given, limits::RIGHTS_TEXT) {
        Ok(text) if text.is_empty() => Err(Error::invalid(format!("{flag} is empty"))),
        Ok(text) => Ok(text),
        Err(reason) => Err(Error::invalid(format!("{flag} {reason}"))),
    }
}

/// Runs the subcommand.
pub fn run(args: Args, context: &Context) -> Result<Outcome> {
    match args.command {
        Command::List(args) => list::run(args, context),
        Command::Show(args) => show::run(args, context),
        Command::Promote(args) => change::promote(args, context),
        Command::Rollback(args) => change::rollback(args, context),
        Command::Export(args) => export::run(args, context),
    }
}
