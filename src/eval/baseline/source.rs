//! Where a delivery lies: a folder, a zip file, or keys of a store.
//!
//! Takes a place. Returns the bytes of a file in it, by name.
//!
//! # Invariants
//!
//! Nothing outside the place is read, no link is followed, and no file gives more bytes than the limit, whatever an
//! archive says of itself.

use std::collections::BTreeMap;
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
    Zip(Box<ZipDelivery>),
    /// The keys under a prefix.
    Prefix(Arc<dyn Store>, Key),
}

/// A zip file and the names of its files.
#[derive(Debug)]
pub struct ZipDelivery {
    archive: ZipArchive<BufReader<File>>,
    /// The number of each file, by its name below the archive's one top folder.
    entries: BTreeMap<String, usize>,
}

impl DeliverySource {
    /// Opens the folder or zip file at `path`. Where everything lies in one top folder, that folder is the delivery.
    ///
    /// # Errors
    ///
    /// Invalid if it is neither, or cannot be read.
    pub fn open(path: &Path) -> Result<Self> {
        let missing = |e| {
            Error::invalid(format!("cannot read {}", path.display())).caused_by(e).hint("name a folder or a zip file")
        };
        let meta = fs::metadata(path).map_err(missing)?;
        if meta.is_dir() {
            return Ok(Self::Folder(top_folder(path).map_err(missing)?));
        }
        if !meta.is_file() {
            return Err(missing(files::not_plain()));
        }
        let wrong = |e: zip::result::ZipError| {
            Error::invalid(format!("{} is not a zip file that can be read", path.display())).caused_by(e)
        };
        let mut archive = ZipArchive::new(BufReader::new(File::open(path).map_err(missing)?)).map_err(wrong)?;
        if archive.len() > MAX_ENTRIES {
            return Err(Error::invalid(format!("{} holds more than {MAX_ENTRIES} files", path.display())));
        }
        let mut names = Vec::with_capacity(archive.len());
        for number in 0..archive.len() {
            let entry = archive.by_index_raw(number).map_err(wrong)?;
            if entry.is_file() {
                names.push((entry_name(entry.name_raw()), number));
            }
        }
        Ok(Self::Zip(Box::new(ZipDelivery { archive, entries: below_top_folder(names) })))
    }

    /// Returns the names of all files of the delivery.
    ///
    /// # Errors
    ///
    /// As the store's, or Invalid if a folder cannot be read.
    pub async fn names(&self) -> Result<Vec<String>> {
        match self {
            Self::Folder(root) => walk(root),
            Self::Zip(zip) => Ok(zip.entries.keys().cloned().collect()),
            Self::Prefix(store, prefix) => {
                let below = format!("{prefix}/");
                let keys = store.list(prefix).await?;
                Ok(keys.iter().filter_map(|key| key.as_str().strip_prefix(&below)).map(str::to_owned).collect())
            }
        }
    }

    /// Reads a file, at most `limit` bytes of it; `Ok(Err(reason))` where it is this file that is wrong.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub async fn read(&mut self, name: &str, limit: u64) -> Result<Result<Vec<u8>, String>> {
        Ok(match self {
            Self::Folder(root) => from_folder(root, name, limit),
            Self::Zip(zip) => from_zip(zip, name, limit),
            Self::Prefix(store, prefix) => match prefix.join(name) {
                Err(_) => Err("has a name that no store holds".into()),
                Ok(key) => match store.size(&key).await? {
                    None => Err(ABSENT.into()),
                    Some(size) if size > limit => Err(too_large(limit)),
                    Some(_) => store.get(&key).await?.map(Vec::from).ok_or_else(|| ABSENT.into()),
                },
            },
        })
    }

    /// Reads the index that lies in the delivery under its usual name, in capitals or not.
    ///
    /// # Errors
    ///
    /// Invalid if there is none.
    pub(crate) async fn own_index(&mut self, limit: u64) -> Result<(String, Vec<u8>)> {
        let names = self.names().await?;
        for wanted in ["index.csv", "index.tsv", "index.yaml", "index.yml"] {
            let Some(name) = names.iter().find(|name| name.eq_ignore_ascii_case(wanted)) else { continue };
            if let Ok(bytes) = self.read(name, limit).await? {
                return Ok((name.clone(), bytes));
            }
        }
        Err(Error::new(Kind::Invalid, "the delivery has no index.csv and no index.yaml")
            .hint("name one with --index FILE"))
    }
}

/// The reason for a file that is missing.
pub(super) const ABSENT: &str = "is not in the delivery";

/// What operating systems leave in folders and archives, which nobody delivered.
fn is_debris(name: &str) -> bool {
    let own = |part: &str| part.starts_with('.') || matches!(part, "__MACOSX" | "Thumbs.db" | "desktop.ini");
    name.split('/').any(own)
}

/// Decodes the name of an archive's entry, which is UTF-8 or what Japanese Windows writes; `/` separates folders.
fn entry_name(raw: &[u8]) -> String {
    let name = match std::str::from_utf8(raw) {
        Ok(name) => name.to_owned(),
        Err(_) => encoding_rs::SHIFT_JIS.decode_without_bom_handling(raw).0.into_owned(),
    };
    name.replace('\\', "/")
}

