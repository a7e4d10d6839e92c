//! Licences, by the identifier that SPDX gives them, or by a reference of one's own.
//!
//! Which licences may be used is for [`crate::rights`] to say; here only the name is checked.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::base::checked_text::text_conversions;
use crate::base::limits;

/// How a reference to a licence outside SPDX's list begins.
const OWN: &str = "LicenseRef-";

/// One licence: an identifier of SPDX's list (`CC-BY-4.0`) or a reference of one's own (`LicenseRef-Acme-Agency`).
///
/// Letters may be of either case, as SPDX says; the text stays as it was written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Licence(String);

impl Licence {
    /// The identifier as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Tells whether both name the same licence: the case of letters makes no difference.
    pub fn is(&self, identifier: &str) -> bool {
        self.0.eq_ignore_ascii_case(identifier)
    }
}

impl FromStr for Licence {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("is empty".into());
        }
        if text.len() > limits::SHORT_TEXT {
            return Err(format!("has more than {} characters", limits::SHORT_TEXT));
        }
        if is_own(text) || is_listed(text) {
            return Ok(Self(text.into()));
        }
        Err("is not a licence's name: expected one of SPDX, such as `Apache-2.0`, or your own, `LicenseRef-…`".into())
    }
}

impl fmt::Display for Licence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

text_conversions!(Licence);

/// Whether `text` is `LicenseRef-` and a name of letters, digits, dots and dashes.
fn is_own(text: &str) -> bool {
    let name = text.split_at_checked(OWN.len()).filter(|(own, _)| own.eq_ignore_ascii_case(OWN)).map(|(_, name)| name);
    name.is_some_and(|name| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b)))
}

/// Whether SPDX lists `text`, alone or with the `+` for later versions.
fn is_listed(text: &str) -> bool {
    let id = text.strip_suffix('+').unwrap_or(text);
    spdx::identifiers::LICENSES.iter().any(|listed| listed.name.eq_ignore_ascii_case(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_licence_is_one_of_spdx_or_a_reference() {
        for good in [
            "MIT",
            "Apache-2.0",
            "cc-by-2.5-au",
            "CC-BY-SA-4.0",
            "GPL-2.0",
            "GPL-2.0+",
            "LicenseRef-Acme.2",
            "licenseref-x",
        ] {
            assert_eq!(good.parse::<Licence>().unwrap().as_str(), good);
        }
        let long = format!("LicenseRef-{}", "a".repeat(100));
        for bad in [
            "",
            "MIT\r",
            "all rights reserved",
            "MIT OR GPL-2.0",
            "CC-BY-NonCommercial-4.0",
            "LicenseRef-",
            "LicenseRef-a b",
            "+",
            &long,
        ] {
            assert!(bad.parse::<Licence>().is_err(), "{bad:?}");
        }
        assert!("mit".parse::<Licence>().unwrap().is("MIT"));
    }
}
