//! Cells to the table that people read.
//!
//! Takes cells and their scores. Returns one row for each arm and number of shots, mean and 95 % interval over the
//! seeds. Invariants: the interval is Student's t; a row of one cell has none; a row with cells missing says how many
//! it has.

use std::fmt::Write as _;

use serde::Serialize;
use statrs::distribution::{ContinuousCDF as _, StudentsT};

use crate::cells::{Arm, Cell, Cells, Scores, Task};

/// A mean and how far the true one may lie from it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// Over the seeds.
    pub mean: f64,
    /// Half the width of the 95 % interval; none of a single value.
    pub margin: Option<f64>,
}

/// One row.
#[derive(Debug, Serialize)]
pub struct Row {
    task: Task,
    arm: Arm,
    shots: usize,
    seeds: usize,
    style: Estimate,
    found: Estimate,
    spared: Estimate,
    category: Estimate,
    category_five: Estimate,
    kept: Estimate,
}

/// The rows of all finished cells, in the order asked for.
pub fn rows(asked: &[Cell], cells: &Cells) -> Vec<Row> {
    let mut keys: Vec<(Task, Arm, usize)> = Vec::new();
    for cell in asked {
        let key = (cell.task, cell.arm, cell.shots);
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    let row = |(task, arm, shots): (Task, Arm, usize)| {
        let same = asked.iter().filter(|cell| (cell.task, cell.arm, cell.shots) == (task, arm, shots));
        let scores: Vec<Scores> = same.filter_map(|cell| cells.find(cell)).collect();
        let of = |value: fn(&Scores) -> f64| estimate(&scores.iter().map(value).collect::<Vec<_>>());
        (!scores.is_empty()).then(|| Row {
            task,
            arm,
            shots,
            seeds: scores.len(),
            style: of(|s| s.style),
            found: of(|s| s.found),
            spared: of(|s| s.spared),
            category: of(|s| s.category),
            category_five: of(|s| s.category_five),
            kept: of(|s| s.kept),
        })
    };
    keys.into_iter().filter_map(row).collect()
}

/// Mean and interval.
pub fn estimate(values: &[f64]) -> Estimate {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n.max(1.0);
    let margin = (values.len() > 1).then(|| {
        let variance = values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / (n - 1.0);
        let student = StudentsT::new(0.0, 1.0, n - 1.0).map_or(f64::NAN, |t| t.inverse_cdf(0.975));
        student * (variance / n).sqrt()
    });
    Estimate { mean, margin }
}

/// The tables, in per cent.
pub fn markdown(rows: &[Row]) -> String {
    let mut text = String::new();
    for task in Task::ALL {
        let rows: Vec<&Row> = rows.iter().filter(|row| row.task == task).collect();
        if rows.is_empty() {
            continue;
        }
        let (title, style) = match task {
            Task::Houses => ("Nine houses as brands", "style"),
            Task::NewHouse => ("A house never seen", "style (own found · others spared)"),
        };
        let _ = write!(
            text,
            "### {title}\n\n| arm | shots | {style} | category, top 1 | top 5 | category by the style encoder |\n\
             |---|---|---|---|---|---|\n"
        );
        for row in rows {
            let style = match task {
                Task::Houses => percent(row.style),
                Task::NewHouse => format!("{} ({} · {})", percent(row.style), percent(row.found), percent(row.spared)),
            };
            let (one, five, kept) = (percent(row.category), percent(row.category_five), percent(row.kept));
            let _ = writeln!(text, "| {} | {} | {style} | {one} | {five} | {kept} |", name(row.arm), row.shots);
        }
        text.push('\n');
    }
    text
}

fn percent(estimate: Estimate) -> String {
    let mean = format!("{:.1}", 100.0 * estimate.mean);
    estimate.margin.map_or(mean.clone(), |margin| format!("{mean} ± {:.1}", 100.0 * margin))
}

fn name(arm: Arm) -> String {
    match arm {
        Arm::ZeroShot => "zero-shot CLIP, the brand's name".into(),
        Arm::Described => "zero-shot CLIP, an expert's description".into(),
        Arm::TipAdapter => "Tip-Adapter".into(),
        Arm::OneEncoder => "one encoder, both tasks".into(),
        Arm::CrossEntropy => "Control-CLIP, cross-entropy".into(),
        Arm::Triplet => "Control-CLIP, triplet".into(),
        Arm::Contrasted => "Control-CLIP, cross-entropy, shown other houses".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_students() {
        // Deviation √(0.025/4) = 0.0791, over √5 is 0.0354, times t(4) = 2.776 is 0.0981.
        let found = estimate(&[0.5, 0.6, 0.55, 0.65, 0.7]);
        assert!((found.mean - 0.6).abs() < 1e-12 && (found.margin.unwrap() - 0.0981).abs() < 1e-4, "{found:?}");
        assert_eq!(estimate(&[0.5]), Estimate { mean: 0.5, margin: None });
        assert_eq!(percent(found), "60.0 ± 9.8");
    }
}
