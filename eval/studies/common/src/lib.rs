//! What the studies share: the drawings they learn from and judge, the models they run, and how they tell of errors.

pub mod drawings;
pub mod models;
