//! Housestyle: campaign images in a brand's own style, made in-house, measured.
//!
//! The rooms below stand in one order. A room uses rooms above it, never one below it; a test reads every `use` and
//! fails otherwise. ARCHITECTURE.md draws the same map and says where a new line goes.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod base;

pub mod io;

pub mod spec;

pub mod rights;

pub mod appearance;

pub mod plan;

pub mod pipeline;

pub mod train;

pub mod telemetry;

pub mod store;

pub mod campaign;

pub mod registry;

pub mod broker;

pub mod events;

pub mod worker;

pub mod eval;

pub mod coordinator;

pub mod html;

pub mod review;

pub mod report;

pub mod config;

pub mod app;

pub mod cli;
