//! Grants: the rights in some pictures, and the terms that several grants allow together.
//!
//! # Invariants
//!
//! Terms only get narrower as grants are added.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::base::licence::Licence;
use crate::base::time::Date;
use crate::spec::{Claim, RightsRequest};

/// The rights in some pictures, complete: source, licence, holder and terms.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Grant {
    /// Where the pictures came from.
    pub source: String,
    /// The licence.
    pub licence: Licence,
    /// Who holds the rights.
    pub holder: String,
    /// What proves it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<String>,
    /// Where, for what and until when it holds.
    #[serde(default)]
    pub terms: Terms,
}

/// Where, for what and until when pictures may be used.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Terms {
    /// Where; `None` for everywhere, an empty list for nowhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub territories: Option<Vec<String>>,
    /// For what; `None` for everything, an empty list for nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channels: Option<Vec<String>>,
    /// The last day; `None` for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Date>,
}

impl TryFrom<&Claim> for Grant {
    type Error = String;

    /// Makes the grant of a claim, or says what the claim leaves out.
    fn try_from(claim: &Claim) -> Result<Self, String> {
        let (Some(source), Some(licence), Some(holder)) = (&claim.source, &claim.licence, &claim.holder) else {
            let said = [
                ("source", claim.source.is_some()),
                ("licence", claim.licence.is_some()),
                ("holder", claim.holder.is_some()),
            ];
            let missing: Vec<&str> = said.iter().filter(|(_, said)| !said).map(|(name, _)| *name).collect();
            return Err(format!("names no {}", missing.join(", no ")));
        };
        let some = |words: &Vec<String>| (!words.is_empty()).then(|| words.clone());
        let terms =
            Terms { territories: some(&claim.territories), channels: some(&claim.channels), until: claim.until };
        Ok(Self {
            source: source.clone(),
            licence: licence.clone(),
            holder: holder.clone(),
            evidence: claim.evidence.clone(),
            terms,
        })
    }
}

impl Terms {
    /// Returns the terms that all these grants allow together.
    pub fn of<'a>(grants: impl IntoIterator<Item = &'a Grant>) -> Self {
        grants.into_iter().fold(Self::default(), |sum, grant| sum.and(&grant.terms))
    }

    fn and(&self, other: &Self) -> Self {
        Self {
            territories: common(&self.territories, &other.territories),
            channels: common(&self.channels, &other.channels),
            until: [self.until, other.until].into_iter().flatten().min(),
        }
    }

    /// Tells every way in which a use goes beyond these terms; empty if it does not.
    pub(crate) fn exceeded_by(&self, request: &RightsRequest) -> Vec<String> {
        let mut reasons = Vec::new();
        for (what, allowed, asked) in
            [("channel", &self.channels, &request.channels), ("territory", &self.territories, &request.territories)]
        {
            let Some(allowed) = allowed else { continue };
            let list = if allowed.is_empty() { "none".into() } else { allowed.join(", ") };
            let outside = asked.iter().filter(|word| !has(allowed, word));
            reasons.extend(outside.map(|word| format!("{what} `{word}` is not cleared, only {list}")));
        }
        if let (Some(until), Some(asked)) = (self.until, request.until)
            && asked > until
        {
            reasons.push(format!("cleared until {until}, asked for until {asked}"));
        }
        reasons
    }
}

impl fmt::Display for Terms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = |words: &Option<Vec<String>>, all: &str| match words {
            None => all.to_owned(),
            Some(words) if words.is_empty() => "none".into(),
            Some(words) => words.join(", "),
        };
        let until = self.until.map_or_else(|| "without end".into(), |until| format!("until {until}"));
        write!(
            f,
            "channels: {}; territories: {}; {until}",
            words(&self.channels, "all"),
            words(&self.territories, "everywhere")
        )
    }
}

fn common(one: &Option<Vec<String>>, other: &Option<Vec<String>>) -> Option<Vec<String>> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.iter().filter(|word| has(other, word)).cloned().collect()),
        (one, other) => one.clone().or_else(|| other.clone()),
    }
}

fn has(words: &[String], word: &str) -> bool {
    words.iter().any(|known| known.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(territories: &[&str], until: Option<&str>) -> Terms {
        let some = |words: &[&str]| (!words.is_empty()).then(|| words.iter().map(ToString::to_string).collect());
        Terms { territories: some(territories), channels: None, until: until.map(|d| d.parse().unwrap()) }
    }

    #[test]
    fn terms_only_get_narrower() {
        let grant = |terms| Grant {
            source: "s".into(),
            licence: "MIT".parse().unwrap(),
            holder: "h".into(),
            evidence: None,
            terms,
        };
        let grants =
            [terms(&["JP", "US"], Some("2027-01-01")), terms(&[], None), terms(&["us", "DE"], Some("2026-01-01"))];
        let sum = Terms::of(&grants.map(grant));
        assert_eq!(sum, terms(&["US"], Some("2026-01-01")));
        let nowhere = sum.and(&terms(&["FR"], None));
        assert_eq!(nowhere.territories, Some(Vec::new()));
        let asked = |territories: &[&str], until: &str| RightsRequest {
            channels: vec!["web".into()],
            territories: territories.iter().map(ToString::to_string).collect(),
            until: until.parse().ok(),
        };
        assert!(sum.exceeded_by(&asked(&["us"], "2025-12-31")).is_empty());
        assert_eq!(sum.exceeded_by(&asked(&["US", "JP"], "2026-01-02")).len(), 2);
        assert!(nowhere.exceeded_by(&asked(&["US"], "2025-01-01"))[0].contains("only none"));
    }

    #[test]
    fn a_claim_must_be_complete() {
        let mut claim = Claim { source: Some("agency".into()), ..Claim::default() };
        assert_eq!(Grant::try_from(&claim).unwrap_err(), "names no licence, no holder");
        claim.licence = "MIT".parse().ok();
        claim.holder = Some("Acme".into());
        assert_eq!(Grant::try_from(&claim).unwrap().terms, Terms::default());
    }
}
