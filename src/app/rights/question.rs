//! Interprets what a person asks about: a file, a digest, a version, an asset's stem or a source.

use std::path::Path;

use crate::base::digest::Digest;
use crate::base::error::{Error, Result};
use crate::base::version::VersionId;
use crate::base::{limits, text};
use crate::campaign::sidecar::Sidecar;
use crate::io::{blocking, files};
use crate::registry::trace::Question;

/// Interprets `what` as an existing file, else a digest, else a version, else a stem or a source.
///
/// # Errors
/// Returns an error if the file cannot be read, or the text is empty, too long or not plain text.
pub(super) async fn question(what: &str) -> Result<Question> {
    let what = what.to_owned();
    blocking(move || read_question(&what)).await
}

fn read_question(what: &str) -> Result<Question> {
    let path = Path::new(what);
    if path.is_file() {
        let read = files::read(path, limits::PICTURE_BYTES);
        let bytes = read.map_err(|e| Error::invalid(format!("cannot read {}", path.display())).caused_by(e))?;
        return Ok(match Sidecar::from_bytes(&bytes, what) {
            Ok(sidecar) => Question::Text(sidecar.job.stem.into()),
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
        Ok(_) => Err(Error::invalid("the text to look up is empty")),
        Err(reason) => Err(Error::invalid(format!("the text to look up {reason}"))),
    }
}

/// Parses a digest, with or without the prefix `sha256:`.
fn digest(text: &str) -> Option<Digest> {
    text.parse().ok().or_else(|| Digest::from_hex(text).ok())
}

/// Creates the error for a text that matches nothing known.
pub(super) fn unknown(what: &str) -> Error {
    Error::invalid(format!("the store knows no picture, source, version or asset named {}", text::show(what))).hint(
        "name a picture's file or sha256, a source as the style set writes it, a version such as style/acme@3, or an \
         asset's sidecar; --out DIR names the folder",
    )
}
