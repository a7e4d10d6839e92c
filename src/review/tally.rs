//! Who wins the blind review, how surely, and whether the raters agree. Pure.
//!
//! Takes ballots. Returns a [`VoteTally`].
//!
//! # Invariants
//!
//! Pairs, not votes, are what a verdict is from: ten raters of one pair are no ten pairs; too few pairs, or what
//! chance explains, is "not enough evidence".

use std::collections::BTreeMap;

use serde::Serialize;

use super::{CastBallot, Vote};
use crate::base::math;
use crate::eval::evaluation::{Arm, Brief, ComparisonVerdict};
use crate::eval::stats::{self, Scale, VoteOutcome, bradley_terry, krippendorff, mean, sign_flip, wilson};

/// Significance level of the verdict.
const LEVEL: f64 = 0.05;
/// Random sign patterns of the test.
const RESAMPLES: u32 = 10_000;

/// The result of counting the votes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VoteTally {
    /// Number of votes.
    pub votes: usize,
    /// Votes for the campaign's images.
    pub in_house: usize,
    /// Votes for the bought images.
    pub outsourced: usize,
    /// Votes for neither.
    pub ties: usize,
    /// Pairs voted on.
    pub pairs: usize,
    /// Share of the votes for the house, ties split.
    pub win_rate: f64,
    /// Lower end of Wilson's 95 % interval of it.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
    /// Two-sided p-value of the pairs' mean preference (sign flips).
    pub p: f64,
    /// The conclusion.
    pub verdict: ComparisonVerdict,
    /// How probably a perfect rater prefers the house, by Bradley–Terry with ties and rater quality.
    pub preferred: Option<Preferred>,
    /// Krippendorff's alpha; `None` where no pair was seen by two raters, or all said the same.
    pub agreement: Option<f64>,
    /// Share of the decided votes for the left side: about a half unless raters lean to a side.
    pub left: Option<f64>,
    /// The raters.
    pub raters: Vec<Rater>,
}

/// The model's preference.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Preferred {
    /// Probability that the house is preferred, ties split.
    pub value: f64,
    /// Lower end of its 95 % interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

/// One rater.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Rater {
    /// The rater's name.
    pub name: String,
    /// Number of votes.
    pub votes: usize,
    /// How probably they see a pair the right way round, by the model.
    pub quality: Option<f64>,
}

/// Counts the votes; `None` without any. Of a rater's several votes on one pair the last counts.
pub fn tally(ballots: &[CastBallot], least_pairs: usize, seed: u64) -> Option<VoteTally> {
    let mut last: BTreeMap<(&str, &Brief, &str, &str), &Vote> = BTreeMap::new();
    for ballot in ballots {
        for vote in &ballot.votes {
            last.insert((&ballot.rater, &vote.brief, &vote.in_house, &vote.outsourced), vote);
        }
    }
    let names: Vec<&str> = {
        let mut names: Vec<&str> = last.keys().map(|(rater, ..)| *rater).collect();
        names.dedup(); // sorted, as the keys are
        names
    };
    let votes = last.len();
    let count = |better: Option<Arm>| last.values().filter(|vote| vote.better == better).count();
    let (in_house, outsourced, ties) = (count(Some(Arm::InHouse)), count(Some(Arm::Outsourced)), count(None));
    let won = in_house as f64 + ties as f64 / 2.0;
    let (low, high) = wilson(won, votes as f64, 0.95)?;
    let mut by_pair: BTreeMap<(&Brief, &str, &str), Vec<usize>> = BTreeMap::new();
    let mut cast = Vec::with_capacity(votes);
    for ((rater, brief, ours, theirs), vote) in &last {
        let (rating, outcome) = match vote.better {
            Some(Arm::InHouse) => (2, VoteOutcome::First),
            None => (1, VoteOutcome::Tie),
            Some(Arm::Outsourced) => (0, VoteOutcome::Second),
        };
        by_pair.entry((brief, ours, theirs)).or_default().push(rating);
        let rater = names.binary_search(rater).ok()?;
        cast.push(stats::PairVote { rater, first: 0, second: 1, outcome });
    }
    let leaning = |ratings: &Vec<usize>| mean(&ratings.iter().map(|r| *r as f64 - 1.0).collect::<Vec<_>>());
    let preferences: Vec<f64> = by_pair.values().filter_map(leaning).collect();
    let p = sign_flip(&preferences, RESAMPLES, seed);
    let lead = mean(&preferences)?;
    let verdict = match p < LEVEL && by_pair.len() >= least_pairs {
        true if lead > 0.0 => ComparisonVerdict::InHouse,
        true if lead < 0.0 => ComparisonVerdict::Outsourced,
        _ => ComparisonVerdict::NotEnoughEvidence,
    };
    let ranking = bradley_terry(&cast, 2, names.len());
    let units: Vec<Vec<usize>> = by_pair.into_values().collect();
    let decided = in_house + outsourced;
    let lefts = last.values().filter(|vote| vote.better == Some(vote.left)).count();
    let rater = |(i, name): (usize, &&str)| Rater {
        name: (*name).to_owned(),
        votes: cast.iter().filter(|vote| vote.rater == i).count(),
        quality: ranking.as_ref().map(|ranking| ranking.quality[i]),
    };
    Some(VoteTally {
        votes,
        in_house,
        outsourced,
        ties,
        pairs: units.len(),
        win_rate: won / votes as f64,
        low,
        high,
        p,
        verdict,
        preferred: ranking.as_ref().map(preferred),
        agreement: krippendorff(&units, 3, Scale::Ordinal),
        left: (decided > 0).then(|| lefts as f64 / decided as f64),
        raters: names.iter().enumerate().map(rater).collect(),
    })
}

