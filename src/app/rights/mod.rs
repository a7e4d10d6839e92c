//! Rights in what styles were learned from: check pictures, trace what came of them, revoke them.

pub mod check;
pub mod question;
pub mod revoke;
pub mod trace;
