//! `housestyle plan SPEC`: what would be made, and what it takes: count, time, cost, storage, rights. Nothing is run.
//!
//! Always holds: a plan that `run` would refuse, for its rights or its budget, is printed all the same, and is no success.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use super::{Context, Out, Outcome};
use crate::app::planning::load_draft;
use crate::base::error::Result;
use crate::plan::{BudgetStatus, Plan, Ruling, amount};

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Campaign file
    #[arg(value_name = "SPEC")]
    spec: PathBuf,
    #[command(flatten)]
    out: Out,
}

/// Plans the campaign and prints the plan: a table for people, the whole of it with `--json`.
pub fn run(args: Args, context: &Context) -> Result<Outcome> {
    let store = context.store(&args.out)?;
    let planned = context.block_on(async { context.plan_draft(load_draft(&args.spec).await?, &store).await });
    let planned = planned.map_err(|failure| context.failed(failure))?;
    context.say_text(describe(&planned.plan));
    context.emit(&planned.plan)?;
    planned.permitted().map_err(|failure| context.failed(failure))?;
    Ok(Outcome::Done)
}

/// The plan in words and a table.
fn describe(plan: &Plan) -> String {
    let mut out = format!("campaign {} with bundle {}@{}\n\n", plan.campaign, plan.bundle, plan.digest);
    table(&mut out, plan);
    let e = &plan.estimate;
    let up_to =
        |low: String, high: String| if low == high { low } else { format!("{low} (up to {high} if every attempt is used)") };
    let money = |cost: f64| format!("{} {}", amount(cost), e.currency);
    let drawn = if e.attempts_max > e.images { format!(", up to {} drawn", e.attempts_max) } else { String::new() };
    let rows = [
        ("images", format!("{}{drawn}", e.images)),
        ("time", up_to(duration(e.seconds), duration(e.seconds_max))),
        ("cost", up_to(money(e.cost), money(e.cost_max))),
        ("storage", storage(e.bytes)),
        ("budget", budget(plan)),
        ("rights", rights(plan)),
    ];
    for (name, text) in rows {
        let _ = writeln!(out, "{name:<9}{text}");
    }
    out.trim_end().into()
}

/// Images by style, with each style's licence, holder and verdict.
fn table(out: &mut String, plan: &Plan) {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for job in &plan.jobs {
        *counts.entry(&job.style).or_default() += 1;
    }
    let heads = ["style", "images", "licence", "holder", "use"].map(String::from);
    let rows = plan.rights.styles.iter().map(|s| {
        let images = counts.get(s.style.as_str()).copied().unwrap_or_default().to_string();
        let ruling = match s.ruling {
            Ruling::Allowed => "allowed",
            Ruling::Attribution => "allowed, name the holder",
            Ruling::Refused => "refused",
        };
        [s.style.clone(), images, s.licence.clone(), s.holder.clone(), ruling.into()]
    });
    let rows: Vec<[String; 5]> = std::iter::once(heads).chain(rows).collect();
    let width = |column: usize| rows.iter().map(|r| r[column].chars().count()).max().unwrap_or_default();
    let widths: [usize; 5] = std::array::from_fn(width);
    for row in &rows {
        let [style, images, licence, holder, ruling] = row;
        let line = format!(
            "{style:<0$}  {images:>1$}  {licence:<2$}  {holder:<3$}  {ruling}",
            widths[0], widths[1], widths[2], widths[3]
        );
        let _ = writeln!(out, "{}", line.trim_end());
    }
    out.push('\n');
}

fn budget(plan: &Plan) -> String {
    let Some(verdict) = &plan.budget else { return "none set".into() };
    let max = format!("{} {}", amount(verdict.max_cost), plan.estimate.currency);
    match verdict.status {
        BudgetStatus::Within => format!("within {max}, whatever happens"),
        BudgetStatus::AtRisk => format!("within {max} at first attempts, but further attempts could pass it"),
        BudgetStatus::Over => format!("over {max}"),
    }
}

fn rights(plan: &Plan) -> String {
    let refused: Vec<String> =
        plan.rights.refused().map(|s| format!("{} ({}, {}): {}", s.style, s.licence, s.holder, s.reason)).collect();
    let named: Vec<&str> =
        plan.rights.styles.iter().filter(|s| s.ruling == Ruling::Attribution).map(|s| s.holder.as_str()).collect();
    if !refused.is_empty() {
        return format!("refused: {}", refused.join("; "));
    }
    let mut text = "allowed".to_owned();
    if !named.is_empty() {
        text += &format!("; name {}", named.join(", "));
    }
    // A campaign that does not say where it is used is not held against these; whoever uses its images is.
    for style in &plan.rights.styles {
        text.extend(style.terms.iter().map(|terms| format!("; {} only within its rights ({terms})", style.style)));
    }
    text
}

pub(super) fn duration(seconds: f64) -> String {
    match seconds.ceil() as u64 {
        s @ 0..60 => format!("{s} s"),
        s @ 60..3600 => format!("{} min {} s", s / 60, s % 60),
        s => format!("{} h {} min", s / 3600, s % 3600 / 60),
    }
}

fn storage(bytes: u64) -> String {
    match bytes as f64 {
        b if b < 1e6 => format!("{:.0} kB", (b / 1e3).ceil()),
        b if b < 1e9 => format!("{:.1} MB", b / 1e6),
        b => format!("{:.1} GB", b / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!([0.2, 75.0, 7300.0].map(duration), ["1 s", "1 min 15 s", "2 h 1 min"]);
        assert_eq!([1, 288_000, 1_500_000, 2_000_000_000].map(storage), ["1 kB", "288 kB", "1.5 MB", "2.0 GB"]);
    }
}
