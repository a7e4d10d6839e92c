//! How near an image lies to a style's references, on a scale that means the same for every style.
//!
//! Takes the evaluator's style probabilities of references and images. Returns a [`Consistency`], and what it is
//! worth ([`operating_point`]).
//!
//! # Invariants
//!
//! An image's consistency depends on the references only, not on its neighbours.
//!
//! A picture is placed by the square roots of its style probabilities: these have length 1, and their product is the
//! Bhattacharyya coefficient. (The evaluator's embedding is made for categories: on the drawings of the test names,
//! against sixteen references a style, it tells a style from the others with an area under the curve of 0.76, these
//! with 0.99.) A raw cosine is no absolute scale: in a crowded region everything is near. CSLS takes off how near
//! each of the two lies to what is around it.
//!
//! A. Conneau et al., "Word translation without parallel data", ICLR 2018 (CSLS); W. J. Youden, "Index for rating
//! diagnostic tests", Cancer 3 (1950) (the operating point).

use super::vector::{dot, mean_of_largest, unit};
use crate::eval::evaluation::OperatingPoint;

/// Neighbours that tell how crowded a region is, at most.
const CROWD: usize = 10;
/// References of the style that an image is held against: the nearest of them.
const NEAREST: usize = 4;
/// Fewest references of a style, and of others, for an operating point.
const LEAST: usize = 4;

/// The references of all styles, with how crowded their neighbourhoods are.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReferenceBank {
    places: Vec<Vec<f64>>,
    styles: Vec<String>,
    /// Mean cosine of each reference to those around it.
    crowds: Vec<f64>,
    /// How many are "around": fewer than half of the smallest style, so that a reference that is held out finds as
    /// many of its own as an image does.
    crowd: usize,
}

/// An image held against one style.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Consistency {
    /// CSLS to the nearest references of the style, their mean.
    pub csls: f64,
    /// The raw cosine to the same.
    pub cosine: f64,
}

impl ReferenceBank {
    /// Places references, each a style's name and the evaluator's style probabilities.
    pub fn new<'a>(references: impl IntoIterator<Item = (&'a str, &'a [f32])>) -> Self {
        let mut bank = Self::default();
        for (style, probabilities) in references {
            if let Some(place) = place(probabilities) {
                bank.places.push(place);
                bank.styles.push(style.to_owned());
            }
        }
        let smallest = bank.styles.iter().map(|style| bank.count(style)).min().unwrap_or_default();
        bank.crowd = (smallest.saturating_sub(1) / 2).clamp(1, CROWD);
        bank.crowds = (0..bank.places.len()).map(|i| bank.crowd(&bank.places[i], Some(i))).collect();
        bank
    }

    /// How many references a style has.
    pub fn count(&self, style: &str) -> usize {
        self.styles.iter().filter(|known| *known == style).count()
    }

    /// Holds an image against a style; `None` if there is no reference of it.
    pub fn consistency(&self, probabilities: &[f32], style: &str) -> Option<Consistency> {
        self.held_against(&place(probabilities)?, style, None)
    }

    fn crowd(&self, place: &[f64], but: Option<usize>) -> f64 {
        let others = self.places.iter().enumerate().filter(|(i, _)| Some(*i) != but);
        mean_of_largest(others.map(|(_, other)| dot(place, other)).collect(), self.crowd).unwrap_or(0.0)
    }

    fn held_against(&self, place: &[f64], style: &str, but: Option<usize>) -> Option<Consistency> {
        let crowd = self.crowd(place, but);
        let own = (0..self.places.len()).filter(|i| self.styles[*i] == style && Some(*i) != but);
        let (mut calibrated, mut raw) = (Vec::new(), Vec::new());
        for i in own {
            let cosine = dot(place, &self.places[i]);
            raw.push(cosine);
            calibrated.push(2.0 * cosine - crowd - self.crowds[i]);
        }
        Some(Consistency { csls: mean_of_largest(calibrated, NEAREST)?, cosine: mean_of_largest(raw, NEAREST)? })
    }
}

