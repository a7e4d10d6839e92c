//! The use cases: what a person or a program can have done, as async functions with typed input and output.
//!
//! [`App`] holds the settings and opens what they name; every use case is a method on it, in a file of its own. A use case
//! prints nothing and knows no terminal: it returns a value, a [`Failure`] with every problem of the input, and tells a
//! [`ProgressSink`] what happens on the way. The command line is one caller.

pub mod announcer;
pub mod failure;
pub mod planning;
pub mod plans;
pub mod progress;
pub mod resources;
pub mod rights_guard;
pub mod service;
pub mod warm_up;
pub mod work;

pub use failure::{Failure, Result};
pub use progress::{Progress, ProgressSink};
pub use resources::App;
