//! The use cases of the application, as async functions with typed input and output.
//!
//! `App` holds the settings and opens what they name; every use case is a method on it, in a file of its own. A use
//! case does not print and does not know a terminal: it returns a value, or a `Failure` with every problem of the
//! input, and sends progress events to a `ProgressSink`. The command line is one caller.

pub mod announcer;
pub mod cancel;
pub mod check;
pub mod dead_letters;
pub mod doctor;
pub mod encoders;
pub mod evaluate;
pub mod failure;
pub mod findings;
pub mod import_baseline;
pub mod planning;
pub mod plans;
pub mod progress;
pub mod report;
pub mod reproduce;
pub mod resources;
pub mod retry;
pub mod review;
pub mod rights;
pub mod rights_guard;
pub mod run;
pub mod service;
pub mod status;
pub mod submit;
pub mod train;
pub mod warm_up;
pub mod work;

pub(crate) use failure::{AppResult, Failure};
pub(crate) use progress::{Progress, ProgressSink};
pub(crate) use resources::App;