/// What consistency with a style is worth: every reference held out in turn, those of the style against all others;
/// `None` below four of either.
pub(crate) fn operating_point(bank: &ReferenceBank, style: &str) -> Option<OperatingPoint> {
    let held_out = |i: usize| bank.held_against(&bank.places[i], style, Some(i)).map(|found| found.csls);
    let all = 0..bank.places.len();
    let (own, others): (Vec<usize>, Vec<usize>) = all.partition(|i| bank.styles[*i] == style);
    let own: Vec<f64> = own.into_iter().filter_map(held_out).collect();
    let others: Vec<f64> = others.into_iter().filter_map(held_out).collect();
    if own.len() < LEAST || others.len() < LEAST {
        return None;
    }
    let above = |values: &[f64], threshold: f64| {
        values.iter().filter(|v| **v >= threshold).count() as f64 / values.len() as f64
    };
    let youden = |threshold: f64| above(&own, threshold) - above(&others, threshold);
    // Of thresholds that are equally good the lowest, and half way down to what is refused: it refuses least.
    let mut thresholds = own.clone();
    thresholds.sort_unstable_by(f64::total_cmp);
    let best = thresholds.iter().copied().reduce(|best, next| if youden(next) > youden(best) { next } else { best })?;
    let below = own.iter().chain(&others).copied().filter(|value| *value < best).reduce(f64::max);
    let best = below.map_or(best, |below| (best + below) / 2.0);
    let wins = |value: f64| {
        others.iter().map(|o| if value > *o { 1.0 } else { f64::from(u8::from(value == *o)) / 2.0 }).sum::<f64>()
    };
    let auc = own.iter().map(|value| wins(*value)).sum::<f64>() / (own.len() * others.len()) as f64;
    Some(OperatingPoint {
        style: style.to_owned(),
        own: own.len(),
        others: others.len(),
        threshold: best,
        true_positive_rate: above(&own, best),
        false_positive_rate: above(&others, best),
        auc,
    })
}

fn place(probabilities: &[f32]) -> Option<Vec<f64>> {
    let roots: Vec<f32> = probabilities.iter().map(|p| p.max(0.0).sqrt()).collect();
    unit(&roots)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bank(blur: f32) -> ReferenceBank {
        let own = (0..8).map(|i| ("flat", [1.0 - blur - i as f32 * 0.01, blur + i as f32 * 0.01, 0.0]));
        let others = (0..8).map(|i| ("line", [blur, 1.0 - blur - i as f32 * 0.02, i as f32 * 0.02]));
        let all: Vec<(&str, [f32; 3])> = own.chain(others).collect();
        ReferenceBank::new(all.iter().map(|(style, p)| (*style, &p[..])))
    }

    #[test]
    fn styles_that_lie_apart_are_told_apart() {
        let bank = bank(0.05);
        let point = operating_point(&bank, "flat").unwrap();
        assert_eq!((point.auc, point.true_positive_rate, point.false_positive_rate, point.own), (1.0, 1.0, 0.0, 8));
        let near = bank.consistency(&[0.93, 0.05, 0.02], "flat").unwrap();
        let far = bank.consistency(&[0.05, 0.9, 0.05], "flat").unwrap();
        assert!(near.csls >= point.threshold && far.csls < point.threshold && near.cosine > far.cosine);
        assert!(
            bank.consistency(&[0.9, 0.1, 0.0], "unknown").is_none() && bank.consistency(&[0.0; 3], "flat").is_none()
        );
    }

    #[test]
    fn styles_that_are_the_same_are_not() {
        let mut random = crate::eval::stats::Random::new(4);
        let mut draw = |style: &'static str| {
            let share = random.below(1000) as f32 / 1000.0;
            (style, [share, 1.0 - share])
        };
        let all: Vec<(&str, [f32; 2])> = (0..40).map(|i| draw(if i % 2 == 0 { "a" } else { "b" })).collect();
        let point = operating_point(&ReferenceBank::new(all.iter().map(|(style, p)| (*style, &p[..]))), "a").unwrap();
        assert!((0.2..0.8).contains(&point.auc), "{point:?}");
        assert!(operating_point(&bank(0.1), "nobody").is_none());
    }
}
