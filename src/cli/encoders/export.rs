//! `housestyle encoders export VERSION FILE`: a version as one ONNX text encoder that any ONNX Stable Diffusion pipeline loads.

use std::path::PathBuf;

use serde::Serialize;

use super::super::{Context, Out, Outcome};
use crate::base::digest::Digest;
use crate::base::error::{Error, Result};
use crate::base::names::BundleRef;
use crate::base::version::VersionId;
use crate::io::files;
use crate::pipeline::adapter;
use crate::pipeline::bundle::TEXT_ENCODER;
use crate::registry::Registry;
use crate::registry::ledger::Ledger;

/// Arguments of `encoders export`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The version, such as style/acme@3; `style/` may be left out
    version: String,
    /// The file to write: put it in the place of a pipeline's text_encoder/model.onnx
    #[arg(value_name = "FILE")]
    to: PathBuf,
    /// Replace FILE if there is one
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    out: Out,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    version: VersionId,
    file: String,
    sha256: Digest,
    bytes: usize,
}

/// Writes the file.
pub fn run(args: Args, context: &Context) -> Result<Outcome> {
    let version: VersionId =
        args.version.parse().map_err(|reason: String| Error::invalid(format!("{}: {reason}", args.version.escape_debug())))?;
    let store = context.store(&args.out)?;
    let (card, weights) = context.block_on(async {
        let registry = Registry::new(store.clone());
        let card = registry.card(&version).await?;
        let revocations = Ledger::new(store).revocations().await?;
        if let Some(reason) = registry.barred(&version, &revocations, &context.policy()).await? {
            return Err(Error::invalid(format!("{version} is not exported: {reason}")));
        }
        let weights = registry.weights(&card).await?;
        Ok((card, weights))
    })?;
    let base = BundleRef { name: card.base.name.parse().map_err(Error::invalid)?, digest: Some(card.base.digest) };
    let merged = adapter::merge(&context.bundle(&base)?.read(TEXT_ENCODER)?, &weights)?;
    if !files::write(&args.to, &merged, args.force).map_err(|e| files::failed("write", &args.to, e))? {
        return Err(Error::invalid(format!("there is a file {} already", args.to.display()))
            .hint("name another file, or replace this one with --force"));
    }
    let report = Report { version, file: args.to.display().to_string(), sha256: Digest::of(&merged), bytes: merged.len() };
    context.say(format!("{} is written to {}: {}, {} bytes", report.version, report.file, report.sha256, report.bytes));
    context.emit(&report)?;
    Ok(Outcome::Done)
}
