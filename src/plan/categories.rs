//! A bundle's categories, found by what they read as.
//!
//! In: [`BundleFacts`]. Out: the bundle's own name of a category. What always holds: `red apple` finds `red-apple` as it
//! would be found one by one, the first that reads the same; a thousand look-ups cost a thousand steps.

use super::BundleFacts;
use crate::spec::words;
use std::collections::HashMap;

/// The categories that can be drawn and scored.
pub struct Categories<'a> {
    /// By what they read as; none without an evaluator, and then every category is taken.
    known: Option<HashMap<String, &'a str>>,
}

impl<'a> Categories<'a> {
    /// Those of a bundle.
    pub fn of(facts: &'a BundleFacts) -> Self {
        let mut known = HashMap::new();
        for category in &facts.categories {
            known.entry(words(category)).or_insert(category.as_str());
        }
        Self { known: Some(known).filter(|known| !known.is_empty()) }
    }

    /// The category as the bundle names it, if it can draw and score it.
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
