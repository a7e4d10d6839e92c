//! The flag `--lang`, which names the language of a page.

use crate::html::Lang;

/// The languages of pages.
#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
pub(super) enum PageLanguage {
    /// English.
    #[default]
    En,
    /// Japanese.
    Ja,
}

impl From<PageLanguage> for Lang {
    fn from(language: PageLanguage) -> Self {
        match language {
            PageLanguage::En => Self::En,
            PageLanguage::Ja => Self::Ja,
        }
    }
}
