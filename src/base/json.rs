//! JSON of our own records: written with one kind of error, and read together with its format version.

use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::base::error::{Context as _, Kind, Result};

/// Writes `value` as JSON; `what` names it in the error, such as `a sidecar`.
///
/// # Errors
///
/// Fails with [`Kind::Internal`] where a type of ours cannot be written as JSON, which is our own mistake.
pub fn to_vec(what: &str, value: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(value).context(Kind::Internal, || format!("cannot write {what} as JSON"))
}

/// Writes `value` as indented JSON that ends with a line break; otherwise like [`to_vec`].
///
/// # Errors
///
/// As [`to_vec`].
pub(crate) fn to_pretty_vec(what: &str, value: &impl Serialize) -> Result<Vec<u8>> {
    let mut bytes =
        serde_json::to_vec_pretty(value).context(Kind::Internal, || format!("cannot write {what} as JSON"))?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Says why a stored record could not be read.
#[derive(Debug)]
pub(crate) enum UnreadableRecord {
    /// It is no record of this kind.
    Damaged(serde_json::Error),
    /// It has this format version, which another release of the program reads.
    OtherVersion(u32),
}

impl fmt::Display for UnreadableRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged(error) => error.fmt(f),
            Self::OtherVersion(version) => write!(f, "has format version {version}"),
        }
    }
}

impl std::error::Error for UnreadableRecord {}

/// Reads a record whose field `version` must be `version`, looking at that field first, since another version may have
/// other fields.
///
/// # Errors
///
/// Says whether the record is damaged or of another version.
pub(crate) fn from_versioned_slice<T: DeserializeOwned>(bytes: &[u8], version: u32) -> Result<T, UnreadableRecord> {
    /// As much of a record as every version has.
    #[derive(Deserialize)]
    struct AnyVersion {
        version: u32,
    }
    let found: AnyVersion = serde_json::from_slice(bytes).map_err(UnreadableRecord::Damaged)?;
    if found.version != version {
        return Err(UnreadableRecord::OtherVersion(found.version));
    }
    serde_json::from_slice(bytes).map_err(UnreadableRecord::Damaged)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize, Serialize)]
    #[serde(deny_unknown_fields)]
    struct Record {
        version: u32,
        name: String,
    }

    #[test]
    fn the_version_is_looked_at_before_the_other_fields() {
        let read = |json: &str| from_versioned_slice::<Record>(json.as_bytes(), 2);
        assert_eq!(read(r#"{"version":2,"name":"a"}"#).unwrap().name, "a");
        assert!(matches!(read(r#"{"version":3,"title":"a"}"#), Err(UnreadableRecord::OtherVersion(3))));
        for damaged in ["", "{}", r#"{"version":2,"title":"a"}"#] {
            assert!(matches!(read(damaged), Err(UnreadableRecord::Damaged(_))), "{damaged}");
        }
    }

    #[test]
    fn what_cannot_be_written_says_what_it_was() {
        let error = to_vec("a map", &std::collections::BTreeMap::from([((1, 2), 3)])).unwrap_err();
        assert_eq!((error.kind(), error.to_string().as_str()), (Kind::Internal, "cannot write a map as JSON"));
        assert_eq!(to_pretty_vec("a list", &[1]).unwrap(), b"[\n  1\n]\n");
    }
}
