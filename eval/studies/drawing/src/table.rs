//! Findings to the tables that people read.
//!
//! Takes [`Findings`]. Returns markdown, and rows for JSON. Invariants: intervals are BCa bootstraps that draw names,
//! not pictures, as pictures of one name share its difficulty; differences are of the same names, so they are paired.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use housestyle::eval::stats::{Bootstrap, Interval};
use serde::Serialize;

use crate::choose::{Shares, Tried};
use crate::judge::Mark;
use crate::setting::{Arm, Names, Scale, Setting, Task};
use crate::study::{Findings, Tested};

const BOOTSTRAP: Bootstrap = Bootstrap { resamples: 10_000, confidence: 0.95, seed: 0 };

/// A share or difference with its interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// What was found.
    pub mean: f64,
    /// The interval's ends; none of fewer than two names.
    pub ends: Option<(f64, f64)>,
}

/// An arm on the test names.
#[derive(Debug, Serialize)]
pub struct Row {
    task: Task,
    arm: Arm,
    setting: Setting,
    /// Whether the setting kept the category where it was chosen.
    keeps: bool,
    pictures: usize,
    style: Estimate,
    first: Estimate,
    five: Estimate,
    /// Style beyond the stock encoder's with the brand's name.
    over_name: Option<Estimate>,
    /// Style beyond the stock encoder's with the description.
    over_described: Option<Estimate>,
}

/// What a mark counts as.
type Is = fn(&Mark) -> bool;

/// One value a name: the mean over houses and seeds.
fn by_name(marks: &[Mark], is: Is) -> BTreeMap<&str, f64> {
    let mut sums: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    for mark in marks {
        let sum = sums.entry(&mark.name).or_default();
        *sum = (sum.0 + f64::from(u8::from(is(mark))), sum.1 + 1.0);
    }
    sums.into_iter().map(|(name, (sum, count))| (name, sum / count)).collect()
}

fn estimate(values: &[f64]) -> Estimate {
    let ends = BOOTSTRAP.mean(values).map(|Interval { low, high }| (low, high));
    Estimate { mean: values.iter().sum::<f64>() / values.len().max(1) as f64, ends }
}

fn share(marks: &[Mark], is: Is) -> Estimate {
    estimate(&by_name(marks, is).into_values().collect::<Vec<_>>())
}

fn beyond(marks: &[Mark], base: &[Mark], is: Is) -> Estimate {
    let base = by_name(base, is);
    let differences = by_name(marks, is).into_iter().filter_map(|(name, value)| Some(value - base.get(name)?));
    estimate(&differences.collect::<Vec<_>>())
}

/// The arms on the test names.
pub fn rows(findings: &Findings) -> Vec<Row> {
    let of = |arm: Arm| findings.tested.iter().find(|tested| tested.choice.tried.setting.arm == arm);
    let row = |tested: &Tested| {
        let (marks, setting) = (&tested.marks[..], tested.choice.tried.setting);
        let over =
            |arm: Arm| of(arm).filter(|_| setting.arm != arm).map(|base| beyond(marks, &base.marks, |m| m.style));
        Row {
            task: findings.task,
            arm: setting.arm,
            setting,
            keeps: tested.choice.keeps,
            pictures: marks.len(),
            style: share(marks, |m| m.style),
            first: share(marks, |m| m.first),
            five: share(marks, |m| m.five),
            over_name: over(Arm::Name),
            over_described: over(Arm::Described),
        }
    };
    findings.tested.iter().map(row).collect()
}

/// All tables of a task.
pub fn markdown(findings: &Findings) -> String {
    let title = match findings.task {
        Task::Houses => "Nine houses as brands",
        Task::NewHouse => "A house never seen",
    };
    let mut text = format!("### {title}\n\n");
    let rows = rows(findings);
    if !rows.is_empty() {
        text += "| arm | guidance, λ | style | category, top 1 | top 5 | style beyond the name | beyond the \
            description |\n\
                 |---|---|---|---|---|---|---|\n";
        for row in rows {
            let over = |over: Option<Estimate>| over.map_or("–".into(), signed);
            let (arm, how, missed) = (row.arm.title(), pull(&row.setting), if row.keeps { "" } else { " \\*" });
            let (style, first, five) = (percent(row.style), percent(row.first), percent(row.five));
            let (name, described) = (over(row.over_name), over(row.over_described));
            let _ = writeln!(text, "| {arm} | {how}{missed} | {style} | {first} | {five} | {name} | {described} |");
        }
        text.push('\n');
    }
    tried(findings, &mut text);
    extras(findings, &mut text);
    text
}

