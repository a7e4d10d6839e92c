//! What the styles' licences say about using the images. A rule of thumb for people, not legal advice.
//!
//! What always holds: a licence this file does not know is refused, never waved through.

use super::StyleFacts;
use serde::{Deserialize, Serialize};

/// The verdict on every style of a campaign.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RightsVerdict {
    /// One entry a style, in the campaign's order.
    pub styles: Vec<StyleRights>,
}

/// A style, its licence, and what follows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StyleRights {
    /// The style's name.
    pub style: String,
    /// Its licence.
    pub licence: String,
    /// Who holds the rights.
    pub holder: String,
    /// Where it came from.
    pub source: String,
    /// The verdict.
    pub ruling: Ruling,
    /// Why, in a sentence.
    pub reason: String,
}

/// What a licence allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ruling {
    /// Use freely; the licence's notice stays with the bundle.
    Allowed,
    /// Use, and name the holder.
    Attribution,
    /// Not without somebody's decision.
    Refused,
}

impl RightsVerdict {
    pub(super) fn of<'a>(styles: impl Iterator<Item = &'a StyleFacts>) -> Self {
        let styles = styles.map(|style| {
            let (ruling, reason) = rule(&style.licence);
            StyleRights {
                style: style.name.clone(),
                licence: style.licence.clone(),
                holder: style.holder.clone(),
                source: style.source.clone(),
                ruling,
                reason: reason.into(),
            }
        });
        Self { styles: styles.collect() }
    }

    /// The styles that may not be used as things stand.
    pub fn refused(&self) -> impl Iterator<Item = &StyleRights> {
        self.styles.iter().filter(|style| style.ruling == Ruling::Refused)
    }
}

fn rule(licence: &str) -> (Ruling, &'static str) {
    let licence = licence.trim().to_ascii_uppercase();
    let parts: Vec<&str> = licence.split('-').collect();
    let starts = |names: &[&str]| names.iter().any(|name| licence.starts_with(name));
    if parts.contains(&"SA") || starts(&["GPL", "LGPL", "AGPL", "MPL", "EPL", "CDDL", "EUPL", "ODBL", "OFL"]) {
        (Ruling::Refused, "a share-alike licence could reach over to your campaign; refused by default")
    } else if parts.contains(&"NC") {
        (Ruling::Refused, "the licence forbids commercial use")
    } else if parts.contains(&"ND") {
        (Ruling::Refused, "the licence forbids derived works")
    } else if licence.starts_with("CC-BY-") {
        (Ruling::Attribution, "free to use if the holder is named")
    } else if ["CC0-1.0", "MIT", "MIT-0", "APACHE-2.0", "ISC", "UNLICENSE", "0BSD", "BSD-2-CLAUSE", "BSD-3-CLAUSE"]
        .contains(&&*licence)
    {
        (Ruling::Allowed, "a permissive licence")
    } else {
        (Ruling::Refused, "this licence is not known here; somebody must decide")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_and_share_alike_licences_are_refused() {
        for (licence, ruling) in [
            ("MIT", Ruling::Allowed),
            ("Apache-2.0", Ruling::Allowed),
            ("CC0-1.0", Ruling::Allowed),
            ("CC-BY-4.0", Ruling::Attribution),
            ("CC-BY-SA-4.0", Ruling::Refused),
            ("CC-BY-NC-4.0", Ruling::Refused),
            ("CC-BY-ND-4.0", Ruling::Refused),
            ("GPL-3.0-only", Ruling::Refused),
            ("", Ruling::Refused),
            ("All rights reserved", Ruling::Refused),
            ("MIT OR GPL-2.0", Ruling::Refused),
        ] {
            assert_eq!(rule(licence).0, ruling, "{licence}");
        }
    }
}
