//! What licences say about learning from pictures and using what comes of it. A rule of thumb, not legal advice.
//!
//! What always holds: a licence that neither this file nor the settings know is refused, never waved through.

use super::Grant;
use crate::spec::{Claim, Date};
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
    pub allowed: Vec<String>,
    /// The day on which it is judged.
    pub today: Date,
}

impl Policy {
    /// What a licence allows, and why.
    pub fn rule(&self, licence: &str) -> (Ruling, &'static str) {
        match self.allowed.iter().any(|allowed| allowed.eq_ignore_ascii_case(licence.trim())) {
            true => (Ruling::Allowed, "allowed by the settings of this house"),
            false => rule(licence),
        }
    }

    /// What a grant allows today, and why.
    pub fn judge(&self, grant: &Grant) -> (Ruling, String) {
        match grant.terms.until {
            Some(until) if until < self.today => (Ruling::Refused, format!("expired on {until}")),
            _ => {
                let (ruling, reason) = self.rule(&grant.licence);
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
            ("LicenseRef-Acme", Ruling::Refused),
        ] {
            assert_eq!(Policy::default().rule(licence).0, ruling, "{licence}");
        }
    }

    #[test]
    fn settings_allow_more_and_days_allow_less() {
        let policy = Policy { allowed: vec!["LicenseRef-Acme".into()], today: "2027-06-01".parse().unwrap() };
        let text = |text: &str| Some(text.to_owned());
        let claim = |licence: &str, until: &str| Claim {
            source: text("agency"),
            licence: text(licence),
            holder: text("Acme"),
            until: until.parse().ok(),
            ..Claim::default()
        };
        assert!(policy.admit(&claim("licenseref-acme", "2027-06-01")).is_ok());
        assert_eq!(policy.admit(&claim("MIT", "2027-05-31")).unwrap_err(), "(MIT): expired on 2027-05-31");
        assert!(policy.admit(&claim("LicenseRef-Other", "")).unwrap_err().contains("allowed_licences"));
        assert_eq!(policy.admit(&Claim::default()).unwrap_err(), "names no source, no licence, no holder");
    }
}