/// Every setting on the kept names, a row each by λ and guidance: style / top five; a dash where nothing was drawn.
fn tried(findings: &Findings, text: &mut String) {
    let arms: Vec<&Vec<Tried>> = findings.tried.iter().filter(|tried| !tried.is_empty()).collect();
    let Some(pictures) = arms.first().map(|tried| tried[0].shares.pictures) else { return };
    let mut settings: Vec<&Setting> = arms.iter().copied().flatten().map(|tried| &tried.setting).collect();
    let scale = |setting: &Setting| if let Scale::Even(scale) = setting.scale { scale } else { 0.0 };
    let place = |setting: &Setting| [scale(setting), setting.category, setting.style];
    settings.sort_by(|a, b| place(a).partial_cmp(&place(b)).unwrap_or(Ordering::Equal));
    settings.dedup_by_key(|setting| pull(setting));
    let _ = writeln!(
        text,
        "Chosen on {pictures} pictures a setting, style / top 5; the floor is {:.1}:\n",
        100.0 * findings.floor
    );
    let titles: Vec<&str> = arms.iter().map(|tried| tried[0].setting.arm.title()).collect();
    let _ = writeln!(text, "| guidance, λ | {} |", titles.join(" | "));
    let _ = writeln!(text, "|---|{}", "---|".repeat(titles.len()));
    for asked in settings {
        let cell = |tried: &&Vec<Tried>| {
            let found = tried.iter().find(|tried| pull(&tried.setting) == pull(asked));
            found.map_or("–".into(), |tried| pair(&tried.shares))
        };
        let cells: Vec<String> = arms.iter().map(cell).collect();
        let _ = writeln!(text, "| {} | {} |", pull(asked), cells.join(" | "));
    }
    text.push('\n');
}

fn extras(findings: &Findings, text: &mut String) {
    if findings.extras.is_empty() {
        return;
    }
    text.push_str(
        "| tried beside | arm | guidance, λ | names | style | category, top 1 | top 5 |\n\
         |---|---|---|---|---|---|---|\n",
    );
    for extra in &findings.extras {
        let names = match extra.names {
            Names::Brought => "brought",
            Names::Kept => "kept",
            Names::Test => "test",
        };
        let Shares { style, first, five, pictures } = extra.shares;
        let (style, first, five) = (100.0 * style, 100.0 * first, 100.0 * five);
        let (arm, how) = (extra.setting.arm.title(), pull(&extra.setting));
        let what = &extra.what;
        let _ =
            writeln!(text, "| {what} | {arm} | {how} | {names} ({pictures}) | {style:.1} | {first:.1} | {five:.1} |");
    }
    text.push('\n');
}

fn pull(setting: &Setting) -> String {
    format!("{}, {} · {}", setting.category, setting.style, setting.scale)
}

fn pair(shares: &Shares) -> String {
    format!("{:.0} / {:.0}", 100.0 * shares.style, 100.0 * shares.five)
}

fn percent(estimate: Estimate) -> String {
    let mean = format!("{:.1}", 100.0 * estimate.mean);
    estimate.ends.map_or(mean.clone(), |(low, high)| format!("{mean} ({:.1}–{:.1})", 100.0 * low, 100.0 * high))
}

fn signed(estimate: Estimate) -> String {
    let mean = format!("{:+.1}", 100.0 * estimate.mean);
    estimate.ends.map_or(mean.clone(), |(low, high)| format!("{mean} ({:+.1} to {:+.1})", 100.0 * low, 100.0 * high))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(name: &str, style: bool) -> Mark {
        Mark { house: "acme".into(), name: name.into(), style, first: true, five: true }
    }

    #[test]
    fn names_are_what_is_drawn_and_differences_are_paired() {
        let marks: Vec<Mark> =
            (0..20).flat_map(|i| [mark(&i.to_string(), true), mark(&i.to_string(), i % 2 == 0)]).collect();
        let base: Vec<Mark> = (0..20).map(|i| mark(&i.to_string(), i % 2 == 0)).collect();
        let style = share(&marks, |m| m.style);
        let (low, high) = style.ends.unwrap();
        assert!((style.mean - 0.75).abs() < 1e-12 && low > 0.6 && high < 0.9 && low < 0.75 && high > 0.75, "{style:?}");
        // Each name gains half where it had nothing: 0 or 0.5.
        let more = beyond(&marks, &base, |m| m.style);
        assert!((more.mean - 0.25).abs() < 1e-12 && more.ends.unwrap().0 > 0.1, "{more:?}");
        let tried = |scale, style| Tried {
            setting: Setting::new(Task::Houses, Arm::Name, (3.0, 3.0), scale),
            shares: Shares { style, first: 0.0, five: 0.8, pictures: 9 },
        };
        let arms = vec![vec![tried(0.5, 0.1), tried(1.0, 0.2)], vec![tried(1.0, 0.3)]];
        let findings = Findings { task: Task::Houses, floor: 0.8, tried: arms, tested: vec![], extras: vec![] };
        let text = markdown(&findings);
        assert!(text.contains("| 3, 3 · 0.5 | 10 / 80 | – |\n| 3, 3 · 1 | 20 / 80 | 30 / 80 |"), "{text}");
        assert_eq!(signed(Estimate { mean: -0.125, ends: None }), "-12.5");
    }
}
