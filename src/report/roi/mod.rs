//! What making images costs beside buying them: per image that is taken, over a year, and what that hinges on. Pure.
//!
//! Takes a cost model, an evaluation. Returns a [`Roi`]: figures with bands, the year month by month, the inputs that
//! matter most.
//!
//! # Invariants
//!
//! Every figure names its formula and its inputs, every input whose word it is; bands come of the inputs' own ranges
//! (measured intervals, the model's ranges) and of nothing else; the same input gives the same document.

mod calculation;
mod figures;
mod inputs;
#[cfg(test)]
mod tests;

pub(crate) use calculation::roi;
pub use calculation::{FigureValue, Month, Roi, TornadoBar};
pub use figures::Figure;
pub use inputs::{AmountSource, CostInput, GivenAmount, Inputs};

pub use crate::spec::costs::AmountUnit;
