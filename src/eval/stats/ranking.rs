//! Who wins, from votes on pairs: Bradley–Terry with ties, and raters who are not all equally good.
//!
//! Takes votes. Returns a [`Ranking`]: strengths, how common ties are, how reliable each rater is.
//!
//! Strengths and ties: R. R. Davidson, "On extending the Bradley–Terry model to accommodate ties", JASA 65 (1970).
//! Rater k sees a
//! pair the right way round with probability q_k: X. Chen et al., "Pairwise ranking aggregation in a crowdsourced
//! setting", WSDM
//! 2013. Always holds: found by expectation–maximisation, whose inner step is concave; weak priors (below) keep
//!       strengths finite
//! where one side always wins and qualities off 0 and 1.

use nalgebra::{DMatrix, DVector};

use crate::base::math;

/// Penalty on squared log-strengths and the log of the tie parameter: as strong as a few hundredths of a vote.
const RIDGE: f64 = 0.02;
/// Beta prior of a rater's quality: most raters look at what they vote on.
const QUALITY: (f64, f64) = (10.0, 2.0);
/// Rounds; each of them brings the likelihood up.
const ROUNDS: usize = 500;

/// One rater's vote on one pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PairVote {
    /// The rater's number.
    pub rater: usize,
    /// One item's number.
    pub first: usize,
    /// The other item's number.
    pub second: usize,
    /// Which one won.
    pub outcome: VoteOutcome,
}

/// How a vote went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VoteOutcome {
    /// The first is better.
    First,
    /// The second is better.
    Second,
    /// Neither is better.
    Tie,
}

/// The result of counting the votes.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranking {
    /// Log-strength of each item; they add up to 0. A vote between two is won by the stronger with odds
    /// exp(difference), ties aside.
    pub strengths: Vec<f64>,
    /// Davidson's tie parameter: 0 where nothing is ever a tie, 2 where equals tie half of the time.
    pub ties: f64,
    /// For each rater: how probably they see a pair the right way round.
    pub quality: Vec<f64>,
    /// Covariance of the strengths, row by row, from the curvature at the maximum.
    covariance: Vec<f64>,
}

impl Ranking {
    /// How much stronger `a` is than `b`, and the standard error of that.
    pub fn difference(&self, a: usize, b: usize) -> (f64, f64) {
        let n = self.strengths.len();
        let at = |i: usize, j: usize| self.covariance[i * n + j];
        let variance = at(a, a) + at(b, b) - at(a, b) - at(b, a);
        (self.strengths[a] - self.strengths[b], variance.max(0.0).sqrt())
    }
}

/// Fits the model to votes on items `0..items` by raters `0..raters`; `None` if there are no votes, or some are on
/// what is not there or on an item and itself.
pub fn bradley_terry(votes: &[PairVote], items: usize, raters: usize) -> Option<Ranking> {
    let sound = |v: &PairVote| v.first < items && v.second < items && v.first != v.second && v.rater < raters;
    if votes.is_empty() || !votes.iter().all(sound) {
        return None;
    }
    let (prior_right, prior_wrong) = QUALITY;
    let mut quality = vec![prior_right / (prior_right + prior_wrong); raters];
    let mut parameters = DVector::zeros(items + 1); // strengths, then the log of the tie parameter
    let mut curvature = DMatrix::identity(items + 1, items + 1);
    for _ in 0..ROUNDS {
        // How probably each vote was cast the right way round; a tie has no way round.
        let right: Vec<f64> = votes.iter().map(|vote| right_way(vote, &parameters, quality[vote.rater])).collect();
        let (mut sure, mut cast) = (vec![prior_right - 1.0; raters], vec![prior_right + prior_wrong - 2.0; raters]);
        for (vote, right) in votes.iter().zip(&right).filter(|(vote, _)| vote.outcome != VoteOutcome::Tie) {
            sure[vote.rater] += right;
            cast[vote.rater] += 1.0;
        }
        let before = (parameters.clone(), quality.clone());
        quality = sure.iter().zip(&cast).map(|(sure, cast)| sure / cast).collect();
        (parameters, curvature) = maximise(votes, &right, parameters)?;
        let moved = (&parameters - before.0).amax();
        let changed = quality.iter().zip(&before.1).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        if moved.max(changed) < 1e-10 {
            break;
        }
    }
    let covariance = curvature.try_inverse()?;
    let strengths: Vec<f64> = parameters.iter().take(items).copied().collect();
    let covariance = (0..items * items).map(|i| covariance[(i / items, i % items)]).collect();
    Some(Ranking { strengths, ties: math::exp(parameters[items]), quality, covariance })
}

fn right_way(vote: &PairVote, parameters: &DVector<f64>, quality: f64) -> f64 {
    let items = parameters.len() - 1;
    let [first, second, _] =
        chances(&parameters.as_slice()[..items], math::exp(parameters[items]), vote.first, vote.second);
    let (won, lost) = match vote.outcome {
        VoteOutcome::First => (first, second),
        VoteOutcome::Second => (second, first),
        VoteOutcome::Tie => return 1.0,
    };
    quality * won / (quality * won + (1.0 - quality) * lost)
}

