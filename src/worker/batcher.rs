//! Gathers work into batches of one shape. Pure: no clock, no I/O.
//!
//! In: items with their [`Shape`]. Out: batches, all items of one shape, first come first served.
//! Always holds: nothing is lost or doubled, and no shape waits behind one that keeps coming. Batches never change
//! images (noise is keyed by job), so any grouping is right and only speed depends on it.

use std::collections::VecDeque;

use crate::plan::Job;
use crate::spec::SamplerName;

/// What must agree for images to be denoised together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shape {
    /// Pixels a side.
    pub size: u32,
    /// The sampler.
    pub sampler: SamplerName,
    /// Its steps.
    pub steps: u32,
}

impl Shape {
    /// A job's shape.
    pub fn of(job: &Job) -> Self {
        Self { size: job.size, sampler: job.sampler.name, steps: job.sampler.steps }
    }
}

/// Items that wait for company.
#[derive(Debug)]
pub struct Batcher<T> {
    groups: VecDeque<(Shape, VecDeque<T>)>,
    max: usize,
}

impl<T> Batcher<T> {
    /// Batches of at most `max` (at least 1).
    pub fn new(max: usize) -> Self {
        Self { groups: VecDeque::new(), max: max.max(1) }
    }

    /// How many items wait.
    pub fn len(&self) -> usize {
        self.groups.iter().map(|(_, items)| items.len()).sum()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Adds an item.
    pub fn push(&mut self, shape: Shape, item: T) {
        match self.groups.iter_mut().find(|(s, _)| *s == shape) {
            Some((_, items)) => items.push_back(item),
            None => self.groups.push_back((shape, VecDeque::from([item]))),
        }
    }

    /// The next full batch; with `partial`, else the next that is not full. Its group then goes to the back.
    pub fn pop(&mut self, partial: bool) -> Option<Vec<T>> {
        let full = self.groups.iter().position(|(_, items)| items.len() >= self.max);
        let index = full.or((partial && !self.groups.is_empty()).then_some(0))?;
        let (shape, mut items) = self.groups.remove(index)?;
        let batch = items.drain(..items.len().min(self.max)).collect();
        if !items.is_empty() {
            self.groups.push_back((shape, items));
        }
        Some(batch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shape(size: u32) -> Shape {
        Shape { size, sampler: SamplerName::Ddim, steps: 20 }
    }

    #[test]
    fn waits_for_company_unless_told_not_to() {
        let mut batcher = Batcher::new(2);
        batcher.push(shape(16), 'a');
        assert_eq!(batcher.pop(false), None);
        batcher.push(shape(64), 'b');
        batcher.push(shape(64), 'c');
        assert_eq!(batcher.pop(false), Some(vec!['b', 'c']));
        assert_eq!(batcher.pop(true), Some(vec!['a']));
        assert!(batcher.is_empty() && batcher.pop(true).is_none());
    }

    proptest! {
        #[test]
        fn every_item_comes_out_once_in_a_batch_of_its_shape(sizes in prop::collection::vec(1u32..4, 0..80), max in 1usize..9) {
            let mut batcher = Batcher::new(max);
            for (i, size) in sizes.iter().enumerate() {
                batcher.push(shape(*size), (*size, i));
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