/// The files by name, without what operating systems leave behind, below the one folder that holds all of them.
fn below_top_folder(names: Vec<(String, usize)>) -> BTreeMap<String, usize> {
    let kept: Vec<(String, usize)> = names.into_iter().filter(|(name, _)| !is_debris(name)).collect();
    let top = kept.first().and_then(|(name, _)| name.split_once('/')).map(|(top, _)| format!("{top}/"));
    let top = top.filter(|top| kept.iter().all(|(name, _)| name.starts_with(top.as_str()))).unwrap_or_default();
    kept.into_iter().map(|(name, number)| (name[top.len()..].to_owned(), number)).collect()
}

/// The folder itself, or the only folder in it where nothing else is there.
fn top_folder(root: &Path) -> std::io::Result<PathBuf> {
    let mut only = None;
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(is_debris) {
            continue;
        }
        if only.is_some() || !entry.file_type()?.is_dir() {
            return Ok(root.to_owned());
        }
        only = Some(entry.path());
    }
    Ok(only.unwrap_or_else(|| root.to_owned()))
}

/// The names of all plain files below a folder; no link is followed.
fn walk(root: &Path) -> Result<Vec<String>> {
    let failed = |e| Error::invalid(format!("cannot read {}", root.display())).caused_by(e);
    let (mut names, mut folders) = (Vec::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let (path, kind) = (entry.path(), entry.file_type().map_err(failed)?);
            let Some(name) = path.strip_prefix(root).ok().and_then(Path::to_str) else { continue };
            if is_debris(name) {
                continue;
            }
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() {
                names.push(name.replace(std::path::MAIN_SEPARATOR, "/"));
            }
        }
        if names.len() + folders.len() > MAX_ENTRIES {
            return Err(Error::invalid(format!("{} holds more than {MAX_ENTRIES} files", root.display())));
        }
    }
    Ok(names)
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
            Err(_) => return Err(ABSENT.into()),
        }
    }
    files::read(&path, limit).map_err(|e| format!("cannot be read: {}", text::escape(&e.to_string())))
}

fn from_zip(zip: &mut ZipDelivery, name: &str, limit: u64) -> Result<Vec<u8>, String> {
    let wrong = |e: &dyn std::fmt::Display| format!("cannot be read: {}", text::escape(&e.to_string()));
    let number = *zip.entries.get(name).ok_or(ABSENT)?;
    let entry = zip.archive.by_index(number).map_err(|e| wrong(&e))?;
    if entry.is_symlink() || !entry.is_file() {
        return Err("is not a plain file".into());
    }
    // What the archive says of its size may be a lie: the limit holds for what really comes out.
    let mut bytes = Vec::new();
    entry.take(limit + 1).read_to_end(&mut bytes).map_err(|e| wrong(&e))?;
    if bytes.len() as u64 > limit { Err(too_large(limit)) } else { Ok(bytes) }
}

/// Bytes of a delivered picture at most.
pub(crate) const PICTURE_BYTES: u64 = limits::PICTURE_BYTES;

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    #[tokio::test]
    async fn an_archives_one_top_folder_is_the_delivery() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("delivery.zip");
        let mut zip = ZipWriter::new(File::create(&path).unwrap());
        for name in ["delivery/index.csv", "delivery/a.png", "__MACOSX/delivery/._index.csv", "delivery/.DS_Store"] {
            zip.start_file(name, SimpleFileOptions::default()).unwrap();
            zip.write_all(name.as_bytes()).unwrap();
        }
        zip.finish().unwrap();
        let mut source = DeliverySource::open(&path).unwrap();
        assert_eq!(source.names().await.unwrap(), ["a.png", "index.csv"]);
        assert_eq!(source.own_index(99).await.unwrap().1, b"delivery/index.csv");
        assert_eq!(source.read("a.png", 99).await.unwrap().unwrap(), b"delivery/a.png");
        assert!(source.read("a.png", 3).await.unwrap().unwrap_err().contains("more than 3 bytes"));
    }

    #[tokio::test]
    async fn a_folders_only_folder_is_the_delivery() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("delivery");
        fs::create_dir_all(inner.join("pictures")).unwrap();
        fs::create_dir(folder.path().join("__MACOSX")).unwrap();
        for (name, text) in [("Index.CSV", "i"), ("pictures/a.png", "a"), (".DS_Store", "x")] {
            fs::write(inner.join(name), text).unwrap();
        }
        let mut source = DeliverySource::open(folder.path()).unwrap();
        let mut names = source.names().await.unwrap();
        names.sort();
        assert_eq!(names, ["Index.CSV", "pictures/a.png"]);
        assert_eq!(source.own_index(99).await.unwrap(), ("Index.CSV".to_owned(), b"i".to_vec()));
    }

    #[test]
    fn names_of_other_systems_are_decoded() {
        let (sjis, ..) = encoding_rs::SHIFT_JIS.encode("納品/パンダ.png");
        assert_eq!(entry_name(&sjis), "納品/パンダ.png");
        assert_eq!(entry_name("納品/a.png".as_bytes()), "納品/a.png");
        assert_eq!(entry_name(b"delivery\\a.png"), "delivery/a.png");
    }
}
