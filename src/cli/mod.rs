//! The command line: arguments in, an exit code out.
//!
//! Each command is a file with its arguments, one call of a use case in [`app`](crate::app), and what is printed of the
//! result. Only this room knows flags and terminals.
//!
//! # Invariants
//! With `--json`, standard output carries one JSON document and nothing else; human words then go to standard error,
//! where progress and problems go anyway.

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
