//! Each arm at its own best: which setting it is judged at.
//!
//! Takes what every setting gave on the names kept for choosing. Returns the setting with the most style among those
//! that still draw the thing. Invariants: the floor is the same for all arms, some points under the best of the stock
//! encoder with the brand's name; an arm that never reaches it is taken where it loses least, and says so.

use serde::Serialize;

use crate::judge::Mark;
use crate::setting::Setting;

/// Shares of the pictures of a sheet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Shares {
    /// The look is right.
    pub style: f64,
    /// The thing is the most probable.
    pub first: f64,
    /// The thing is among the first five.
    pub five: f64,
    /// Pictures.
    pub pictures: usize,
}

/// A setting that was tried.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Tried {
    /// How.
    pub setting: Setting,
    /// What it gave.
    pub shares: Shares,
}

/// What an arm is judged at.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Choice {
    /// The setting, and what it gave where it was chosen.
    pub tried: Tried,
    /// Whether it keeps the category.
    pub keeps: bool,
}

impl Shares {
    /// Of these marks.
    pub fn of(marks: &[Mark]) -> Self {
        let share =
            |is: fn(&Mark) -> bool| marks.iter().filter(|mark| is(mark)).count() as f64 / marks.len().max(1) as f64;
        Self { style: share(|m| m.style), first: share(|m| m.first), five: share(|m| m.five), pictures: marks.len() }
    }
}

/// The least top-five share that counts as keeping the category, `may_lose` under the best; none if the stock encoder
/// with the brand's name was not tried.
pub fn floor(named: &[Tried], may_lose: f64) -> Option<f64> {
    named.iter().map(|tried| tried.shares.five).reduce(f64::max).map(|best| best - may_lose)
}

/// The setting to judge an arm at; the first of equals.
pub fn choose(tried: &[Tried], floor: f64) -> Option<Choice> {
    // What stands in a share of counts is off by a last bit: a picture is worth far more.
    let keeps = |tried: &Tried| tried.shares.five >= floor - 1e-9;
    let better = |a: &Tried, b: &Tried| match (keeps(a), keeps(b)) {
        (true, true) => (b.shares.style, b.shares.five) > (a.shares.style, a.shares.five),
        (false, false) => (b.shares.five, b.shares.style) > (a.shares.five, a.shares.style),
        (a, _) => !a,
    };
    let best = tried.iter().copied().reduce(|a, b| if better(&a, &b) { b } else { a })?;
    Some(Choice { tried: best, keeps: keeps(&best) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setting::{Arm, Task};

    fn tried(style: f64, five: f64) -> Tried {
        let setting = Setting::new(Task::Houses, Arm::Triplet, (3.0, 3.0), style as f32);
        Tried { setting, shares: Shares { style, first: 0.0, five, pictures: 72 } }
    }

    #[test]
    fn style_counts_only_above_the_floor() {
        let floor = floor(&[tried(0.1, 0.85), tried(0.1, 0.90)], 0.02).unwrap();
        assert!((floor - 0.88).abs() < 1e-12);
        let found = choose(&[tried(0.3, 0.9), tried(0.5, 0.88), tried(0.9, 0.7)], floor).unwrap();
        assert_eq!((found.tried.shares.style, found.keeps), (0.5, true));
        let none = choose(&[tried(0.3, 0.8), tried(0.9, 0.7)], floor).unwrap();
        assert_eq!((none.tried.shares.style, none.keeps), (0.3, false));
        assert!(choose(&[], floor).is_none());
    }
}
