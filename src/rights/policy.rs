//! Rules on what licences say about training on pictures and using the images that follow. They are no legal advice.
//!
//! # Invariants
//!
//! A licence that neither this file nor the settings know is refused.

use serde::{Deserialize, Serialize};

use super::Grant;
use crate::base::licence::Licence;
use crate::base::time::Date;
use crate::spec::Claim;

/// What a licence allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ruling {
    /// Use freely; the licence's notice stays with the bundle.
    Allowed,
    /// Use, and name the holder.
    Attribution,
    /// Do not use; the settings may allow it.
    Refused,
}

/// The built-in rules with the additions of the settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Licences that the settings allow (`allowed_licences`), such as `LicenseRef-Acme-Agency`.
    pub allowed: Vec<Licence>,
    /// The day for which rulings are made.
    pub today: Date,
}

impl Policy {
    /// Returns what a licence allows, and why.
    pub fn rule(&self, licence: &str) -> (Ruling, &'static str) {
        if !self.allowed.iter().any(|allowed| allowed.is(licence.trim())) {
            rule(licence)
        } else if names_the_holder(licence) {
            (Ruling::Attribution, "allowed by the setting allowed_licences; name the holder")
        } else {
            (Ruling::Allowed, "allowed by the setting allowed_licences")
        }
    }

    /// Returns what a grant allows today, and why.
    pub fn judge(&self, grant: &Grant) -> (Ruling, String) {
        match grant.terms.until {
            Some(until) if until < self.today => (Ruling::Refused, format!("expired on {until}")),
            _ => {
                let (ruling, reason) = self.rule(grant.licence.as_str());
                (ruling, reason.into())
            }
        }
    }

    /// Makes the grant of a claim that is complete and may be used for training today.
    ///
    /// # Errors
    ///
    /// Says what the claim leaves out, or why its grant is refused.
    pub fn admit(&self, claim: &Claim) -> Result<Grant, String> {
        let grant = Grant::try_from(claim)?;
        match self.judge(&grant) {
            (Ruling::Refused, reason) => Err(format!("({}): {reason}", grant.licence)),
            _ => Ok(grant),
        }
    }
}

/// Versions of the Creative Commons licences.
const CC_VERSIONS: [&str; 5] = ["1.0", "2.0", "2.5", "3.0", "4.0"];

/// Tells whether a licence asks that its holder be named, even where the settings allow it: every Creative Commons
/// licence but CC0 does.
pub(crate) fn names_the_holder(licence: &str) -> bool {
    licence.trim().to_ascii_uppercase().starts_with("CC-BY")
}

/// Tells whether what follows `CC-BY-` is a version, or a version and the country it was adapted to. SPDX's names have
/// no other form, and `CC-BY-NonCommercial-4.0` must not be taken for attribution alone.
fn is_cc_version(rest: &str) -> bool {
    let is_land = |land: &str| land == "IGO" || (land.len() == 2 && land.chars().all(|c| c.is_ascii_uppercase()));
    match rest.split_once('-') {
        None => CC_VERSIONS.contains(&rest),
        Some((version, land)) => CC_VERSIONS.contains(&version) && is_land(land),
    }
}

fn rule(licence: &str) -> (Ruling, &'static str) {
    let licence = licence.trim().to_ascii_uppercase();
    let parts: Vec<&str> = licence.split('-').collect();
    let starts = |names: &[&str]| names.iter().any(|name| licence.starts_with(name));
    if starts(&["LICENSEREF-"]) {
        (Ruling::Refused, "a contract of your own; read it, then list it under allowed_licences")
    } else if parts.contains(&"SA") || starts(&["GPL", "LGPL", "AGPL", "MPL", "EPL", "CDDL", "EUPL", "ODBL", "OFL"]) {
        (Ruling::Refused, "a share-alike licence could extend to your campaign; refused by default")
    } else if parts.contains(&"NC") {
        (Ruling::Refused, "the licence forbids commercial use")
    } else if parts.contains(&"ND") {
        (Ruling::Refused, "the licence forbids derived works")
    } else if licence.strip_prefix("CC-BY-").is_some_and(is_cc_version) {
        (Ruling::Attribution, "free to use if the holder is named")
    } else if ["CC0-1.0", "MIT", "MIT-0", "APACHE-2.0", "ISC", "UNLICENSE", "0BSD", "BSD-2-CLAUSE", "BSD-3-CLAUSE"]
        .contains(&&*licence)
    {
        (Ruling::Allowed, "a permissive licence")
    } else {
        (
            Ruling::Refused,
            "this licence has no built-in rule; read it, then list it under allowed_licences, or choose another style",
        )
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
            ("CC-BY-3.0-IGO", Ruling::Attribution),
            ("cc-by-2.5-au", Ruling::Attribution),
            ("CC-BY-3.0-NC", Ruling::Refused),
            ("CC-BY-NonCommercial-4.0", Ruling::Refused),
            ("CC-BY-ShareAlike-4.0", Ruling::Refused),
            ("CC-BY-NC4.0", Ruling::Refused),
            ("CC-BY-SA4.0", Ruling::Refused),
            ("CC-BY-NoDerivs-3.0", Ruling::Refused),
            ("CC-BY-5.0", Ruling::Refused),
            ("CC-BY-", Ruling::Refused),
            ("CC-BY", Ruling::Refused),
            ("GPL-3.0-only", Ruling::Refused),
            ("", Ruling::Refused),
            ("All rights reserved", Ruling::Refused),
            ("MIT OR GPL-2.0", Ruling::Refused),
            ("LicenseRef-Acme", Ruling::Refused),
        ] {
            assert_eq!(Policy::default().rule(licence).0, ruling, "{licence}");
        }
    }

    #[test]
    fn settings_allow_more_and_days_allow_less() {
        let policy = Policy { allowed: vec!["LicenseRef-Acme".parse().unwrap()], today: "2027-06-01".parse().unwrap() };
        let text = |text: &str| Some(text.to_owned());
        let claim = |licence: &str, until: &str| Claim {
            source: text("agency"),
            licence: licence.parse().ok(),
            holder: text("Acme"),
            until: until.parse().ok(),
            ..Claim::default()
        };
        assert!(policy.admit(&claim("licenseref-acme", "2027-06-01")).is_ok());
        assert_eq!(policy.admit(&claim("MIT", "2027-05-31")).unwrap_err(), "(MIT): expired on 2027-05-31");
        assert!(policy.admit(&claim("LicenseRef-Other", "")).unwrap_err().contains("allowed_licences"));
        // A licence that the settings allow still asks for what it asks for.
        let share_alike = Policy { allowed: vec!["CC-BY-SA-4.0".parse().unwrap()], ..Policy::default() };
        assert_eq!(share_alike.rule("cc-by-sa-4.0").0, Ruling::Attribution);
        assert_eq!(share_alike.rule("CC-BY-SA-3.0").0, Ruling::Refused);
        assert_eq!(policy.admit(&Claim::default()).unwrap_err(), "names no source, no licence, no holder");
    }
}
