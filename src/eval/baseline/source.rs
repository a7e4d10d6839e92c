//! Where a delivery lies: a folder, a zip file, or keys of a store.
//!
//! Takes a place. Returns the bytes of a file in it, by name.
//!
//! # Invariants
//!
//! Nothing outside the place is read, no link is followed, and no file gives more bytes than the limit, whatever an
//! archive says of itself.

use std::fs::{self, File};
use std::io::{BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use zip::ZipArchive;

use crate::base::error::{Error, Kind, Result};
use crate::base::{limits, text};
use crate::io::files;
use crate::store::{Key, Store};

/// Most entries of an archive.
const MAX_ENTRIES: usize = 200_000;

/// Where a delivery lies.
#[derive(Debug)]
pub enum DeliverySource {
    /// A folder.
    Folder(PathBuf),
    /// A zip file.
    Zip(Box<ZipArchive<BufReader<File>>>),
    /// The keys under a prefix.
    Prefix(Arc<dyn Store>, Key),
}

impl DeliverySource {
    /// The folder or zip file at `path`.
    pub fn open(path: &Path) -> Result<Self> {
        let missing =
            |e| Error::invalid(format!("cannot read {}", path.display())).caused_by(e).hint("name a folder or a zip file");
        let meta = fs::metadata(path).map_err(missing)?;
        if meta.is_dir() {
            return Ok(Self::Folder(path.to_owned()));
        }
        if !meta.is_file() {
            return Err(missing(files::not_plain()));
        }
        let wrong = |e: zip::result::ZipError| {
            Error::invalid(format!("{} is not a zip file that can be read", path.display())).caused_by(e)
        };
        let archive = ZipArchive::new(BufReader::new(File::open(path).map_err(missing)?)).map_err(wrong)?;
        if archive.len() > MAX_ENTRIES {
            return Err(Error::invalid(format!("{} holds more than {MAX_ENTRIES} files", path.display())));
        }
        Ok(Self::Zip(Box::new(archive)))
    }

    /// A file's bytes, at most `limit` of them; `Ok(Err(reason))` where it is this file that is wrong.
    pub async fn read(&mut self, name: &str, limit: u64) -> Result<Result<Vec<u8>, String>> {
        Ok(match self {
            Self::Folder(root) => from_folder(root, name, limit),
            Self::Zip(archive) => from_zip(archive, name, limit),
            Self::Prefix(store, prefix) => match prefix.join(name) {
                Err(_) => Err("has a name that no store holds".into()),
                Ok(key) => match store.size(&key).await? {
                    None => Err("is not in the delivery".into()),
                    Some(size) if size > limit => Err(too_large(limit)),
                    Some(_) => store.get(&key).await?.map(Vec::from).ok_or_else(|| "is not in the delivery".into()),
                },
            },
        })
    }

    /// The index that lies in the delivery, under its usual name.
    pub async fn own_index(&mut self, limit: u64) -> Result<(String, Vec<u8>)> {
        for name in ["index.csv", "index.yaml", "index.yml"] {
            if let Ok(bytes) = self.read(name, limit).await? {
                return Ok((name.to_owned(), bytes));
            }
        }
        Err(Error::new(Kind::Invalid, "the delivery has no index.csv and no index.yaml").hint("name one with --index FILE"))
    }
}

fn too_large(limit: u64) -> String {
    format!("has more than {limit} bytes")
}

fn from_folder(root: &Path, name: &str, limit: u64) -> Result<Vec<u8>, String> {
    let mut path = root.to_path_buf();
    for part in name.split('/') {
        if matches!(part, "" | "." | "..") {
            return Err("is no path inside the delivery".into());
        }
        path.push(part);
        match fs::symlink_metadata(&path) {
            Ok(meta) if meta.is_symlink() => return Err("is or lies behind a symlink, which is not followed".into()),
            Ok(_) => {}
            Err(_) => return Err("is not in the delivery".into()),
        }
    }
    files::read(&path, limit).map_err(|e| format!("cannot be read: {}", text::escape(&e.to_string())))
}

fn from_zip(archive: &mut ZipArchive<BufReader<File>>, name: &str, limit: u64) -> Result<Vec<u8>, String> {
    let wrong = |e: &dyn std::fmt::Display| format!("cannot be read: {}", text::escape(&e.to_string()));
    let entry = match archive.by_name(name) {
        Ok(entry) => entry,
        Err(zip::result::ZipError::FileNotFound) => return Err("is not in the delivery".into()),
        Err(e) => return Err(wrong(&e)),
    };
    if entry.is_symlink() || !entry.is_file() {
        return Err("is not a plain file".into());
    }
    // What the archive says of its size may be a lie: the limit holds for what really comes out.
    let mut bytes = Vec::new();
    entry.take(limit + 1).read_to_end(&mut bytes).map_err(|e| wrong(&e))?;
    if bytes.len() as u64 > limit { Err(too_large(limit)) } else { Ok(bytes) }
}

/// Bytes of a delivered picture at most.
pub const PICTURE_BYTES: u64 = limits::PICTURE_BYTES;
