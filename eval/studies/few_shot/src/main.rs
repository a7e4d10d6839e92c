//! Few-shot identification on real drawings: how many pictures a brand needs until its style is told from others.
//!
//! Takes the emoji houses' drawings as PNGs (`housestyle-models data --pngs DIR`, see models/README.md) and a bundle.
//! Returns one JSON line for each cell (arm × shots × seed), and the Markdown table of all of them. Invariants:
//! training is the library's own, on the bundle's own training step; no test drawing was seen by the base models or
//! by any choice of settings; a finished cell is never computed twice, so the command may be stopped and run again.
//!
//! `cargo run --release -p housestyle-study-few-shot -- DIR`
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod arms;
mod cells;
mod exam;
mod table;
mod tip;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use housestyle::base::error::{Error, Result};
use housestyle_study_common::drawings::{Drawings, MOST_SHOTS};
use housestyle_study_common::models;

use crate::arms::{Lab, Settings};
use crate::cells::{Arm, Cell, Cells, Task};

/// Few-shot identification of category and style on held-out drawings, as a table.
#[derive(Debug, Parser)]
struct Args {
    /// The drawings: what `housestyle-models data --pngs DIR` wrote
    drawings: PathBuf,
    /// The bundle's folder
    #[arg(long, default_value = "models/emoji-houses", value_name = "DIR")]
    bundle: PathBuf,
    /// Where finished cells are kept, one JSON line each
    #[arg(long, default_value = "out/few-shot.jsonl", value_name = "FILE")]
    cells: PathBuf,
    /// Pictures a brand brings
    #[arg(long, default_value = "1,2,4,8,16", value_delimiter = ',')]
    shots: Vec<usize>,
    /// How many seeds: which pictures, which first weights, which batches
    #[arg(long, default_value_t = 5)]
    seeds: u64,
    /// Only these arms
    #[arg(long, value_delimiter = ',')]
    arms: Vec<Arm>,
    /// Only this question: nine houses as brands, or a house never seen
    #[arg(long)]
    task: Option<Task>,
    /// Training steps of an encoder; one for both tasks takes as many as the two together
    #[arg(long, default_value_t = 50)]
    steps: u32,
    /// Step length for the style encoder, and for one encoder that learns both
    #[arg(long, default_value_t = 3e-3)]
    learning_rate: f32,
    /// Step length for the category encoder
    #[arg(long, default_value_t = 3e-4)]
    category_learning_rate: f32,
    /// Judge on the few-shot names that no brand brought, to choose settings with, instead of on the test names
    #[arg(long)]
    validate: bool,
    /// Threads of the runtime; 0 is every core
    #[arg(long, default_value_t = 0)]
    threads: usize,
    /// Print the rows as JSON instead of the table
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    models::finish(run(&Args::parse()))
}

fn run(args: &Args) -> Result<()> {
    let loader = models::open(&args.bundle, args.threads)?;
    let bundle = loader.bundle();
    let drawings = Drawings::open(&args.drawings)?;
    let Args { steps, learning_rate, category_learning_rate, validate, .. } = *args;
    let settings = Settings { steps, learning_rate, category_learning_rate, validate };
    let asked = asked(args)?;
    let setup = settings.digest(bundle, &drawings);
    let mut cells = Cells::open(&args.cells, &setup)?;
    let open: Vec<Cell> = asked.iter().filter(|cell| cells.find(cell).is_none()).copied().collect();
    eprintln!("{} cell(s), {} of them already in {}", asked.len(), asked.len() - open.len(), args.cells.display());
    if !open.is_empty() {
        let mut lab = Lab::new(&loader, &drawings, settings)?;
        let started = Instant::now();
        for (i, cell) in open.iter().enumerate() {
            let begun = Instant::now();
            let scores = lab.measure(*cell)?;
            let seconds = begun.elapsed().as_secs_f64();
            let left = started.elapsed().as_secs_f64() / (i + 1) as f64 * (open.len() - i - 1) as f64;
            eprintln!(
                "{}/{} {cell}: style {:.1} %, category {:.1} %, {seconds:.0} s ({:.0} min left)",
                i + 1,
                open.len(),
                100.0 * scores.style,
                100.0 * scores.category,
                left / 60.0
            );
            cells.add(*cell, scores, seconds)?;
        }
    }
    let rows = table::rows(&asked, &cells);
    match args.json {
        true => {
            println!(
                "{}",
                serde_json::to_string_pretty(&rows).map_err(|e| Error::internal("cannot write JSON").caused_by(e))?
            )
        }
        false => print!("{}", table::markdown(&rows)),
    }
    Ok(())
}

/// Every cell that the arguments ask for. What does not learn has one cell, for any shots and seeds.
fn asked(args: &Args) -> Result<Vec<Cell>> {
    if args.shots.iter().any(|k| !(1..=MOST_SHOTS).contains(k)) || args.seeds == 0 || args.steps == 0 {
        return Err(Error::invalid(format!("--shots must be 1 to {}, --seeds and --steps at least 1", MOST_SHOTS)));
    }
    let mut cells = Vec::new();
    for task in Task::ALL.into_iter().filter(|task| args.task.is_none_or(|only| only == *task)) {
        for arm in
            Arm::ALL.into_iter().filter(|arm| arm.answers(task) && (args.arms.is_empty() || args.arms.contains(arm)))
        {
            match arm.learns() {
                false => cells.push(Cell { task, arm, shots: 0, seed: 0 }),
                true => cells.extend(
                    args.shots
                        .iter()
                        .flat_map(|k| (0..args.seeds).map(move |seed| Cell { task, arm, shots: *k, seed })),
                ),
            }
        }
    }
    Ok(cells)
}
