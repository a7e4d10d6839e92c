//! `housestyle plan SPEC`: shows what a campaign would make, and its time, cost, storage and rights. Nothing is
//! generated.
//!
//! # Invariants
//! A plan that `run` would refuse for its rights or its budget is printed too, but the command fails.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use super::context::CommandContext;
use super::out::Out;
use super::outcome::CommandOutcome;
use super::table::Table;
use super::words::{duration, ruling, storage};
use crate::app::AppResult;
use crate::app::planning::PlanRequest;
use crate::plan::{BudgetStatus, Plan, Ruling, amount};

/// Arguments of `plan`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Campaign file
    #[arg(value_name = "SPEC")]
    spec: PathBuf,
    #[command(flatten)]
    out: Out,
}

/// Plans the campaign and prints the plan: a table for people, all of it with `--json`.
///
/// # Errors
/// As [`App::plan`](crate::app::App::plan), and if rights or budget forbid the campaign.
pub async fn run(args: Args, context: &CommandContext) -> AppResult<CommandOutcome> {
    let planned = context.app.plan(PlanRequest { file: args.spec, out: args.out.place }).await?;
    context.say_text(describe(&planned.plan));
    context.emit(&planned.plan)?;
    planned.permitted()?;
    Ok(CommandOutcome::Done)
}

/// Formats the plan as text with tables.
fn describe(plan: &Plan) -> String {
    let mut out = format!("campaign {} with bundle {}@{}\n\n", plan.campaign, plan.bundle, plan.digest);
    let _ = writeln!(out, "{}\n", styles(plan));
    let e = &plan.estimate;
    let up_to = |low: String, high: String| {
        if low == high { low } else { format!("{low} (up to {high} if every attempt is used)") }
    };
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

/// Tabulates images by style, with each style's licence, holder and ruling.
fn styles(plan: &Plan) -> Table {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for job in &plan.jobs {
        *counts.entry(&job.style).or_default() += 1;
    }
    let mut table = Table::new(["style", "images", "licence", "holder", "use"]).right(1);
    for style in &plan.rights.styles {
        let images = counts.get(style.style.as_str()).copied().unwrap_or_default().to_string();
        let (name, licence, holder) = (style.style.clone(), style.licence.to_string(), style.holder.clone());
        table.push([name, images, licence, holder, ruling(style.ruling).into()]);
    }
    table
}

fn budget(plan: &Plan) -> String {
    let Some(verdict) = &plan.budget else { return "none set".into() };
    let max = format!("{} {}", amount(verdict.max_cost), plan.estimate.currency);
    match verdict.status {
        BudgetStatus::Within => format!("within {max} even if every attempt is used"),
        BudgetStatus::AtRisk => format!("within {max} at first attempts, but further attempts could exceed it"),
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
    // A campaign that names no place of use is not checked against these terms, so they are shown to the person who
    // uses its images.
    for style in &plan.rights.styles {
        text.extend(style.terms.iter().map(|terms| format!("; {} only within its rights ({terms})", style.style)));
    }
    text
}
