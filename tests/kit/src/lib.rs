//! The test kit: what Housestyle's tests, studies and demonstrations share.
//!
//! It starts real neighbours of the product ([`broker`], [`s3`], [`chromium`]), stands between them ([`proxy`]), stands
//! in for models ([`stub`], [`plans`]) and runs the real program ([`program`], [`house`]). Invariants: nothing outlives
//! the process that started it, nothing outside a temporary folder is touched, and no wait is a guess: what is waited
//! for is looked at ([`wait`]) or held back until it is let go ([`s3::Server::advance`]).
//!
//! Errors of a test's surroundings end the test, so this crate panics where the product returns an error.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod broker;
pub mod chromium;
pub mod files;
pub mod house;
pub mod memory;
pub mod needs;
pub mod plans;
pub mod program;
pub mod proxy;
pub mod s3;
pub mod stub;
pub mod wait;
