//! The store in a folder: key `a/b` is the file `a/b`.
//!
//! In: bytes. Out: files that are whole or not there, as [`files::write`] makes them; [`Local::sweep`] removes what a
//! killed process left unfinished.
//! Always holds: names that start with a dot are this file's own (neighbours in the making, locks) and never listed.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use async_trait::async_trait;

use super::{Key, Store};
use crate::base::error::{Error, Result};
use crate::io::files::{self, UNFINISHED, failed, not_plain};

/// The lock's file in the folder it guards.
const LOCK: &str = ".lock";
/// Far above any object of ours; what is larger was put there by somebody else and must not fill the memory.
const MAX_BYTES: u64 = 256 << 20;

/// A [`Store`] in a folder.
#[derive(Clone, Debug)]
pub struct Local {
    root: PathBuf,
}

/// Sole use of a folder; ends when dropped, and when the process ends in whatever way.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Local {
    /// A store in `root`, which is made when first written to.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The file of a key.
    pub fn path(&self, key: &Key) -> PathBuf {
        self.root.join(key.as_str())
    }

    /// Takes sole use of `folder`, or says who has it.
    pub fn lock(&self, folder: &Key) -> Result<Lock> {
        let path = self.path(folder).join(LOCK);
        let failed = |e| failed("lock", &path, e);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(failed)?;
        }
        // Opening follows links, and the file is about to be emptied: it must not be somebody else's.
        if fs::symlink_metadata(&path).is_ok_and(|meta| !meta.is_file()) {
            return Err(failed(not_plain()));
        }
        let mut file = File::options().read(true).write(true).create(true).truncate(false).open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let _ = file.read_to_string(&mut holder);
                let holder: String = holder.trim().chars().filter(char::is_ascii_digit).take(10).collect();
                return Err(Error::unavailable(format!(
                    "another housestyle (process {}) is at work on {folder}",
                    if holder.is_empty() { "unknown" } else { &holder }
                ))
                .hint("wait until it is done, or stop it; nothing is lost either way"));
            }
            Err(TryLockError::Error(e)) => return Err(failed(e)),
        }
        // The number is only for people; who holds the lock is the system's knowledge.
        let noted = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{}", std::process::id()));
        noted.map_err(failed)?;
        Ok(Lock { _file: file })
    }

    /// Removes what a killed process left unfinished in `folder`; whoever holds its lock may.
    pub fn sweep(&self, folder: &Key) -> Result<()> {
        let mut folders = vec![self.path(folder)];
        while let Some(path) = folders.pop() {
            for entry in entries(&path)? {
                if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
                    fs::remove_file(entry.path()).map_err(|e| failed("remove", &entry.path(), e))?;
                } else if entry.file_type().is_ok_and(|t| t.is_dir()) {
                    folders.push(entry.path());
                }
            }
        }
        Ok(())
    }

    /// Runs file work where it does not hold up the async threads.
    async fn blocking<T: Send + 'static>(&self, key: &Key, work: fn(&Path, Vec<u8>) -> Result<T>, bytes: Vec<u8>) -> Result<T> {
        let path = self.path(key);
        tokio::task::spawn_blocking(move || work(&path, bytes))
            .await
            .map_err(|e| Error::internal("file work was cut short").caused_by(e))?
    }
}

#[async_trait]
impl Store for Local {
    async fn put(&self, key: &Key, bytes: Vec<u8>) -> Result<()> {
        self.blocking(key, |path, bytes| write(path, &bytes, true).map(drop), bytes).await
    }

    async fn put_if_absent(&self, key: &Key, bytes: Vec<u8>) -> Result<bool> {
        self.blocking(key, |path, bytes| write(path, &bytes, false), bytes).await
    }

    async fn get(&self, key: &Key) -> Result<Option<Vec<u8>>> {
        self.blocking(key, |path, _| absent(files::read(path, MAX_BYTES)).map_err(|e| failed("read", path, e)), Vec::new())
            .await
    }

    async fn size(&self, key: &Key) -> Result<Option<u64>> {
        let size = |path: &Path, _| match absent(fs::metadata(path)).map_err(|e| failed("look at", path, e))? {
            Some(meta) if meta.is_file() => Ok(Some(meta.len())),
            _ => Ok(None),
        };
        self.blocking(key, size, Vec::new()).await
    }

    async fn list(&self, prefix: &Key) -> Result<Vec<Key>> {
        let found = self.blocking(prefix, |path, _| names_under(path), Vec::new()).await?;
        // What somebody else put there under a name that is no key is not ours to list.
        let mut keys: Vec<Key> = found.iter().filter_map(|name| prefix.join(name).ok()).collect();
        keys.sort();
        Ok(keys)
    }

    async fn delete(&self, key: &Key) -> Result<()> {
        let delete = |path: &Path, _| absent(fs::remove_file(path)).map(|_| ()).map_err(|e| failed("delete", path, e));
        self.blocking(key, delete, Vec::new()).await
    }

    async fn enter(&self, folder: &Key) -> Result<Option<Lock>> {
        let lock = self.lock(folder)?;
        self.sweep(folder)?;
        Ok(Some(lock))
    }

    async fn verify(&self) -> Result<()> {
        let made = fs::create_dir_all(&self.root).and_then(|()| tempfile::tempfile_in(&self.root));
        made.map(drop).map_err(|e| failed("write to", &self.root, e))
    }

    fn locate(&self, key: &Key) -> String {
        self.path(key).display().to_string()
    }
}

/// Writes a file whole; false if there is one already and it must stay.
fn write(path: &Path, bytes: &[u8], replace: bool) -> Result<bool> {
    files::write(path, bytes, replace).map_err(|e| failed("write", path, e))
}

/// Every file under `root`, as `/`-separated names relative to it; links are not followed.
fn names_under(root: &Path) -> Result<Vec<String>> {
    let (mut names, mut folders) = (Vec::new(), vec![(root.to_path_buf(), String::new())]);
    while let Some((folder, prefix)) = folders.pop() {
        for entry in entries(&folder)? {
            let Ok(name) = entry.file_name().into_string() else { continue };
            let name = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push((entry.path(), name)),
                Ok(kind) if kind.is_file() => names.push(name),
                _ => {}
            }
        }
    }
    Ok(names)
}

/// A folder's entries; a folder that is not there has none.
fn entries(folder: &Path) -> Result<Vec<fs::DirEntry>> {
    let listed = absent(fs::read_dir(folder)).and_then(|dir| dir.into_iter().flatten().collect());
    listed.map_err(|e| failed("list", folder, e))
}

/// Turns "not there" from an error into `None`.
fn absent<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(e) => Err(e),
    }
}
