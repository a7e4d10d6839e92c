//! Integration tests: one binary, one module per story.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod bucket;
mod bundles;
mod check;
mod coordinator;
mod deploy;
mod docs;
mod encoders;
mod evaluation;
mod evidence;
mod faults;
mod names;
mod order;
mod parity;
mod queue_conformance;
mod report_in_browser;
mod requests;
mod resume;
mod reviews;
mod rights;
mod run;
mod scale;
mod service;
mod source;
mod specs;
mod store_conformance;
mod stylesets;
mod telemetry;
mod train;
mod webhooks;
