//! `housestyle encoders export VERSION FILE`: exports a version as one ONNX text encoder, which any ONNX Stable
//! Diffusion pipeline can load.

use std::path::PathBuf;

use crate::app::AppResult;
use crate::app::encoders::export::ExportRequest;
use crate::base::error::Error;
use crate::cli::context::CommandContext;
use crate::cli::out::Out;
use crate::cli::outcome::CommandOutcome;

/// Arguments of `encoders export`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The version, such as style/acme@3; `style/` may be left out
    version: String,
    /// The file to write, to be used as a pipeline's text_encoder/model.onnx
    #[arg(value_name = "FILE")]
    to: PathBuf,
    /// Replace FILE if it exists
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    out: Out,
}

/// Exports a version and prints the file's digest and size.
///
/// # Errors
/// As [`App::export_encoder`](crate::app::App::export_encoder), if the version's name is invalid, and if the JSON
/// document cannot be serialised.
pub async fn run(args: Args, context: &CommandContext) -> AppResult<CommandOutcome> {
    let wrong = |reason: String| Error::invalid(format!("{}: {reason}", args.version.escape_debug()));
    let version = args.version.parse().map_err(wrong)?;
    let request = ExportRequest { version, to: args.to, replace: args.force, out: args.out.place };
    let report = context.app.export_encoder(request).await?;
    context.say(format!("{} is written to {}: {}, {} bytes", report.version, report.file, report.sha256, report.bytes));
    context.emit(&report)?;
    Ok(CommandOutcome::Done)
}
