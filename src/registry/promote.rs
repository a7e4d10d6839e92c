//! Decides whether a candidate version may be promoted, and which version a rollback returns to. Pure.
//!
//! # Invariants
//!
//! A version without scores is not promoted; two rollbacks go two versions back instead of alternating between two.

use std::collections::BTreeMap;

use crate::base::version::{Branch, VersionId};
use crate::registry::promotion::{NamedScores, Promotion, PromotionReason};

/// Name of the style score: how well images match the style, 0 to 1, from the evaluation suite.
pub(crate) const STYLE: &str = "style";
/// Name of the consistency score: the similarity to the brand's own pictures, used instead of [`STYLE`] if the
/// evaluator does not know the style.
pub(crate) const CONSISTENCY: &str = "consistency";
/// Name of the category score: how well images match the category, 0 to 1, from the evaluation suite.
pub(crate) const CATEGORY: &str = "category";

/// The tolerated loss of the score that the encoder is not for: one percentage point.
const TOLERATED: f64 = 0.01;
/// The tolerance for rounding errors.
const EPSILON: f64 = 1e-9;

/// What a candidate's scores are compared with.
#[derive(Clone, Copy, Debug)]
pub enum Against<'a> {
    /// Nothing: no version is in use, and no other encoder was measured.
    Nothing,
    /// The stock encoder prompted with the brand's name, as no version is in use.
    Stock(&'a NamedScores),
    /// The version in use.
    Version(&'a VersionId, &'a NamedScores),
}

/// Compares a candidate's scores with others and returns the evidence for it. The score of the encoder's own branch
/// must not get worse; the other may lose one percentage point, which is the variation between seeds.
///
/// # Errors
///
/// Fails with every reason against the candidate.
pub fn compare(branch: Branch, candidate: &NamedScores, against: Against<'_>) -> Result<Vec<String>, Vec<String>> {
    let (mut evidence, mut wrong) = (Vec::new(), Vec::new());
    let style =
        if score(candidate, STYLE).is_none() && score(candidate, CONSISTENCY).is_some() { CONSISTENCY } else { STYLE };
    for (name, of) in [(style, Branch::Style), (CATEGORY, Branch::Category)] {
        let tolerated = if of == branch { 0.0 } else { TOLERATED };
        let Some(new) = score(candidate, name) else {
            wrong.push(format!("it has no {name} score"));
            continue;
        };
        let (whose, scores) = match against {
            Against::Nothing => {
                evidence.push(format!("{name} {new:.3}; nothing is in use to compare with"));
                continue;
            }
            Against::Stock(scores) => ("the stock encoder".to_owned(), scores),
            Against::Version(version, scores) => (version.to_string(), scores),
        };
        // A first version must only hold the score of its own branch; the change of the other is reported as evidence.
        let must_hold = !matches!(against, Against::Stock(_)) || of == branch;
        match score(scores, name) {
            None => wrong.push(format!("{whose} has no {name} score to compare with")),
            Some(old) if must_hold && new < old - tolerated - EPSILON => {
                let rule = if tolerated > 0.0 { "it may lose 0.010" } else { "it must not be worse" };
                wrong.push(format!("{name} {new:.3} against {old:.3} of {whose}; {rule}"));
            }
            Some(old) => evidence.push(format!("{name} {new:.3} against {old:.3} of {whose}")),
        }
    }
    if wrong.is_empty() { Ok(evidence) } else { Err(wrong) }
}

fn score(scores: &BTreeMap<String, f64>, name: &str) -> Option<f64> {
    scores.get(name).copied().filter(|score| score.is_finite())
}

