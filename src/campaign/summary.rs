//! Summarises a campaign's sidecars: one row per style, a total, and the results of first attempts, as JSON or as a
//! text table. Pure.
//!
//! # Invariants
//!
//! It is computed from what the store holds, so a resumed run has the same summary as an uninterrupted one.

use std::fmt;

use serde::Serialize;

use crate::base::text;
use crate::campaign::sidecar::{Outcome, Sidecar};

/// The summary of a campaign.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// One row per style, in the plan's order.
    pub styles: Vec<Row>,
    /// The total over all styles.
    pub total: Row,
    /// The results of first attempts, which the gate has not influenced.
    pub first_attempts: FirstAttempts,
}

/// Counts and means over the assets of one style.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Row {
    /// The style's name; `all` for the total.
    pub style: String,
    /// Number of finished jobs.
    pub made: usize,
    /// Number of assets that passed the gate.
    pub accepted: usize,
    /// Number of assets that the gate refused.
    pub rejected: usize,
    /// Number of jobs whose generation failed.
    pub failed: usize,
    /// Share of jobs whose first attempt passed, 0 to 1.
    pub first_pass_yield: f64,
    /// Mean probability of the style asked for, over the images kept; `None` without an evaluator.
    pub mean_style: Option<f64>,
    /// Mean probability of the category asked for, over the images kept; `None` without an evaluator.
    pub mean_category: Option<f64>,
    /// Seconds of work.
    pub seconds: f64,
}

/// How often the evaluator finds in first attempts what was asked for.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct FirstAttempts {
    /// Number of first attempts that gave an image.
    pub made: usize,
    /// Number of first attempts that were scored.
    pub scored: usize,
    /// Number whose likeliest style is the one asked for.
    pub style_right: usize,
    /// Number whose likeliest category is the one asked for.
    pub category_top1: usize,
    /// Number whose category is among the five likeliest.
    pub category_top5: usize,
}

impl Summary {
    /// Summarises these sidecars.
    pub fn of(sidecars: &[Sidecar]) -> Self {
        let mut styles: Vec<&str> = Vec::new();
        for sidecar in sidecars {
            if !styles.contains(&sidecar.job.style.as_str()) {
                styles.push(&sidecar.job.style);
            }
        }
        let row = |style: &&str| Row::of(style, sidecars.iter().filter(|s| s.job.style.as_str() == *style));
        Self {
            styles: styles.iter().map(row).collect(),
            total: Row::of("all", sidecars.iter()),
            first_attempts: FirstAttempts::of(sidecars),
        }
    }
}

impl Row {
    fn of<'a>(style: &str, sidecars: impl Iterator<Item = &'a Sidecar> + Clone) -> Self {
        let count = |outcome| sidecars.clone().filter(|s| s.outcome == outcome).count();
        let made = sidecars.clone().count();
        let first_pass = sidecars.clone().filter(|s| s.attempts.first().is_some_and(|a| a.passed)).count();
        let scores = || sidecars.clone().filter_map(Sidecar::chosen_scores);
        Self {
            style: style.to_owned(),
            made,
            accepted: count(Outcome::Accepted),
            rejected: count(Outcome::Rejected),
            failed: count(Outcome::Failed),
            first_pass_yield: share(first_pass, made),
            mean_style: mean(scores().filter_map(|s| s.style)),
            mean_category: mean(scores().filter_map(|s| s.category)),
            seconds: sidecars.clone().flat_map(|s| s.timings.values()).fold(0.0, |sum, seconds| sum + seconds),
        }
    }
}

impl FirstAttempts {
    fn of(sidecars: &[Sidecar]) -> Self {
        let mut found = Self::default();
        for sidecar in sidecars {
            // A failed attempt is neither scored nor passed.
            found.made += usize::from(sidecar.attempts.first().is_some_and(|a| a.passed || a.scores.is_some()));
            let Some(scores) = sidecar.first_scores() else { continue };
            found.scored += 1;
            found.style_right += usize::from(scores.style_found == sidecar.job.style.as_str());
            found.category_top1 += usize::from(scores.category_rank == Some(1));
            found.category_top5 += usize::from(scores.category_rank.is_some_and(|rank| rank <= 5));
        }
        found
    }
}

fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

fn mean(values: impl Iterator<Item = f32>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0usize), |(sum, count), v| (sum + f64::from(v), count + 1));
    (count > 0).then(|| sum / count as f64)
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.styles.iter().map(|r| text::escape(&r.style).chars().count()).max().unwrap_or(0).max(5);
        writeln!(
            f,
            "{:<width$}  made  accepted  rejected  failed  first pass  mean style  mean category  seconds",
            "style"
        )?;
        let number = |value: Option<f64>| value.map_or("-".to_owned(), |v| format!("{v:.2}"));
        for row in self.styles.iter().chain((self.styles.len() > 1).then_some(&self.total)) {
            writeln!(
                f,
                "{:<width$}  {:>4}  {:>8}  {:>8}  {:>6}  {:>9.0}%  {:>10}  {:>13}  {:>7.1}",
                text::escape(&row.style),
                row.made,
                row.accepted,
                row.rejected,
                row.failed,
                100.0 * row.first_pass_yield,
                number(row.mean_style),
                number(row.mean_category),
                row.seconds,
            )?;
        }
        let first = &self.first_attempts;
        match first {
            FirstAttempts { made: 0, .. } => return write!(f, "first attempts: none gave an image"),
            FirstAttempts { scored: 0, .. } => {
                return write!(f, "first attempts: not scored, as the bundle has no evaluator");
            }
            _ => {}
        }
        let percent = |part| 100.0 * share(part, first.scored);
        write!(
            f,
            "first attempts ({}): style right {:.0} %, category right {:.0} % (top 1), {:.0} % (top 5)",
            first.scored,
            percent(first.style_right),
            percent(first.category_top1),
            percent(first.category_top5),
        )
    }
}