/// Chances of first, second and tie.
fn chances(strengths: &[f64], ties: f64, a: usize, b: usize) -> [f64; 3] {
    let half = (strengths[a] - strengths[b]) / 2.0;
    let (first, second) = (math::exp(half), math::exp(-half));
    let all = first + second + ties;
    [first / all, second / all, ties / all]
}

/// Newton's steps to the maximum for votes counted the right way round with weight `right`, the wrong way with the
/// rest; with the curvature there.
fn maximise(votes: &[PairVote], right: &[f64], start: DVector<f64>) -> Option<(DVector<f64>, DMatrix<f64>)> {
    let n = start.len();
    let mut at = start;
    let mut curvature = DMatrix::zeros(n, n);
    for _ in 0..50 {
        let mut slope = -RIDGE * &at;
        curvature = DMatrix::identity(n, n) * RIDGE;
        for (vote, right) in votes.iter().zip(right) {
            let (a, b, tie) = (vote.first, vote.second, n - 1);
            let chance = chances(&at.as_slice()[..n - 1], math::exp(at[tie]), a, b);
            let seen = match vote.outcome {
                VoteOutcome::First => [*right, 1.0 - right, 0.0],
                VoteOutcome::Second => [1.0 - right, *right, 0.0],
                VoteOutcome::Tie => [0.0, 0.0, 1.0],
            };
            // In terms of (a, b, tie) the three outcomes pull at (1/2, -1/2, 0), (-1/2, 1/2, 0) and (0, 0, 1).
            let lean = (seen[0] - seen[1]) / 2.0 - (chance[0] - chance[1]) / 2.0;
            slope[a] += lean;
            slope[b] -= lean;
            slope[tie] += seen[2] - chance[2];
            let gap = (chance[0] - chance[1]) / 2.0;
            let spread = (chance[0] + chance[1]) / 4.0 - gap * gap;
            let cross = -gap * chance[2];
            for (i, j, value) in [(a, a, spread), (b, b, spread), (a, b, -spread), (b, a, -spread)] {
                curvature[(i, j)] += value;
            }
            for (i, value) in [(a, cross), (b, -cross)] {
                curvature[(i, tie)] += value;
                curvature[(tie, i)] += value;
            }
            curvature[(tie, tie)] += chance[2] * (1.0 - chance[2]);
        }
        let step = curvature.clone().cholesky()?.solve(&slope);
        let longest = step.amax();
        // Far from the maximum a whole step could overshoot.
        at += step * (2.0 / longest.max(2.0));
        if longest < 1e-12 {
            break;
        }
    }
    Some((at, curvature))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vote(rater: usize, first: usize, second: usize, outcome: VoteOutcome) -> PairVote {
        PairVote { rater, first, second, outcome }
    }

    #[test]
    fn the_side_does_not_matter_and_one_sided_votes_stay_finite() {
        let all_first: Vec<PairVote> = (0..20).map(|_| vote(0, 0, 1, VoteOutcome::First)).collect();
        let turned: Vec<PairVote> = (0..20).map(|_| vote(0, 1, 0, VoteOutcome::Second)).collect();
        let (a, b) = (bradley_terry(&all_first, 2, 1).unwrap(), bradley_terry(&turned, 2, 1).unwrap());
        assert!((a.strengths[0] - b.strengths[0]).abs() < 1e-9);
        assert!(a.strengths[0] > 0.5 && a.strengths[0].is_finite() && (a.strengths[0] + a.strengths[1]).abs() < 1e-9);
        assert!(a.difference(0, 1).0 > 1.7 && a.difference(0, 1).1 > 0.0);
    }

    #[test]
    fn a_rater_who_votes_against_everybody_counts_little() {
        let mut votes = Vec::new();
        for pair in 0..30 {
            let outcome = if pair % 5 == 0 { VoteOutcome::Second } else { VoteOutcome::First };
            votes.extend((0..3).map(|rater| vote(rater, 0, 1, outcome)));
            votes.push(vote(
                3,
                0,
                1,
                if outcome == VoteOutcome::First { VoteOutcome::Second } else { VoteOutcome::First },
            ));
        }
        let ranking = bradley_terry(&votes, 2, 4).unwrap();
        assert!(ranking.quality[3] < ranking.quality[0] - 0.2, "{:?}", ranking.quality);
        assert!(ranking.difference(0, 1).0 > 0.8);
    }

    #[test]
    fn equals_tie_and_nonsense_is_none() {
        let votes: Vec<PairVote> = (0..40).map(|_| vote(0, 0, 1, VoteOutcome::Tie)).collect();
        let ranking = bradley_terry(&votes, 2, 1).unwrap();
        assert!(ranking.ties > 10.0 && ranking.difference(0, 1).0.abs() < 1e-9);
        assert!(bradley_terry(&[], 2, 1).is_none());
        assert!(bradley_terry(&[vote(0, 0, 0, VoteOutcome::Tie)], 2, 1).is_none());
        assert!(bradley_terry(&[vote(1, 0, 1, VoteOutcome::Tie)], 2, 1).is_none());
    }
}
