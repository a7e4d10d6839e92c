//! The report that a manager decides on: what the images are worth, what they cost, and how sure both are.
//!
//! Takes an evaluation, a cost model, the votes of blind reviews, pictures. Returns one HTML page that asks nothing
//! of the network, and the same as JSON, CSV and Markdown.
//!
//! # Invariants
//!
//! No figure without its source; where the evidence does not suffice that is what is said; what others wrote is
//! shown, never interpreted.

pub mod charts;
mod costs;
mod document;
pub mod headline;
pub mod html;
pub mod pictures;
pub mod roi;
#[cfg(test)]
mod sample;
mod sections;
pub mod tables;
pub mod verdict;
pub mod words;

pub use document::Report;
