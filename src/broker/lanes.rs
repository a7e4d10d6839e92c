//! Schedules waiting items: one lane per priority, served by smooth weighted round robin over the lanes that hold any.
//!
//! Priorities are lanes, not an order inside one queue, because not every broker can order a queue by priority.
//!
//! # Invariants
//!
//! Nothing is lost or doubled, each lane keeps its order, and no lane starves.

use std::collections::VecDeque;

use crate::spec::Priority;

/// Waiting items, one lane per priority.
#[derive(Debug)]
pub(crate) struct Lanes<T> {
    lanes: [(i64, VecDeque<T>); 3],
}

impl<T> Default for Lanes<T> {
    fn default() -> Self {
        Self { lanes: std::array::from_fn(|_| (0, VecDeque::new())) }
    }
}

impl<T> Lanes<T> {
    /// Returns the number of items that wait on a lane.
    pub fn len(&self, lane: Priority) -> usize {
        self.lanes[lane as usize].1.len()
    }

    /// Removes and returns all items.
    pub fn clear(&mut self) -> Vec<T> {
        self.lanes.iter_mut().flat_map(|(_, items)| items.drain(..)).collect()
    }

    /// Adds an item to a lane.
    pub fn push(&mut self, lane: Priority, item: T) {
        self.lanes[lane as usize].1.push_back(item);
    }

    /// Removes and returns the oldest item of the lane that is due.
    pub fn pop(&mut self) -> Option<T> {
        let (mut total, mut best) = (0, None::<Priority>);
        for lane in Priority::ALL {
            let (credit, items) = &mut self.lanes[lane as usize];
            if items.is_empty() {
                *credit = 0; // a lane does not save up while it has nothing
                continue;
            }
            *credit += lane.weight();
            total += lane.weight();
            let credit = *credit;
            if best.is_none_or(|b| credit > self.lanes[b as usize].0) {
                best = Some(lane);
            }
        }
        let (credit, items) = &mut self.lanes[best? as usize];
        *credit -= total;
        items.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn busy_lanes_share_by_weight() {
        let mut lanes = Lanes::default();
        for lane in Priority::ALL {
            (0..100).for_each(|_| lanes.push(lane, lane));
        }
        let first: Vec<Priority> = (0..10).filter_map(|_| lanes.pop()).collect();
        let share = |lane| first.iter().filter(|l| **l == lane).count() as i64;
        assert!(Priority::ALL.iter().all(|l| share(*l) == l.weight()), "{first:?}");
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_lanes_keep_their_order(items in prop::collection::vec(0usize..3, 0..60)) {
            let mut lanes = Lanes::default();
            for (i, lane) in items.iter().enumerate() {
                lanes.push(Priority::ALL[*lane], (*lane, i));
            }
            let out: Vec<_> = std::iter::from_fn(|| lanes.pop()).collect();
            prop_assert_eq!(out.len(), items.len());
            for lane in 0..3 {
                let order: Vec<_> = out.iter().filter(|(l, _)| *l == lane).map(|(_, i)| *i).collect();
                prop_assert!(order.is_sorted());
            }
        }
    }
}
