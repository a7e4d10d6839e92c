//! The rights in pictures that styles are trained on, and whether they allow a use.
//!
//! Takes the claims of style sets; returns [`Grant`]s, which name source, licence and holder, and rulings on them.
//!
//! # Invariants
//!
//! No encoder is trained on a picture without a grant; what is not known to be allowed is refused.

pub mod grant;
pub mod policy;

pub use grant::{Grant, Terms};
pub(crate) use policy::names_the_holder;
pub use policy::{Policy, Ruling};
