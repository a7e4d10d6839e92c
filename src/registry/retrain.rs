//! When an encoder should be trained again. Pure.
//!
//! Takes the house's update policy and what is known of the version in use. Returns the reasons, empty if it is not
//! due.

use serde::{Deserialize, Serialize};

/// When a trained encoder should be trained again; what is not set is no reason.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UpdatePolicy {
    /// At so many pictures that it has not learned from.
    pub new_references: Option<u32>,
    /// When the mean style score of its assets' first attempts falls under this.
    pub drift_below: Option<f64>,
    /// When it is older than this.
    pub max_age_days: Option<u32>,
}

/// How far the version in use has drifted from what it should be.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Drift {
    /// Days since it was trained.
    pub age_days: u64,
    /// Pictures in the ledger that were brought for it and that it did not learn from.
    pub new_references: usize,
    /// Mean style score of its assets' first attempts, and how many there are.
    pub consistency: Option<(f64, usize)>,
}

/// Returns the reasons why it should be trained again; empty if none.
pub fn due(policy: &UpdatePolicy, wear: &Drift) -> Vec<String> {
    let mut reasons = Vec::new();
    if policy.new_references.is_some_and(|bound| wear.new_references >= bound as usize) {
        reasons.push(format!("{} new references", wear.new_references));
    }
    if let (Some(bound), Some((mean, assets))) = (policy.drift_below, wear.consistency)
        && mean < bound
    {
        reasons.push(format!("style consistency {mean:.3} of {assets} assets is under {bound}"));
    }
    if policy.max_age_days.is_some_and(|bound| wear.age_days > u64::from(bound)) {
        reasons.push(format!("{} days old", wear.age_days));
    }
    reasons
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_every_reason_and_none_without_a_policy() {
        let worn = Drift { age_days: 181, new_references: 5, consistency: Some((0.4, 30)) };
        assert!(due(&UpdatePolicy::default(), &worn).is_empty());
        let policy = UpdatePolicy { new_references: Some(5), drift_below: Some(0.5), max_age_days: Some(180) };
        assert_eq!(
            due(&policy, &worn),
            ["5 new references", "style consistency 0.400 of 30 assets is under 0.5", "181 days old"]
        );
        assert!(due(&policy, &Drift { age_days: 180, new_references: 4, consistency: Some((0.5, 1)) }).is_empty());
    }
}
