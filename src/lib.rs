//! Housestyle: campaign images in a brand's own style, made in-house, measured.
//!
//! Data flows one way; a room may use the output types of the rooms before it, never of those after it:
//! `spec → looks → rights → plan → queue → store → events → encoders → pipeline → train → worker → eval → page → review → report`. Only [`worker`] and [`cli`] wire rooms together.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod error;

pub mod config;
pub mod files;
pub mod http;
pub mod shutdown;
pub mod spool;
pub mod telemetry;
pub mod yaml;

pub mod spec;

pub mod looks;

pub mod rights;

pub mod plan;

pub mod queue;

pub mod store;

pub mod events;

pub mod encoders;

pub mod pipeline;

pub mod train;

pub mod worker;

pub mod planner;

pub mod eval;

pub mod page;

pub mod review;

pub mod report;

pub mod cli;
