//! The batcher: gathers items into batches of one key. Pure: no clock, no I/O.
//!
//! Takes items with their [`BatchKey`]; returns batches, all items of one key, first come first served.
//!
//! # Invariants
//!
//! No item is lost or doubled, and no key waits behind one that keeps coming. Batches never change images (noise is
//! keyed by job), so any grouping is right and only speed depends on it.

use std::collections::VecDeque;

use crate::pipeline::BatchKey;

/// Items that wait for their batch to fill.
#[derive(Debug)]
pub(crate) struct Batcher<T> {
    groups: VecDeque<(BatchKey, VecDeque<T>)>,
    max: usize,
}

impl<T> Batcher<T> {
    /// Returns an empty batcher for batches of at most `max` items (at least 1).
    pub fn new(max: usize) -> Self {
        Self { groups: VecDeque::new(), max: max.max(1) }
    }

    /// Returns how many items wait.
    pub fn len(&self) -> usize {
        self.groups.iter().map(|(_, items)| items.len()).sum()
    }

    /// Returns whether no item waits.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Adds an item.
    pub fn push(&mut self, key: BatchKey, item: T) {
        match self.groups.iter_mut().find(|(k, _)| *k == key) {
            Some((_, items)) => items.push_back(item),
            None => self.groups.push_back((key, VecDeque::from([item]))),
        }
    }

    /// Returns the next full batch or, with `partial`, one that is not full. Its group then goes to the back.
    pub fn pop(&mut self, partial: bool) -> Option<Vec<T>> {
        let full = self.groups.iter().position(|(_, items)| items.len() >= self.max);
        let index = full.or((partial && !self.groups.is_empty()).then_some(0))?;
        let (key, mut items) = self.groups.remove(index)?;
        let batch = items.drain(..items.len().min(self.max)).collect();
        if !items.is_empty() {
            self.groups.push_back((key, items));
        }
        Some(batch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{Sampler, SamplerName};
    use proptest::prelude::*;

    fn key(size: u32) -> BatchKey {
        BatchKey::new(size, &Sampler { name: SamplerName::Ddim, steps: 20 })
    }

    #[test]
    fn a_batch_that_is_not_full_is_returned_only_if_asked_for() {
        let mut batcher = Batcher::new(2);
        batcher.push(key(16), 'a');
        assert_eq!(batcher.pop(false), None);
        batcher.push(key(64), 'b');
        batcher.push(key(64), 'c');
        assert_eq!(batcher.pop(false), Some(vec!['b', 'c']));
        assert_eq!(batcher.pop(true), Some(vec!['a']));
        assert!(batcher.is_empty() && batcher.pop(true).is_none());
    }

    proptest! {
        #[test]
        fn every_item_comes_out_once_in_a_batch_of_its_key(sizes in prop::collection::vec(1u32..4, 0..80),
            max in 1usize..9) {
            let mut batcher = Batcher::new(max);
            for (i, size) in sizes.iter().enumerate() {
                batcher.push(key(*size), (*size, i));
            }
            prop_assert_eq!(batcher.len(), sizes.len());
            let mut seen = vec![];
            while let Some(batch) = batcher.pop(true) {
                prop_assert!(!batch.is_empty() && batch.len() <= max);
                prop_assert!(batch.iter().all(|(size, _)| *size == batch[0].0));
                seen.extend(batch.into_iter().map(|(_, i)| i));
            }
            seen.sort_unstable();
            prop_assert_eq!(seen, (0..sizes.len()).collect::<Vec<_>>());
        }
    }
}
