//! The gate: decides which images pass, which are tried again and which are rejected. Pure.
//!
//! Takes the thresholds of a job and the scores of an image; returns an [`Attempt`] with its reasons, and the [`next`]
//! step.
//!
//! # Invariants
//!
//! A score that is not a number passes no threshold. A threshold of 0 is always passed. Of several rejected attempts
//! the best one is kept.

use crate::campaign::sidecar::Attempt;
use crate::pipeline::scores::Scores;
use crate::spec::Gate;

/// The step that follows an attempt at a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// The image passed.
    Accept,
    /// Another attempt is to be made: the same job with other noise.
    Again,
    /// No attempts are left.
    GiveUp,
}

/// Checks an image against the thresholds and returns the attempt.
pub fn judge(gate: &Gate, number: u32, scores: Option<Scores>) -> Attempt {
    let mut reasons = Vec::new();
    let mut hold = |what: &str, score: Option<f32>, least: f32| match score {
        _ if least <= 0.0 => {}
        Some(score) if score >= least => {}
        Some(score) => reasons.push(format!("{what} {score:.2} is under {least:.2}")),
        None => reasons.push(format!("the bundle has no evaluator that knows the {what}")),
    };
    hold("style", scores.as_ref().and_then(|s| s.style), gate.style);
    hold("category", scores.as_ref().and_then(|s| s.category), gate.category);
    Attempt { number, scores, passed: reasons.is_empty(), reasons }
}

/// Returns the record of an attempt that gave no image.
pub fn failed(number: u32, reason: String) -> Attempt {
    Attempt { number, scores: None, passed: false, reasons: vec![reason] }
}

/// Returns the step that follows these attempts.
pub fn next(gate: &Gate, attempts: &[Attempt]) -> Next {
    let made = attempts.len() as u32;
    match attempts.last() {
        Some(last) if last.passed => Next::Accept,
        _ if made < gate.attempts => Next::Again,
        _ => Next::GiveUp,
    }
}

/// Returns how close an image is to passing: 2 if it passes both thresholds, less by how far it stays below.
pub(crate) fn nearness(gate: &Gate, scores: Option<&Scores>) -> f32 {
    let near = |score: Option<f32>, least: f32| match score.unwrap_or(0.0) / least {
        _ if least <= 0.0 => 1.0,
        ratio if ratio.is_nan() => 0.0,
        ratio => ratio.clamp(0.0, 1.0),
    };
    scores.map_or(0.0, |s| near(s.style, gate.style) + near(s.category, gate.category))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(style: f32, category: f32) -> Option<Scores> {
        let name = String::new();
        let (style, category) = (Some(style), Some(category));
        let (style_found, category_found) = (name.clone(), name);
        Some(Scores {
            style,
            category,
            style_found,
            category_found,
            category_rank: Some(1),
            agreement: None,
            fingerprint: None,
        })
    }

    const GATE: Gate = Gate { style: 0.6, category: 0.5, attempts: 3 };

    #[test]
    fn reasons_name_the_score_that_is_too_low() {
        assert!(judge(&GATE, 1, scores(0.6, 0.5)).passed);
        assert_eq!(judge(&GATE, 1, scores(0.2, 0.9)).reasons, ["style 0.20 is under 0.60"]);
        assert_eq!(judge(&GATE, 1, scores(f32::NAN, 0.4)).reasons.len(), 2);
        assert!(!judge(&GATE, 1, None).passed);
        assert!(judge(&Gate { style: 0.0, category: 0.0, attempts: 1 }, 1, None).passed);
    }

    #[test]
    fn attempts_go_on_until_one_passes_or_all_are_used_up() {
        let low = |n| judge(&GATE, n, scores(0.1, 0.1));
        assert_eq!(next(&GATE, &[]), Next::Again);
        assert_eq!(next(&GATE, &[low(1)]), Next::Again);
        assert_eq!(next(&GATE, &[low(1), failed(2, "not finite".into())]), Next::Again);
        assert_eq!(next(&GATE, &[low(1), low(2), judge(&GATE, 3, scores(0.9, 0.9))]), Next::Accept);
        assert_eq!(next(&GATE, &[low(1), low(2), low(3)]), Next::GiveUp);
    }

    #[test]
    fn the_nearer_miss_is_the_better_one() {
        let near = |style, category| nearness(&GATE, scores(style, category).as_ref());
        assert!(near(0.5, 0.9) > near(0.3, 0.99));
        assert_eq!(near(0.9, 0.9), 2.0);
        assert_eq!(near(f32::NAN, f32::NAN), 0.0);
        assert_eq!(nearness(&GATE, None), 0.0);
    }
}
