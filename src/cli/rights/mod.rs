//! `housestyle rights check|trace|revoke`: whose pictures styles were learned from, what came of them, and taking them back.

use super::{Context, Outcome};
use crate::base::digest::Digest;
use crate::base::error::{Error, Result};
use crate::base::version::VersionId;
use crate::base::{limits, text};
use crate::campaign::sidecar::Sidecar;
use crate::registry::trace::Question;
use std::io::Read as _;
use std::path::Path;

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
pub fn run(args: Args, context: &Context) -> Result<Outcome> {
    match args.command {
        Command::Check(args) => check::run(args, context),
        Command::Trace(args) => trace::run(args, context),
        Command::Revoke(args) => revoke::run(args, context),
    }
}

/// What a person means by `what`: a file that is there, a digest, a version, or else a stem or a source.
fn question(what: &str) -> Result<Question> {
    let path = Path::new(what);
    if path.is_file() {
        let bytes = read(path)?;
        return Ok(match Sidecar::from_bytes(&bytes, what) {
            Ok(sidecar) => Question::Text(sidecar.job.stem),
            Err(_) => Question::Digest(Digest::of(&bytes)),
        });
    }
    if let Some(digest) = digest(what) {
        return Ok(Question::Digest(digest));
    }
    if let Some(version) = what.parse::<VersionId>().ok().filter(|_| what.contains('@')) {
        return Ok(Question::Version(version));
    }
    match text::plain(what, limits::RIGHTS_TEXT) {
        Ok(text) if !text.is_empty() => Ok(Question::Text(text)),
        Ok(_) => Err(Error::invalid("nothing is asked for")),
        Err(reason) => Err(Error::invalid(format!("what is asked for {reason}"))),
    }
}

/// A digest, with or without `sha256:`.
fn digest(text: &str) -> Option<Digest> {
    text.parse().ok().or_else(|| Digest::from_hex(text).ok())
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let failed = |e: std::io::Error| Error::invalid(format!("cannot read {}", path.display())).caused_by(e);
    let mut bytes = Vec::new();
    std::fs::File::open(path).and_then(|f| f.take(limits::PICTURE_BYTES + 1).read_to_end(&mut bytes)).map_err(failed)?;
    match bytes.len() as u64 > limits::PICTURE_BYTES {
        true => Err(Error::invalid(format!("{} is too large for a picture or a sidecar", path.display()))),
        false => Ok(bytes),
    }
}

/// What to try when nothing is known of `what`.
fn unknown(what: &str) -> Error {
    Error::invalid(format!("nothing here is known as {}", text::show(what)))
        .hint("name a picture's file or sha256, a source as the style set writes it, a version such as style/acme@3, or an asset's sidecar; --out DIR names the folder")
}
