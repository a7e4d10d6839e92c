//! The pictures that a report page shows.

use std::collections::BTreeMap;

use crate::html::Thumbnail;

/// The page's pictures by their key in the store.
pub type Pictures = BTreeMap<String, Thumbnail>;
