//! The command line: parses arguments, runs one use case, prints its result and returns the exit code.
//!
//! Each command is a file with its arguments, one call of a use case in [`app`](crate::app), and the printing of the
//! result. Only this module uses the argument parser and the terminal.
//!
//! # Invariants
//! With `--json`, standard output carries exactly one JSON document; text for people then goes to standard error,
//! with progress and problems.

mod actor;
mod baseline;
mod cancel;
mod check;
mod commands;
mod completions;
mod context;
mod dead;
mod doctor;
mod encoders;
mod eval;
mod lang;
mod out;
mod outcome;
mod output;
mod plan;
mod progress;
mod report;
mod reproduce;
mod retry;
mod review;
mod rights;
mod run;
mod schema;
mod status;
mod submit;
mod table;
mod train;
mod words;
mod worker;

pub use commands::main;
