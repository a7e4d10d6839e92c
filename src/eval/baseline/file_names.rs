//! Finding the file that an index means: names differ in capitals, in Unicode form and by a missing ending.
//!
//! Takes the names of a delivery's files. Returns the one that a row of the index names, or the reason why none is
//! meant.

use std::collections::{BTreeMap, BTreeSet};

use icu_normalizer::ComposingNormalizerBorrowed;

use crate::base::text;

/// Names that are searched for one that is nearly the same: above this, a typo is not looked for.
const SEARCHED: usize = 2_000;

/// The names of a delivery's files.
#[derive(Debug, Default)]
pub(crate) struct FileNames {
    exact: BTreeSet<String>,
    /// The names by what is left of them without capitals and Unicode forms.
    alike: BTreeMap<String, Vec<String>>,
    /// The same without their endings.
    stems: BTreeMap<String, Vec<String>>,
}

impl FileNames {
    /// Creates the lookup of these names.
    pub fn new(names: impl IntoIterator<Item = String>) -> Self {
        let mut found = Self::default();
        for name in names {
            let alike = folded(&name);
            if let Some((stem, _)) = alike.rsplit_once('.') {
                found.stems.entry(stem.to_owned()).or_default().push(name.clone());
            }
            found.alike.entry(alike).or_default().push(name.clone());
            found.exact.insert(name);
        }
        found
    }

    /// Returns the file that `name` means: the one of this name, or else the only one that differs from it in nothing
    /// but capitals, Unicode form or a missing ending.
    ///
    /// # Errors
    ///
    /// The reason, for people, with the name that may be meant.
    pub fn find(&self, name: &str) -> Result<&str, String> {
        if let Some(exact) = self.exact.get(name) {
            return Ok(exact);
        }
        let alike = folded(name);
        let found = self.alike.get(&alike).or_else(|| self.stems.get(&alike)).map_or(&[][..], Vec::as_slice);
        match found {
            [one] => Ok(one),
            [] => {
                let searched = self.exact.iter().map(String::as_str).take(SEARCHED);
                let near = text::nearest(name, searched).map(|near| format!(" (did you mean {}?)", text::show(&near)));
                Err(format!("is not in the delivery{}", near.unwrap_or_default()))
            }
            several => {
                let names: Vec<String> = several.iter().take(3).map(|name| text::show(name)).collect();
                Err(format!("may be {} files: {}; write the whole name", several.len(), names.join(", ")))
            }
        }
    }
}

/// A name in Unicode's composed form (NFC) and without capitals.
fn folded(name: &str) -> String {
    ComposingNormalizerBorrowed::new_nfc().normalize(name).to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> FileNames {
        FileNames::new(names.iter().map(|name| (*name).to_owned()))
    }

    #[test]
    fn names_are_found_in_capitals_in_another_unicode_form_and_without_their_ending() {
        let files = names(&["Balloon-Noto.PNG", "cafe\u{301}.png", "パンダ.png", "a/b.png"]);
        for (written, file) in [
            ("Balloon-Noto.PNG", "Balloon-Noto.PNG"),
            ("balloon-noto.png", "Balloon-Noto.PNG"),
            ("caf\u{e9}.png", "cafe\u{301}.png"),
            ("ハ\u{309a}ンタ\u{3099}.png", "パンダ.png"),
            ("balloon-noto", "Balloon-Noto.PNG"),
            ("A/B.png", "a/b.png"),
        ] {
            assert_eq!(files.find(written), Ok(file), "{written}");
        }
    }

    #[test]
    fn what_could_be_two_files_or_none_is_refused_with_a_suggestion() {
        let files = names(&["rose.png", "ROSE.png", "rose.jpg", "balloon.png"]);
        assert!(files.find("Rose.PNG").unwrap_err().contains("may be 2 files"));
        assert!(files.find("rose").unwrap_err().contains("may be 3 files"));
        assert_eq!(files.find("ballon.png").unwrap_err(), "is not in the delivery (did you mean `balloon.png`?)");
        assert_eq!(files.find("zebra.gif").unwrap_err(), "is not in the delivery");
    }
}
