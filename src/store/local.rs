//! An object store in a folder: key `a/b` is the file `a/b`.
//!
//! Files are written atomically by [`files::write`]; [`Local::sweep`] removes the unfinished files of a killed process.
//! Every file is read and written on threads for blocking work.
//!
//! # Invariants
//!
//! Names that start with a dot are reserved for this module (unfinished files, locks) and never listed.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use bytes::Bytes;

use crate::base::error::{Error, Result};
use crate::io::files::{self, UNFINISHED, failed, not_plain};
use crate::store::key::Key;
use crate::store::object_store::{FolderGuard, Store};

/// The name of the lock file in the folder it guards.
const LOCK: &str = ".lock";
/// Largest size of an object in bytes: far larger than any written here, so that a foreign file cannot fill the memory.
const MAX_BYTES: u64 = 256 << 20;

/// A [`Store`] in a folder of this machine.
#[derive(Clone, Debug)]
pub struct Local {
    root: PathBuf,
}

/// Exclusive use of a folder; released when dropped, and by the operating system when the process ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Local {
    /// Returns a store in `root`, which is created by the first write.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Returns the path of a key's file.
    pub fn path(&self, key: &Key) -> PathBuf {
        self.root.join(key.as_str())
    }

    /// Locks `folder` for exclusive use.
    ///
    /// # Errors
    ///
    /// Fails if another process has locked it (the error has its number), or if the lock file cannot be written.
    pub fn lock(&self, folder: &Key) -> Result<Lock> {
        let path = self.path(folder).join(LOCK);
        let failed = |e| failed("lock", &path, e);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(failed)?;
        }
        // Opening follows links and the file is truncated below, so it must not be a link to another file.
        if fs::symlink_metadata(&path).is_ok_and(|meta| !meta.is_file()) {
            return Err(failed(not_plain()));
        }
        let mut file =
            File::options().read(true).write(true).create(true).truncate(false).open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let _ = file.read_to_string(&mut holder);
                let holder: String = holder.trim().chars().filter(char::is_ascii_digit).take(10).collect();
                return Err(Error::unavailable(format!(
                    "another housestyle (process {}) is working on {folder}",
                    if holder.is_empty() { "unknown" } else { &holder }
                ))
                .hint("wait until it ends, or stop it; its finished assets are kept"));
            }
            Err(TryLockError::Error(e)) => return Err(failed(e)),
        }
        // The process number is only for the message above; the operating system tracks who holds the lock.
        let noted =
            file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{}", std::process::id()));
        noted.map_err(failed)?;
        Ok(Lock { _file: file })
    }

    /// Removes the unfinished files of killed processes in `folder`; only the holder of its lock may call it.
    ///
    /// # Errors
    ///
    /// Fails if a file cannot be listed or removed.
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

    /// Runs `work` on a key's file, on a thread for blocking work.
    async fn on_file<T: Send + 'static>(
        &self,
        key: &Key,
        work: impl FnOnce(&Path) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let path = self.path(key);
        off_thread(move || work(&path)).await
    }
}

/// Runs `work` on a thread for blocking work.
async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let joined = tokio::task::spawn_blocking(work).await;
    joined.map_err(|e| Error::internal("file work ended unexpectedly").caused_by(e))?
}

#[async_trait]
impl Store for Local {
    async fn put(&self, key: &Key, bytes: Bytes) -> Result<()> {
        self.on_file(key, move |path| write(path, &bytes, true).map(drop)).await
    }

    async fn put_if_absent(&self, key: &Key, bytes: Bytes) -> Result<bool> {
        self.on_file(key, move |path| write(path, &bytes, false)).await
    }

    async fn get(&self, key: &Key) -> Result<Option<Bytes>> {
        let read = |path: &Path| absent(files::read(path, MAX_BYTES)).map_err(|e| failed("read", path, e));
        Ok(self.on_file(key, read).await?.map(Bytes::from))
    }

    async fn size(&self, key: &Key) -> Result<Option<u64>> {
        let size = |path: &Path| match absent(fs::metadata(path)).map_err(|e| failed("inspect", path, e))? {
            Some(meta) if meta.is_file() => Ok(Some(meta.len())),
            _ => Ok(None),
        };
        self.on_file(key, size).await
    }

    async fn list(&self, prefix: &Key) -> Result<Vec<Key>> {
        let found = self.on_file(prefix, names_under).await?;
        // Files of others whose names are not valid keys are not listed.
        let mut keys: Vec<Key> = found.iter().filter_map(|name| prefix.join(name).ok()).collect();
        keys.sort();
        Ok(keys)
    }

    async fn delete(&self, key: &Key) -> Result<()> {
        let delete = |path: &Path| absent(fs::remove_file(path)).map(drop).map_err(|e| failed("delete", path, e));
        self.on_file(key, delete).await
    }

    async fn enter(&self, folder: &Key) -> Result<FolderGuard> {
        let (store, folder) = (self.clone(), folder.clone());
        off_thread(move || {
            let lock = store.lock(&folder)?;
            store.sweep(&folder)?;
            Ok(Box::new(lock) as FolderGuard)
        })
        .await
    }

    async fn verify(&self) -> Result<()> {
        let root = self.root.clone();
        off_thread(move || {
            let made = fs::create_dir_all(&root).and_then(|()| tempfile::tempfile_in(&root));
            made.map(drop).map_err(|e| failed("write to", &root, e))
        })
        .await
    }

    fn locate(&self, key: &Key) -> String {
        self.path(key).display().to_string()
    }
}

/// Writes a file atomically; returns false if there is one already and `replace` is false.
fn write(path: &Path, bytes: &[u8], replace: bool) -> Result<bool> {
    files::write(path, bytes, replace).map_err(|e| failed("write", path, e))
}

/// Returns every file under `root`, as `/`-separated names relative to it; links are not followed.
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

/// Returns a folder's entries; none if the folder does not exist.
fn entries(folder: &Path) -> Result<Vec<fs::DirEntry>> {
    let listed = absent(fs::read_dir(folder)).and_then(|dir| dir.into_iter().flatten().collect());
    listed.map_err(|e| failed("list", folder, e))
}

/// Turns the error that a file does not exist into `None`.
fn absent<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(e) => Err(e),
    }
}