/// Returns the version that a rollback of the one in use returns to; versions that are not `usable` are skipped.
pub fn previous(records: &[Promotion], usable: impl Fn(&VersionId) -> bool) -> Option<&VersionId> {
    // An undo stack: a promotion is pushed, a rollback pops down to the version it returned to.
    let mut stack: Vec<&VersionId> = Vec::new();
    for record in records {
        if matches!(record.grounds, PromotionReason::Rollback(_)) {
            while stack.last().is_some_and(|top| **top != record.version) {
                stack.pop();
            }
        }
        if stack.last().is_none_or(|top| **top != record.version) {
            stack.push(&record.version);
        }
    }
    let in_use = stack.pop()?;
    stack.into_iter().rev().find(|version| *version != in_use && usable(version))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::time::Timestamp;
    use crate::base::version::EncoderName;

    fn scores(style: f64, category: f64) -> BTreeMap<String, f64> {
        BTreeMap::from([("style".into(), style), ("category".into(), category)])
    }

    #[test]
    fn a_candidate_must_not_be_worse() {
        let version = "style/acme@1".parse().unwrap();
        let verdict = |new: (f64, f64), old: (f64, f64)| {
            compare(Branch::Style, &scores(new.0, new.1), Against::Version(&version, &scores(old.0, old.1)))
        };
        assert_eq!(verdict((0.6, 0.90), (0.6, 0.91)).unwrap().len(), 2);
        assert!(
            verdict((0.599, 0.99), (0.6, 0.91)).unwrap_err()[0].contains("style 0.599 against 0.600 of style/acme@1")
        );
        assert!(verdict((0.9, 0.899), (0.6, 0.91)).unwrap_err()[0].contains("category"));
        assert_eq!(verdict((0.1, 0.1), (0.6, 0.91)).unwrap_err().len(), 2);
        assert_eq!(verdict((f64::NAN, 1.0), (0.6, 0.91)).unwrap_err(), ["it has no style score"]);
        let (low, none) = (scores(0.1, 0.1), BTreeMap::new());
        assert_eq!(compare(Branch::Style, &low, Against::Version(&version, &none)).unwrap_err().len(), 2);
        assert!(compare(Branch::Style, &low, Against::Nothing).is_ok());
        assert_eq!(compare(Branch::Style, &none, Against::Nothing).unwrap_err().len(), 2);
    }

    #[test]
    fn a_first_version_must_beat_no_version_at_what_it_is_for() {
        let near = |consistency, category| {
            BTreeMap::from([(CONSISTENCY.to_owned(), consistency), (CATEGORY.to_owned(), category)])
        };
        let stock = near(0.5, 0.9);
        let verdict = |branch, new: &NamedScores| compare(branch, new, Against::Stock(&stock));
        assert!(
            verdict(Branch::Style, &near(0.6, 0.8)).unwrap()[1]
                .contains("category 0.800 against 0.900 of the stock encoder")
        );
        assert_eq!(
            verdict(Branch::Style, &near(0.4, 0.9)).unwrap_err(),
            ["consistency 0.400 against 0.500 of the stock encoder; it must not be worse"]
        );
        assert!(
            verdict(Branch::Category, &near(0.4, 0.9)).is_ok() && verdict(Branch::Category, &near(0.6, 0.8)).is_err()
        );
    }

    #[test]
    fn going_back_goes_on_back() {
        let acme: EncoderName = "style/acme".parse().unwrap();
        let mut records: Vec<Promotion> = Vec::new();
        let add = |records: &mut Vec<Promotion>, number: u32, grounds: PromotionReason| {
            let previous = records.last().map(|r| r.version.clone());
            records.push(Promotion {
                version: acme.version(number),
                previous,
                at: Timestamp::now(),
                by: "me".into(),
                grounds,
            });
        };
        let all = |_: &VersionId| true;
        assert_eq!(previous(&records, all), None);
        for number in [1, 2, 4] {
            add(&mut records, number, PromotionReason::Evidence(Vec::new()));
        }
        assert_eq!(previous(&records, all), Some(&acme.version(2)));
        assert_eq!(previous(&records, |v| v.number != 2), Some(&acme.version(1)));
        add(&mut records, 2, PromotionReason::Rollback("x".into()));
        assert_eq!(previous(&records, all), Some(&acme.version(1)));
        add(&mut records, 1, PromotionReason::Rollback("x".into()));
        assert_eq!(previous(&records, all), None);
        add(&mut records, 4, PromotionReason::Forced("better".into()));
        assert_eq!(previous(&records, all), Some(&acme.version(1)));
        // A version that was promoted twice: back over each of its turns once, and then to an end.
        records.clear();
        for number in [1, 2, 1] {
            add(&mut records, number, PromotionReason::Forced("x".into()));
        }
        assert_eq!(previous(&records, |v| v.number != 2), None, "not to itself");
        for back in [2, 1] {
            assert_eq!(previous(&records, all), Some(&acme.version(back)));
            add(&mut records, back, PromotionReason::Rollback("x".into()));
        }
        assert_eq!(previous(&records, all), None);
    }
}
