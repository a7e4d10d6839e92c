//! Blind reviews in the store: sheets that were handed out, and the ballots that came back.
//!
//! # Invariants
//!
//! Which side was whose stays in the store until the votes are in; a vote, once cast, is never changed.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::base::digest::Digest;
use crate::base::error::{Error, Result};
use crate::base::time::Timestamp;
use crate::base::{limits, text};
use crate::eval::evaluation::{Arm, Brief, Evaluation};
use crate::plan::CampaignId;
use crate::store::{Key, Log, Store};

/// The version of the format; readers refuse others.
pub(super) const VERSION: u32 = 1;
/// Attempts to append a record while other processes append theirs.
const TRIES: usize = 100;

/// One pair on a sheet: what the rater sees, and what is hidden from them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BallotQuestion {
    /// The pair's name on the sheet, which reveals nothing.
    pub token: String,
    /// The brief both answer.
    pub brief: Brief,
    /// Id of the campaign's image.
    pub in_house: String,
    /// Id of the bought image.
    pub outsourced: String,
    /// The arm whose image is on the left.
    pub left: Arm,
}

/// A sheet as it was handed out; it stays in the store and is never shown to raters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Handout {
    /// Format version.
    pub version: u32,
    /// The sheet's id, which the page carries.
    pub sheet: String,
    /// The rater.
    pub rater: String,
    /// The time it was made.
    pub at: Timestamp,
    /// Its pairs, in the order shown.
    pub questions: Vec<BallotQuestion>,
}

/// The votes that come back from a sheet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ballot {
    /// Format version.
    pub version: u32,
    /// The sheet's id.
    pub sheet: String,
    /// By token: which side is better.
    pub votes: BTreeMap<String, PageSide>,
}

/// A vote as the rater casts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PageSide {
    /// The left one is better.
    Left,
    /// The right one is better.
    Right,
    /// Neither is better.
    Tie,
}

/// A ballot with its sides revealed: the record that is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CastBallot {
    /// Format version.
    pub version: u32,
    /// The sheet's id.
    pub sheet: String,
    /// The rater.
    pub rater: String,
    /// The time the votes came in.
    pub at: Timestamp,
    /// The votes.
    pub votes: Vec<Vote>,
}

/// One vote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vote {
    /// The brief.
    pub brief: Brief,
    /// The image of the house.
    pub in_house: String,
    /// Id of the bought image.
    pub outsourced: String,
    /// Who is better; `None` for neither.
    pub better: Option<Arm>,
    /// Whose image was on the left, to see whether raters lean to a side.
    pub left: Arm,
}

/// The reviews of one campaign beside one baseline.
#[derive(Debug)]
pub(crate) struct Reviews<'a> {
    store: &'a dyn Store,
    folder: Key,
}

impl<'a> Reviews<'a> {
    /// Opens the reviews of `campaign` (its id) beside `baseline`.
    pub fn new(store: &'a dyn Store, campaign: &CampaignId, baseline: &str) -> Result<Self> {
        Ok(Self { store, folder: Key::new(format!("reviews/{campaign}/{baseline}"))? })
    }

    /// Hands out a sheet: at most `most` pairs, shuffled by `seed`, which nobody who votes may know.
    pub(crate) async fn hand_out(
        &self,
        evaluation: &Evaluation,
        rater: &str,
        most: usize,
        seed: &str,
    ) -> Result<Handout> {
        let rater = name(rater)?;
        let hash = |part: &str| Digest::of(format!("{seed}\n{rater}\n{part}")).hex();
        let mut questions: Vec<BallotQuestion> = evaluation
            .pairs
            .iter()
            .filter_map(|pair| {
                // Of several images of a brief one of each arm is shown, another to another rater.
                let key = hash(&format!("{}\n{}", pair.brief.category, pair.brief.style));
                let pick = |ids: &[String], at: usize| {
                    let number = usize::from_str_radix(key.get(at..at + 6)?, 16).ok()?;
                    ids.get(number % ids.len().max(1)).cloned()
                };
                let left = if key.ends_with(['0', '1', '2', '3', '4', '5', '6', '7']) {
                    Arm::InHouse
                } else {
                    Arm::Outsourced
                };
                let (in_house, outsourced) = (pick(&pair.in_house, 16)?, pick(&pair.outsourced, 24)?);
                Some(BallotQuestion {
                    token: key.get(..12)?.into(),
                    brief: pair.brief.clone(),
                    in_house,
                    outsourced,
                    left,
                })
            })
            .collect();
        // The tokens are hashes, so their order is a shuffle.
        questions.sort_by(|a, b| a.token.cmp(&b.token));
        questions.truncate(most);
        if questions.is_empty() {
            return Err(Error::invalid("there is no brief that both the campaign and the baseline answer")
                .hint("`housestyle eval` says why"));
        }
        let sheet = hash("sheet").get(..12).unwrap_or_default().to_owned();
        let handout = Handout { version: VERSION, sheet, rater, at: Timestamp::now(), questions };
        let bytes =
            serde_json::to_vec_pretty(&handout).map_err(|e| Error::internal("cannot write a sheet").caused_by(e))?;
        match self.store.put_if_absent(&self.sheet(&handout.sheet)?, bytes.into()).await? {
            true => Ok(handout),
            false => Err(Error::invalid(format!("sheet {} was handed out before", handout.sheet))),
        }
    }

