//! Blind review: people say which of two images is better without knowing whose it is.
//!
//! Takes the pairs of an evaluation. Returns a [`ballot_page::page`] to vote on, ballots as records that are only ever
//! added, a [`VoteTally`].
//!
//! # Invariants
//!
//! Sides are shuffled anew for every pair and sheet, and which side was whose stays in the store until the votes are
//! in; no image on a sheet carries a name or metadata; a vote, once cast, is never changed.

pub mod ballot_page;
mod reviews;
pub mod tally;

pub(crate) use reviews::{Ballot, Reviews};
pub use reviews::{BallotQuestion, CastBallot, Handout, Vote};
pub use tally::{VoteTally, tally};
