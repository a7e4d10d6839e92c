//! How far raters agree beyond chance: Krippendorff's alpha.
//!
//! Takes for each unit that was rated, what each rater said. Returns alpha: 1 for full agreement, 0 for chance, below
//! for less.
//!
//! K. Krippendorff, "Content analysis" (4th ed. 2019), chapter 12; ratings may be missing, raters any number.

/// The scale that ratings are on, which decides their distance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Nominal: equal or not.
    Nominal,
    /// Ordinal: by the number of ratings between them.
    Ordinal,
    /// Interval: by the squared difference.
    Interval,
}

/// Alpha of ratings `0..categories`, one list a unit in which each entry is one rater's word; `None` where no unit
/// has two ratings, or all ratings are the same, which says nothing about agreement.
pub fn krippendorff(units: &[Vec<usize>], categories: usize, scale: Scale) -> Option<f64> {
    // Coincidences: how often two ratings of one unit meet, each unit counting as many times as it has ratings.
    let mut meets = vec![vec![0.0; categories]; categories];
    for unit in units.iter().filter(|unit| unit.len() > 1) {
        if unit.iter().any(|rating| *rating >= categories) {
            return None;
        }
        let weight = 1.0 / (unit.len() - 1) as f64;
        for (i, a) in unit.iter().enumerate() {
            for (j, b) in unit.iter().enumerate() {
                if i != j {
                    meets[*a][*b] += weight;
                }
            }
        }
    }
    let totals: Vec<f64> = meets.iter().map(|row| row.iter().sum()).collect();
    let all: f64 = totals.iter().sum();
    let apart = |a: usize, b: usize| match scale {
        Scale::Nominal => f64::from(u8::from(a != b)),
        Scale::Interval => (a as f64 - b as f64).powi(2),
        Scale::Ordinal => {
            let between: f64 = totals[a.min(b)..=a.max(b)].iter().sum();
            (between - (totals[a] + totals[b]) / 2.0).powi(2)
        }
    };
    let (mut observed, mut expected) = (0.0, 0.0);
    for a in 0..categories {
        for b in 0..categories {
            observed += meets[a][b] * apart(a, b);
            expected += totals[a] * totals[b] * apart(a, b);
        }
    }
    (expected > 0.0).then(|| 1.0 - (all - 1.0) * observed / expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agreement_by_hand() {
        let same = [vec![0, 0], vec![1, 1], vec![1, 1, 1]];
        assert_eq!(krippendorff(&same, 2, Scale::Nominal), Some(1.0));
        assert!(krippendorff(&[vec![0, 0], vec![0, 0]], 2, Scale::Nominal).is_none(), "nobody ever said anything else");
        assert!(
            krippendorff(&[vec![0], vec![1], vec![]], 2, Scale::Nominal).is_none(),
            "nobody rated what another rated"
        );
        assert!(krippendorff(&[vec![0, 5]], 2, Scale::Nominal).is_none());
        // Two raters, two units, never of one mind: observed 1, expected 2·2·2/(4·3) = 2/3.
        assert_eq!(krippendorff(&[vec![0, 1], vec![1, 0]], 2, Scale::Nominal), Some(-0.5));
    }
}