    /// Stores a ballot; returns the record that was added.
    pub(crate) async fn cast(&self, ballot: &Ballot) -> Result<CastBallot> {
        if ballot.version != VERSION {
            return Err(Error::invalid(format!(
                "the ballot has format version {}, this reads {VERSION}",
                ballot.version
            )));
        }
        let shown = text::show(&ballot.sheet);
        let unknown = || {
            Error::invalid(format!("sheet {shown} was not handed out for this campaign and baseline"))
                .hint("name the campaign and baseline that `review sheet` was run with")
        };
        let is_id = ballot.sheet.len() == 12 && ballot.sheet.bytes().all(|b| b.is_ascii_hexdigit());
        let key = if is_id { self.sheet(&ballot.sheet)? } else { return Err(unknown()) };
        let bytes = self.store.get(&key).await?.ok_or_else(unknown)?;
        let handout: Handout =
            serde_json::from_slice(&bytes).map_err(|e| Error::invalid(format!("{key} is not a sheet")).caused_by(e))?;
        let votes = revealed(&handout, ballot)?;
        let cast =
            CastBallot { version: VERSION, sheet: handout.sheet, rater: handout.rater, at: Timestamp::now(), votes };
        let log = self.log()?;
        for _ in 0..TRIES {
            let before: Vec<CastBallot> = log.read().await?;
            if before.iter().any(|other| other.sheet == cast.sheet) {
                return Err(Error::invalid(format!(
                    "the votes of sheet {} are in already, and stay as they are",
                    cast.sheet
                ))
                .hint("hand out another sheet with `housestyle review sheet` to vote again"));
            }
            if log.add(before.len(), &cast).await? {
                return Ok(cast);
            }
        }
        Err(Error::unavailable("other processes keep adding votes").hint("try again"))
    }

    /// Returns every ballot, in the order they came in.
    pub async fn all(&self) -> Result<Vec<CastBallot>> {
        self.log()?.read().await
    }

    fn sheet(&self, id: &str) -> Result<Key> {
        self.folder.join(&format!("sheets/{id}.json"))
    }

    fn log(&self) -> Result<Log<'a>> {
        Ok(Log::new(self.store, self.folder.join("ballots")?))
    }
}

/// Returns the votes with their arms revealed, if each answers a question of the sheet.
fn revealed(handout: &Handout, ballot: &Ballot) -> Result<Vec<Vote>> {
    let known: BTreeSet<&str> = handout.questions.iter().map(|question| question.token.as_str()).collect();
    if let Some(token) = ballot.votes.keys().find(|token| !known.contains(token.as_str())) {
        return Err(Error::invalid(format!("{} is no pair of sheet {}", text::show(token), handout.sheet)));
    }
    if ballot.votes.is_empty() {
        return Err(Error::invalid("the ballot holds no vote").hint("vote on the sheet, then save the votes again"));
    }
    let vote = |question: &BallotQuestion| {
        let right = if question.left == Arm::InHouse { Arm::Outsourced } else { Arm::InHouse };
        let better = match ballot.votes.get(&question.token)? {
            PageSide::Left => Some(question.left),
            PageSide::Right => Some(right),
            PageSide::Tie => None,
        };
        let BallotQuestion { brief, in_house, outsourced, left, .. } = question.clone();
        Some(Vote { brief, in_house, outsourced, better, left })
    };
    Ok(handout.questions.iter().filter_map(vote).collect())
}

fn name(rater: &str) -> Result<String> {
    match text::plain(rater, limits::SHORT_TEXT) {
        Ok(rater) if rater.is_empty() => Err(Error::invalid("the rater has no name")),
        Ok(rater) => Ok(rater),
        Err(reason) => Err(Error::invalid(format!("the rater's name {reason}"))),
    }
}
