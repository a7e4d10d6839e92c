//! What evaluating gives: plain data, the same as JSON (`housestyle eval --json`) and in memory.
//!
//! Takes nothing; these are the output types. Returns [`Evaluation`] and its parts.
//!
//! # Invariants
//!
//! What is unknown is absent (`None`), never a zero; every number is finite; lists are in a fixed order, so that the
//! same input gives the same document.

mod asset;
mod document;
mod measure;

pub use asset::{Arm, AssetScore, Brief, BriefPair, DeliveryFacts, DuplicateImages, MakingFacts, NearestReference};
pub(crate) use document::VERSION;
pub use document::{
    ArmFacts, Comparison, Distribution, Evaluation, EvaluatorFacts, MeasureGroup, OperatingPoint, StatisticsSettings,
    SuiteCheck, SuiteResult, Warning, WarningCode,
};
pub use measure::{Compared, ComparisonVerdict, Difference, MeanEstimate, Measure};
