//! `housestyle schema [campaign|styleset|costs]`: prints the JSON Schema of a kind of file, with or without `--json`.

use super::context::CommandContext;
use super::outcome::CommandOutcome;
use crate::app::AppResult;
use crate::spec::{DocumentKind, schema};

/// Arguments of `schema`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The kind of file
    #[arg(value_enum, default_value_t = FileKind::Campaign)]
    kind: FileKind,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum FileKind {
    /// Campaign: the images to make
    Campaign,
    /// Style set: the pictures to train on
    #[value(name = "styleset")]
    StyleSet,
    /// Cost model: the costs of in-house and of bought images
    Costs,
}

/// Prints the JSON Schema of a kind of file.
///
/// # Errors
/// Never returns an error; a failure to print is reported by [`Output::end`](super::output::Output::end).
pub fn run(args: Args, context: &CommandContext) -> AppResult<CommandOutcome> {
    let kind = match args.kind {
        FileKind::Campaign => DocumentKind::Campaign,
        FileKind::StyleSet => DocumentKind::StyleSet,
        FileKind::Costs => DocumentKind::CostModel,
    };
    context.print(&schema::text(kind));
    Ok(CommandOutcome::Done)
}
