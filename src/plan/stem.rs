//! Reads the stem of a job's files from a stored plan or a message.

use crate::base::{limits, text};
use serde::{Deserialize, Deserializer, de::Error as _};

/// Reads a stem; one that is not what [`text::slug`] makes is refused, since it could name another place.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let stem = String::deserialize(deserializer)?;
    if text::slug(&stem, limits::STEM + 9) == stem {
        Ok(stem)
    } else {
        Err(D::Error::custom(format!("{} is not a safe file stem", text::show(&stem))))
    }
}
