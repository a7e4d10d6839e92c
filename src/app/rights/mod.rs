//! Rights in training pictures: checks them, traces what was made from them, and revokes them.

pub mod check;
pub mod question;
pub mod revoke;
pub mod trace;
