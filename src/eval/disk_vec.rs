//! Values that are kept on the disk, so that memory does not grow with how many there are.
//!
//! Takes values, one after the other. Returns the same, in order or by number, as often as wanted.
//!
//! # Invariants
//!
//! A file without a name holds them, which is gone with the process, whatever ends it; a value that comes back is the
//! one that was put in. The file lies where the system keeps what is temporary (`TMPDIR`).

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::marker::PhantomData;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::de::{DeserializeOwned, Error as _, SeqAccess, Visitor};
use serde::ser::{Error as _, SerializeSeq as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::base::error::{Context as _, Error, Kind, Result};

/// Bytes that are buffered before a write.
const BLOCK: usize = 64 << 10;

/// A list of values on the disk.
pub struct DiskVec<T> {
    pages: Mutex<Pages>,
    /// Where each value ends, in bytes.
    ends: Vec<u64>,
    kind: PhantomData<fn() -> T>,
}

/// The file, and the bytes that are not yet written.
struct Pages {
    file: File,
    written: u64,
    waiting: Vec<u8>,
}

impl<T: Serialize + DeserializeOwned> DiskVec<T> {
    /// Creates an empty list.
    pub fn new() -> Result<Self> {
        let pages = Pages { file: tempfile::tempfile().map_err(full)?, written: 0, waiting: Vec::new() };
        Ok(Self { pages: Mutex::new(pages), ends: Vec::new(), kind: PhantomData })
    }

    /// Creates a list of these values.
    pub fn of(values: impl IntoIterator<Item = T>) -> Result<Self> {
        let mut spool = Self::new()?;
        values.into_iter().try_for_each(|value| spool.push(&value))?;
        Ok(spool)
    }

    /// Appends a value.
    pub fn push(&mut self, value: &T) -> Result<()> {
        let pages = self.pages.get_mut().unwrap_or_else(PoisonError::into_inner);
        serde_json::to_writer(&mut pages.waiting, value)
            .context(Kind::Internal, || "cannot write a value for later".to_owned())?;
        self.ends.push(pages.written + pages.waiting.len() as u64);
        if pages.waiting.len() >= BLOCK { pages.write().map_err(full) } else { Ok(()) }
    }

    /// Returns the number of values.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether the list is empty.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Reads the value at an index; `None` past the end.
    pub fn get(&self, number: usize) -> Result<Option<T>> {
        let Some(end) = self.ends.get(number).copied() else { return Ok(None) };
        let start = number.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        let bytes =
            self.pages().read(start, end).context(Kind::Unavailable, || "cannot read what was kept for later")?;
        serde_json::from_slice(&bytes).map(Some).context(Kind::Internal, || "what was kept for later is damaged")
    }

    /// Reads all values in order, one in memory at a time.
    pub fn iter(&self) -> impl Iterator<Item = Result<T>> {
        (0..self.len()).map_while(|number| self.get(number).transpose())
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pages {
    fn write(&mut self) -> io::Result<()> {
        self.file.seek(SeekFrom::End(0))?;
        self.file.write_all(&self.waiting)?;
        self.written += self.waiting.len() as u64;
        self.waiting.clear();
        Ok(())
    }

    /// The bytes of one value, which are all written or all waiting.
    fn read(&mut self, start: u64, end: u64) -> io::Result<Vec<u8>> {
        let length = (end - start) as usize;
        if let Some(at) = start.checked_sub(self.written) {
            let waiting = self.waiting.get(at as usize..at as usize + length);
            return waiting.map(<[u8]>::to_vec).ok_or_else(|| io::ErrorKind::UnexpectedEof.into());
        }
        let mut bytes = vec![0; length];
        self.file.seek(SeekFrom::Start(start))?;
        self.file.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

fn full(error: io::Error) -> Error {
    Error::unavailable("cannot keep something for later in a temporary file")
        .caused_by(error)
        .hint("make room, or name a folder with room in TMPDIR")
}

impl<T> fmt::Debug for DiskVec<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Spool of {}", self.ends.len())
    }
}

/// Reads a sequence into a list on disk.
impl<T: Serialize + DeserializeOwned> Serialize for DiskVec<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.len()))?;
        for value in self.iter() {
            list.serialize_element(&value.map_err(|e| S::Error::custom(e.chain()))?)?;
        }
        list.end()
    }
}

impl<'de, T: Serialize + DeserializeOwned> Deserialize<'de> for DiskVec<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct List<T>(PhantomData<T>);
        impl<'de, T: Serialize + DeserializeOwned> Visitor<'de> for List<T> {
            type Value = DiskVec<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> std::result::Result<Self::Value, A::Error> {
                let failed = |e: Error| A::Error::custom(e.chain());
                let mut spool = DiskVec::new().map_err(failed)?;
                while let Some(value) = list.next_element()? {
                    spool.push(&value).map_err(failed)?;
                }
                Ok(spool)
            }
        }
        deserializer.deserialize_seq(List(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_in_comes_back() {
        let text = |i: usize| format!("{i}: {}", "狐\u{202e}\n\"".repeat(i % 90));
        let mut spool = DiskVec::new().unwrap();
        assert!(spool.is_empty() && spool.get(0).unwrap().is_none());
        for i in 0..1_000 {
            spool.push(&text(i)).unwrap();
            // Written or waiting, it is there.
            assert_eq!(spool.get(i).unwrap(), Some(text(i)));
            assert_eq!(spool.get(i / 2).unwrap(), Some(text(i / 2)));
        }
        let all: Result<Vec<String>> = spool.iter().collect();
        assert_eq!(all.unwrap(), (0..1_000).map(text).collect::<Vec<_>>());
        assert!(spool.pages().written > 0 && spool.pages().waiting.len() < BLOCK);
        let json = serde_json::to_string(&spool).unwrap();
        assert_eq!(json, serde_json::to_string(&(0..1_000).map(text).collect::<Vec<_>>()).unwrap());
        assert_eq!(serde_json::from_str::<DiskVec<String>>(&json).unwrap().get(999).unwrap(), Some(text(999)));
    }

    #[test]
    fn numbers_come_back_to_the_last_bit() {
        let values: Vec<f32> = (1..400).map(|i| (i as f32).sin() / 3.0).chain([f32::MIN_POSITIVE, 1e-42]).collect();
        let spool = DiskVec::of([values.clone()]).unwrap();
        assert_eq!(spool.get(0).unwrap(), Some(values));
    }
}