/// The model's preference, its interval carried over from the difference of strengths.
fn preferred(ranking: &stats::Ranking) -> Preferred {
    let (difference, error) = ranking.difference(0, 1);
    let value = |difference: f64| {
        let (first, second) = (math::exp(difference / 2.0), math::exp(-difference / 2.0));
        (first + ranking.ties / 2.0) / (first + second + ranking.ties)
    };
    Preferred {
        value: value(difference),
        low: value(difference - 1.96 * error),
        high: value(difference + 1.96 * error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ballot(rater: &str, better: &[Option<Arm>]) -> CastBallot {
        let vote = |(i, better): (usize, &Option<Arm>)| Vote {
            brief: Brief { category: format!("c{i}"), style: "s".into() },
            in_house: format!("h{i}"),
            outsourced: format!("b{i}"),
            better: *better,
            left: if i.is_multiple_of(2) { Arm::InHouse } else { Arm::Outsourced },
        };
        let votes = better.iter().enumerate().map(vote).collect();
        CastBallot {
            version: 1,
            sheet: rater.into(),
            rater: rater.into(),
            at: crate::base::time::Timestamp::from_seconds(0),
            votes,
        }
    }

    #[test]
    fn counts_by_hand() {
        let (house, bought) = (Some(Arm::InHouse), Some(Arm::Outsourced));
        let tally =
            tally(&[ballot("a", &[house, bought, bought, None]), ballot("b", &[house, bought, bought, bought])], 6, 1)
                .unwrap();
        assert_eq!((tally.votes, tally.in_house, tally.outsourced, tally.ties, tally.pairs), (8, 2, 5, 1, 4));
        assert_eq!((tally.win_rate, tally.left), (2.5 / 8.0, Some(5.0 / 7.0)));
        assert!(tally.low < tally.win_rate && tally.win_rate < tally.high);
        assert_eq!(tally.verdict, ComparisonVerdict::NotEnoughEvidence, "four pairs prove nothing");
        assert!(tally.agreement.unwrap() > 0.5 && tally.preferred.unwrap().value < 0.5);
        assert!(super::tally(&[], 6, 1).is_none());
    }

    #[test]
    fn many_raters_of_one_pair_are_one_pair() {
        let one: Vec<CastBallot> = (0..30).map(|i| ballot(&format!("r{i:02}"), &[Some(Arm::Outsourced)])).collect();
        assert_eq!(tally(&one, 1, 1).unwrap().verdict, ComparisonVerdict::NotEnoughEvidence);
        let many = tally(&[ballot("a", &[Some(Arm::Outsourced); 30])], 6, 1).unwrap();
        assert!(many.verdict == ComparisonVerdict::Outsourced && many.p < 0.01 && many.agreement.is_none());
        let again = tally(&[ballot("a", &[Some(Arm::Outsourced); 30]), ballot("a", &[None; 30])], 6, 1).unwrap();
        assert_eq!((again.votes, again.ties), (30, 30), "the last word counts");
    }
}
