//! Decides by the update policy whether an encoder should be trained again. Pure.

use serde::{Deserialize, Serialize};

/// The thresholds at which an encoder should be trained again; one that is not set is not checked.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UpdatePolicy {
    /// Number of new pictures at which it is due.
    pub new_references: Option<u32>,
    /// Mean style score of its assets' first attempts below which it is due, 0 to 1.
    pub drift_below: Option<f64>,
    /// Age in days above which it is due.
    pub max_age_days: Option<u32>,
}

/// The measurements of a promoted version that the update policy is applied to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Drift {
    /// Days since it was trained.
    pub age_days: u64,
    /// Number of pictures that the ledger has for this encoder and that the version was not trained on.
    pub new_references: usize,
    /// Mean style score of its assets' first attempts, and the number of these assets; `None` without any.
    pub consistency: Option<(f64, usize)>,
}

/// Returns the reasons why an encoder should be trained again; empty if it is not due.
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
