//! Drawing in a brand's style: what each way to teach an encoder gives in pictures from the same frozen UNet.
//!
//! Takes the emoji houses' drawings as PNGs (`housestyle-models data --pngs DIR`) and a bundle. Returns trained
//! encoders and sheets of pictures in a work folder, and from them tables (Markdown or JSON), curves and a grid.
//! Invariants: same UNet, noise, sampler and steps for every arm; each arm's guidance and λ are chosen on names that
//! are neither learned from nor judged; encoders and sheets are kept, so the command may be stopped and run again,
//! and a new evaluator judges what was drawn before.
//!
//! `cargo run --release -p housestyle-study-drawing -- DIR`
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod choose;
mod curve;
mod draw;
mod grid;
mod judge;
mod setting;
mod study;
mod table;
mod teach;
mod words;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use housestyle::base::digest::Digest;
use housestyle::base::error::{Error, Result};
use housestyle::pipeline::Bundle;
use housestyle_study_common::drawings::Drawings;
use housestyle_study_common::models;

use crate::draw::Artist;
use crate::judge::Judge;
use crate::setting::{Arm, Task, said};
use crate::study::{Drawing, Extent, Stage, Study};
use crate::teach::{Course, Teacher};
use crate::words::Words;

/// Style and category in pictures, arm by arm.
#[derive(Debug, Parser)]
struct Args {
    /// The drawings: what `housestyle-models data --pngs DIR` wrote
    drawings: PathBuf,
    /// The bundle's folder
    #[arg(long, default_value = "models/emoji-houses", value_name = "DIR")]
    bundle: PathBuf,
    /// Where encoders and sheets are kept
    #[arg(long, default_value = "out/drawing", value_name = "DIR")]
    work: PathBuf,
    /// Only these arms
    #[arg(long, value_delimiter = ',')]
    arms: Vec<Arm>,
    /// Only this task
    #[arg(long)]
    task: Option<Task>,
    /// Training steps of a style encoder
    #[arg(long, default_value_t = 200)]
    steps: u32,
    /// Step length of the optimiser
    #[arg(long, default_value_t = 1e-3)]
    learning_rate: f32,
    /// Steps of the sampler
    #[arg(long, default_value_t = 20)]
    sampler_steps: usize,
    /// Names that settings of the nine houses are chosen on; the new house takes all there are
    #[arg(long, default_value_t = 8)]
    kept: usize,
    /// λ that is tried on them
    #[arg(long, value_delimiter = ',', default_values_t = [0.25, 0.5, 0.75, 1.0])]
    scales: Vec<f32>,
    /// Points of the category's top five that a setting may be under the best of the brand's name, on the kept names
    #[arg(long, default_value_t = 2.0)]
    may_lose: f64,
    /// Seeds of each test name, for the nine houses
    #[arg(long, default_value_t = 1)]
    seeds: u64,
    /// Seeds of each test name, for the new house
    #[arg(long, default_value_t = 4)]
    new_seeds: u64,
    /// How far to go
    #[arg(long, value_enum, default_value = "extras")]
    until: Stage,
    /// What is drawn, where it was not before; the rest of what was drawn is judged
    #[arg(long, value_enum, default_value = "all")]
    draw: Drawing,
    /// Where curves and grids go; none is drawn without
    #[arg(long, value_name = "DIR")]
    figures: Option<PathBuf>,
    /// Threads of the runtime; 0 is every core
    #[arg(long, default_value_t = 0)]
    threads: usize,
    /// Print the rows as JSON instead of the tables
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
    let words = Words::of(bundle);
    let course = Course { steps: args.steps, learning_rate: args.learning_rate, seed: 0 };
    let folder = args.work.join(&models(bundle, &drawings).hex()[..12]);
    let teacher =
        Teacher { loader: &loader, drawings: &drawings, words: &words, course, folder: folder.join("encoders") };
    let sheets = folder.join(format!("sheets-n{}-r{}-k{}", args.steps, args.learning_rate, args.sampler_steps));
    let mut study = Study {
        artist: Artist::new(&loader, &teacher, &words, sheets, args.sampler_steps)?,
        judge: Judge::load(&loader)?,
        drawings: &drawings,
        words: &words,
        extent: Extent {
            scales: args.scales.clone(),
            kept: args.kept,
            may_lose: args.may_lose / 100.0,
            seeds: (args.seeds, args.new_seeds),
            until: args.until,
            draw: args.draw,
        },
    };
    let arms: Vec<Arm> = Arm::ALL.into_iter().filter(|arm| args.arms.is_empty() || args.arms.contains(arm)).collect();
    let mut all = Vec::new();
    for task in Task::ALL.into_iter().filter(|task| args.task.is_none_or(|only| only == *task)) {
        let findings = study.of(task, &arms)?;
        if let Some(folder) = &args.figures {
            teach::write(&folder.join(format!("generation-{}.svg", said(task))), curve::draw(&findings).as_bytes())?;
            if let Some(grid) = grid::draw(&study, &findings)? {
                teach::write(&folder.join(format!("generation-{}.png", said(task))), &grid)?;
            }
        }
        if !args.json {
            println!("{}", table::markdown(&findings).trim_end());
        }
        all.push(serde_json::json!({"rows": table::rows(&findings), "findings": findings}));
    }
    if args.json {
        println!(
            "{}",
            serde_json::to_string_pretty(&all).map_err(|e| Error::internal("cannot write JSON").caused_by(e))?
        );
    }
    Ok(())
}

/// What encoders and pictures depend on: every model but the judge, and the drawings.
fn models(bundle: &Bundle, drawings: &Drawings) -> Digest {
    let files = bundle.manifest().spec.files.iter().filter(|(path, _)| !path.starts_with("evaluator/"));
    let files: Vec<String> = files.map(|(path, listed)| format!("{path} {}", listed.sha256.hex())).collect();
    Digest::of(format!("drawing/v1 {files:?} {}", drawings.digest()))
}
