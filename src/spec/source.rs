//! Reads files within limits, and as UTF-8 text.
//!
//! # Invariants
//!
//! Only plain files are opened, and never more than [`limits::FILE_BYTES`] of them are read.

use std::path::Path;

use super::problem::Problem;
use crate::base::limits;
use crate::io::files;

/// Reads a file's bytes as text.
pub(super) fn utf8<'a>(bytes: &'a [u8], file: &str) -> Result<&'a str, Vec<Problem>> {
    std::str::from_utf8(bytes).map_err(|error| {
        let good = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
        let line = good.lines().count().max(1) + usize::from(good.ends_with('\n'));
        let column = good.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let place = |n| u32::try_from(n).unwrap_or(u32::MAX);
        let whole = Problem::whole(file, "the file is not UTF-8 text; save it as UTF-8");
        vec![Problem { line: place(line), column: place(column), ..whole }]
    })
}

/// Reads the bytes of a plain file, if they are not too many.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Vec<Problem>> {
    files::read(path, limits::FILE_BYTES as u64)
        .map_err(|error| vec![Problem::whole(&path.display().to_string(), format!("cannot be read: {error}"))])
}
