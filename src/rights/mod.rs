//! Whose pictures a style was learned from, under which terms, and whether that allows the use.
//!
//! In: the claims of style sets. Out: [`Grant`]s, which name source, licence and holder, and verdicts on them. What always
//! holds: a picture without a grant is never learned from; what is not known to be allowed is refused.
//!
//! [`policy`] and [`grant`] are pure and come before planning, which asks them too; [`ledger`] keeps what was granted and
//! what was revoked in a store.

pub mod grant;
pub mod policy;

pub use grant::{Grant, Terms};
pub use policy::{Policy, Ruling, names_the_holder};
