//! Reads files within a size limit, writes them atomically, and converts their errors into an [`Error`] with a hint.
//!
//! # Invariants
//!
//! Only plain files are opened (a pipe may block for ever, a device may have no end) and never more than the limit is
//! read. After a crash a file is either written completely or unchanged.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use crate::base::error::{Error, Kind};

/// The name prefix of unfinished files, which are written beside their destination.
pub(crate) const UNFINISHED: &str = ".unfinished-";

/// Reads a plain file of at most `limit` bytes.
///
/// # Errors
///
/// Fails if the file cannot be read, is not a plain file, or has more than `limit` bytes.
pub fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let meta = fs::metadata(path)?;
    if !meta.is_file() {
        return Err(not_plain());
    }
    let too_large = || io::Error::new(io::ErrorKind::InvalidInput, format!("it has more than {limit} bytes"));
    if meta.len() > limit {
        return Err(too_large());
    }
    let mut bytes = Vec::with_capacity(meta.len() as usize);
    // One byte more than allowed, so that a file that grows meanwhile is detected without reading it to the end.
    File::open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit { Err(too_large()) } else { Ok(bytes) }
}

/// Writes a file atomically: to a hidden file beside it, flushed to the disk, then renamed. Returns false if there is
/// one already and `replace` is false.
///
/// # Errors
///
/// Fails if the file cannot be written, or if the path is a folder, a device or another special file.
pub fn write(path: &Path, bytes: &[u8], replace: bool) -> io::Result<bool> {
    write_with(path, replace, |file| file.write_all(bytes))
}

/// Writes a file atomically, as [`write()`] does, with the contents that `fill` writes piece by piece.
///
/// # Errors
///
/// Fails as [`write()`] and `fill` do.
pub(crate) fn write_with(
    path: &Path,
    replace: bool,
    fill: impl FnOnce(&mut dyn io::Write) -> io::Result<()>,
) -> io::Result<bool> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    match fs::metadata(path) {
        Ok(_) if !replace => return Ok(false),
        Ok(meta) if meta.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
        Ok(meta) if !meta.is_file() => return Err(not_plain()), // renaming would replace the device
        Ok(_) => {}
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        Err(e) => return Err(e),
    }
    let mut builder = tempfile::Builder::new();
    builder.prefix(UNFINISHED);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(fs::Permissions::from_mode(0o666)); // reduced by the umask, as for any other file
    }
    let mut file = builder.tempfile_in(folder)?;
    let mut buffered = io::BufWriter::new(file.as_file_mut());
    fill(&mut buffered)?;
    buffered.flush()?;
    drop(buffered);
    file.as_file().sync_all()?;
    if replace {
        file.persist(path).map_err(|e| e.error)?;
    } else if let Err(e) = file.persist_noclobber(path) {
        return if e.error.kind() == io::ErrorKind::AlreadyExists { Ok(false) } else { Err(e.error) };
    }
    #[cfg(unix)]
    File::open(folder)?.sync_all()?; // the renaming, too, must survive a power failure
    Ok(true)
}

/// Returns the error for a path that is not a plain file and so cannot be read or replaced.
pub(crate) fn not_plain() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "it is not a plain file")
}

/// Returns the error of the failed operation `verb` on a file, with a hint by the kind of `error`.
pub fn failed(verb: &str, path: &Path, error: io::Error) -> Error {
    use io::ErrorKind::{
        FileTooLarge, InvalidFilename, InvalidInput, IsADirectory, NotADirectory, NotFound, PermissionDenied,
        QuotaExceeded, ReadOnlyFilesystem, ResourceBusy, StorageFull,
    };
    let message = format!("cannot {verb} {}", path.display());
    match error.kind() {
        StorageFull | QuotaExceeded | FileTooLarge => Error::unavailable(message)
            .hint("free space on the disk (or raise its quota), then run the same command again; it resumes"),
        PermissionDenied | ReadOnlyFilesystem | NotADirectory | IsADirectory | NotFound | InvalidFilename
        | ResourceBusy => Error::unavailable(message).hint("set a place that can be written to with --out"),
        InvalidInput => Error::invalid(message).hint("move the existing file away, or set another place with --out"),
        _ => Error::new(Kind::Transient, message),
    }
    .caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_plain_files_within_the_limit_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        write(&path, b"12345", true).unwrap();
        assert_eq!(read(&path, 5).unwrap(), b"12345");
        assert!(read(&path, 4).unwrap_err().to_string().contains("more than 4 bytes"));
        assert!(read(folder.path(), 4).unwrap_err().to_string().contains("plain"));
        #[cfg(unix)]
        assert!(read(Path::new("/dev/zero"), 4).unwrap_err().to_string().contains("plain"));
    }

    #[test]
    fn a_place_that_takes_no_file_is_unavailable_and_says_what_helps() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("f");
        write(&file, b"x", true).unwrap();
        for place in [file.join("below/a/file"), folder.path().to_owned(), folder.path().join("n".repeat(300))] {
            let error = failed("write", &place, write(&place, b"y", true).unwrap_err());
            assert!(error.exit_code() == 4 && error.advice().is_some(), "{place:?}: {}", error.chain());
        }
        #[cfg(unix)]
        assert!(write(Path::new("/dev/null"), b"y", true).unwrap_err().to_string().contains("plain"));
        assert_eq!(fs::read(&file).unwrap(), b"x");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing unfinished is left");
    }
}
