//! Finds a bundle's categories by the words they read as.
//!
//! # Invariants
//!
//! `red apple` finds `red-apple`: of several that read the same, the first; each look-up takes constant time.

use std::collections::HashMap;

use super::facts::BundleFacts;
use crate::spec::words;

/// The categories that can be drawn and scored.
pub struct Categories<'a> {
    /// By what they read as; none without an evaluator, and then every category is taken.
    known: Option<HashMap<String, &'a str>>,
}

impl<'a> Categories<'a> {
    /// Indexes the categories of a bundle.
    pub fn of(facts: &'a BundleFacts) -> Self {
        let mut known = HashMap::new();
        for category in &facts.categories {
            known.entry(words(category)).or_insert(category.as_str());
        }
        Self { known: Some(known).filter(|known| !known.is_empty()) }
    }

    /// Returns the category as the bundle names it, if the bundle can draw and score it.
    pub fn find<'b>(&self, category: &'b str) -> Option<&'b str>
    where
        'a: 'b,
    {
        match &self.known {
            Some(known) => known.get(&words(category)).copied(),
            None => Some(category),
        }
    }
}
