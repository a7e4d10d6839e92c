//! Lists and suggestions in the words of a message.

use crate::base::text;

/// Returns the known name that is nearest to `word`, between back-ticks, if one is near enough.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    text::nearest(word, known).map(|near| format!("`{near}`"))
}

/// Joins names for a sentence, the first dozen of them.
pub(super) fn list(names: impl Iterator<Item = impl ToString>) -> String {
    let names: Vec<String> = names.take(13).map(|n| n.to_string()).collect();
    names[..names.len().min(12)].join(", ") + if names.len() > 12 { ", …" } else { "" }
}
