//! What licences say about learning from pictures and using what comes of it. A rule of thumb, not legal advice.
//!
//! What always holds: a licence that neither this file nor the settings know is refused, never waved through.

use super::Grant;
use crate::base::licence::Licence;
use crate::base::time::Date;
use crate::spec::Claim;
use serde::{Deserialize, Serialize};

/// What a licence allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ruling {
    /// Use freely; the licence's notice stays with the bundle.
    Allowed,
    /// Use, and name the holder.
    Attribution,
    /// Not without somebody's decision.
    Refused,
}

/// The house's own additions to the rule of thumb.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Licences that somebody decided to allow, such as `LicenseRef-Acme-Agency`.
    pub allowed: Vec<Licence>,
    /// The day on which it is judged.
    pub today: Date,
}

impl Policy {
    /// What a licence allows, and why.
    pub fn rule(&self, licence: &str) -> (Ruling, &'static str) {
        match self.allowed.iter().any(|allowed| allowed.is(licence.trim())) {
            true if names_the_holder(licence) => {
                (Ruling::Attribution, "allowed by the settings of this house; name the holder")
            }
            true => (Ruling::Allowed, "allowed by the settings of this house"),
            false => rule(licence),
        }
    }

    /// What a grant allows today, and why.
    pub fn judge(&self, grant: &Grant) -> (Ruling, String) {
        match grant.terms.until {
            Some(until) if until < self.today => (Ruling::Refused, format!("expired on {until}")),
            _ => {
                let (ruling, reason) = self.rule(grant.licence.as_str());
                (ruling, reason.into())
            }
        }
    }

    /// The grant of a claim, if it is complete and may be learned from today; otherwise why not.
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

/// Whether a licence asks for its holder to be named, whoever allowed it: every Creative Commons licence but CC0 does.
pub fn names_the_holder(licence: &str) -> bool {
    licence.trim().to_ascii_uppercase().starts_with("CC-BY")
}

/// Whether what follows `CC-BY-` is a version, or a version and the land it was adapted to. SPDX's names have no other form, and
/// `CC-BY-NonCommercial-4.0` must not be taken for attribution alone.
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
        (Ruling::Refused, "a contract of your own; list it under allowed_licences once somebody has read it")
    } else if parts.contains(&"SA") || starts(&["GPL", "LGPL", "AGPL", "MPL", "EPL", "CDDL", "EUPL", "ODBL", "OFL"]) {
        (Ruling::Refused, "a share-alike licence could reach over to your campaign; refused by default")
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
        // That somebody allowed it does not do away with what it asks for.
        let share_alike = Policy { allowed: vec!["CC-BY-SA-4.0".parse().unwrap()], ..Policy::default() };
        assert_eq!(share_alike.rule("cc-by-sa-4.0").0, Ruling::Attribution);
        assert_eq!(share_alike.rule("CC-BY-SA-3.0").0, Ruling::Refused);
        assert_eq!(policy.admit(&Claim::default()).unwrap_err(), "names no source, no licence, no holder");
    }
}
