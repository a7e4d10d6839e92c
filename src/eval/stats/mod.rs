//! Statistics: what can be said of few briefs, and how surely. Pure.
//!
//! Takes numbers. Returns intervals, p-values, effect sizes, rankings, agreement; `None` where the numbers do not
//! say.
//!
//! # Invariants
//!
//! The same numbers and seed give the same result on every machine; nothing here is NaN. Checked against SciPy,
//! statsmodels and krippendorff (`tests/fixtures/evidence.json`, made by the script beside it).

mod agreement;
mod basics;
mod bootstrap;
mod random;
mod ranking;
mod significance;

pub use agreement::{Scale, krippendorff};
pub(crate) use basics::quantile;
pub use basics::{deviation, mean, wilson};
pub use bootstrap::{Bootstrap, Interval, bca};
pub(crate) use random::Random;
pub use ranking::{PairVote, Ranking, VoteOutcome, bradley_terry};
pub use significance::{hedges_g, holm, rank_biserial, sign_flip};
