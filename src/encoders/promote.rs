//! Which version is in use: the rule for changing it, and the way back. Pure.
//!
//! In: scores and records. Out: evidence or reasons against, and the version to return to. What always holds: what was not
//! measured is not promoted; going back twice goes two versions back, never to and fro.

use super::registry::{Grounds, Promotion};
use crate::spec::VersionId;
use std::collections::{BTreeMap, BTreeSet};

/// The score, 0 to 1, of how well the style is met; from the evaluation suite.
pub const STYLE: &str = "style";
/// The score, 0 to 1, of how well the category is met; from the evaluation suite.
pub const CATEGORY: &str = "category";

/// How much of the category's score a better style may cost: one point.
const TOLERATED: f64 = 0.01;
/// Rounding that is no loss.
const EPSILON: f64 = 1e-9;

/// Compares a candidate's scores with those of the version in use: the evidence for it, or every reason against.
pub fn compare(
    candidate: &BTreeMap<String, f64>,
    promoted: Option<(&VersionId, &BTreeMap<String, f64>)>,
) -> Result<Vec<String>, Vec<String>> {
    let (mut evidence, mut against) = (Vec::new(), Vec::new());
    for (name, tolerated) in [(STYLE, 0.0), (CATEGORY, TOLERATED)] {
        let Some(new) = score(candidate, name) else {
            against.push(format!("it has no {name} score"));
            continue;
        };
        let Some((version, scores)) = promoted else {
            evidence.push(format!("{name} {new:.3}; nothing was promoted before"));
            continue;
        };
        match score(scores, name) {
            None => against.push(format!("{version} has no {name} score to compare with")),
            Some(old) if new < old - tolerated - EPSILON => {
                let rule = if tolerated > 0.0 { "it may lose 0.010" } else { "it must not be worse" };
                against.push(format!("{name} {new:.3} against {old:.3} of {version}; {rule}"));
            }
            Some(old) => evidence.push(format!("{name} {new:.3} against {old:.3} of {version}")),
        }
    }
    if against.is_empty() { Ok(evidence) } else { Err(against) }
}

fn score(scores: &BTreeMap<String, f64>, name: &str) -> Option<f64> {
    scores.get(name).copied().filter(|score| score.is_finite())
}

/// The version to go back to from the one in use; versions that are not `usable` are passed over.
pub fn previous(records: &[Promotion], usable: impl Fn(&VersionId) -> bool) -> Option<&VersionId> {
    let mut seen = BTreeSet::new();
    let mut at = &records.last()?.version;
    loop {
        seen.insert(at);
        // The record that first put it in use knows what was there before; a rollback to it does not.
        let promoted = |record: &&Promotion| record.version == *at && !matches!(record.grounds, Grounds::Rollback(_));
        at = records.iter().rev().find(promoted)?.previous.as_ref()?;
        if seen.contains(at) {
            return None;
        }
        if usable(at) {
            return Some(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{EncoderName, Timestamp};

    fn scores(style: f64, category: f64) -> BTreeMap<String, f64> {
        BTreeMap::from([("style".into(), style), ("category".into(), category)])
    }

    #[test]
    fn a_candidate_must_not_be_worse() {
        let version = "style/acme@1".parse().unwrap();
        let verdict =
            |new: (f64, f64), old: (f64, f64)| compare(&scores(new.0, new.1), Some((&version, &scores(old.0, old.1))));
        assert_eq!(verdict((0.6, 0.90), (0.6, 0.91)).unwrap().len(), 2);
        assert!(verdict((0.599, 0.99), (0.6, 0.91)).unwrap_err()[0].contains("style 0.599 against 0.600 of style/acme@1"));
        assert!(verdict((0.9, 0.899), (0.6, 0.91)).unwrap_err()[0].contains("category"));
        assert_eq!(verdict((0.1, 0.1), (0.6, 0.91)).unwrap_err().len(), 2);
        assert_eq!(verdict((f64::NAN, 1.0), (0.6, 0.91)).unwrap_err(), ["it has no style score"]);
        assert_eq!(compare(&scores(0.1, 0.1), Some((&version, &BTreeMap::new()))).unwrap_err().len(), 2);
        assert!(compare(&scores(0.1, 0.1), None).is_ok());
        assert_eq!(compare(&BTreeMap::new(), None).unwrap_err().len(), 2);
    }

    #[test]
    fn going_back_goes_on_back() {
        let acme: EncoderName = "style/acme".parse().unwrap();
        let mut records: Vec<Promotion> = Vec::new();
        let add = |records: &mut Vec<Promotion>, number: u32, grounds: Grounds| {
            let previous = records.last().map(|r| r.version.clone());
            records.push(Promotion { version: acme.version(number), previous, at: Timestamp::now(), by: "me".into(), grounds });
        };
        let all = |_: &VersionId| true;
        assert_eq!(previous(&records, all), None);
        for number in [1, 2, 4] {
            add(&mut records, number, Grounds::Evidence(Vec::new()));
        }
        assert_eq!(previous(&records, all), Some(&acme.version(2)));
        assert_eq!(previous(&records, |v| v.number != 2), Some(&acme.version(1)));
        add(&mut records, 2, Grounds::Rollback("x".into()));
        assert_eq!(previous(&records, all), Some(&acme.version(1)));
        add(&mut records, 1, Grounds::Rollback("x".into()));
        assert_eq!(previous(&records, all), None);
        add(&mut records, 4, Grounds::Forced("better".into()));
        assert_eq!(previous(&records, all), Some(&acme.version(1)));
    }
}
