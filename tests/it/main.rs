//! Integration tests: one binary, one module per story.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod bundles;
mod parity;
mod queue_conformance;
mod resume;
mod run;
mod specs;
mod store_conformance;
mod support;
