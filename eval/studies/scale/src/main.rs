//! Evidence at scale: how long it takes to score a delivery, to evaluate and to report, and how much memory, at several
//! sizes.
//!
//! Takes the program (built before) and a campaign file. Returns a table. Invariants: the campaign is drawn once,
//! every brief one image; the larger ones are copies of it in which a pixel differs, with sidecars of their own; the
//! delivery is the same, mirrored, and every picture of it is judged by the evaluator. Time and peak are those of the
//! real commands.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use clap::Parser;
use housestyle::appearance::picture;
use housestyle::base::currency::Currency;
use housestyle::base::digest::Digest;
use housestyle::campaign::layout::{Layout, Shelf};
use housestyle::campaign::provenance;
use housestyle::campaign::sidecar::Sidecar;
use housestyle::pipeline::Bundle;
use housestyle::plan::{Job, Plan, Rates, StyleCatalog, check, plan};
use housestyle::spec::Campaign;
use housestyle::store::{Local, Store};
use housestyle_testkit::memory;
use housestyle_testkit::program::program;
use image::{Rgb, RgbImage};

/// Measures evidence at scale.
#[derive(Parser)]
struct Args {
    /// The bundle
    #[arg(long, default_value = "models/emoji-houses")]
    bundle: PathBuf,
    /// The campaign that is drawn: one image a brief
    #[arg(long, default_value = "specs/houses.yaml")]
    spec: PathBuf,
    /// Images a brief, for each campaign that is measured
    #[arg(long, value_delimiter = ',', default_values_t = [1, 12])]
    counts: Vec<u32>,
    /// Where everything lies; nothing is drawn twice
    #[arg(long, default_value = "out/scale")]
    to: PathBuf,
}

type Found<T> = Result<T, Box<dyn Error>>;

/// What was drawn, by category and style.
type Drawn = BTreeMap<(String, String), (RgbImage, Sidecar)>;

fn main() -> ExitCode {
    match measure(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(args: &Args) -> Found<()> {
    let tokio = tokio::runtime::Builder::new_current_thread().build()?;
    let place = args.to.join("store");
    let stored = text(&place);
    housestyle(&["run", &text(&args.spec), "--out", &stored])?;
    let (store, yaml) = (Local::new(&place), fs::read_to_string(&args.spec)?);
    let planned = |yaml: &str| planned(yaml, &args.bundle);
    let drawn = tokio.block_on(drawn(&store, &planned(&yaml)?))?;
    println!("{:>7} {:>8}   {:>14} {:>14} {:>14}", "images", "bought", "import", "eval", "report");
    for count in &args.counts {
        let name = format!("scale-{count}");
        let plan = planned(&larger(&yaml, &name, *count)?)?;
        let delivery = args.to.join(format!("delivery-{count}"));
        tokio.block_on(copied(&store, &plan, &drawn))?;
        delivered(&delivery, &plan, &drawn)?;
        let out = ["--out", &stored];
        let beside = ["--baseline", &name, "--references", "eval/demo/references.yaml"];
        let (report, bought) = (text(&args.to.join("report")), text(&delivery));
        // Once for nothing: references are judged once, then remembered.
        housestyle(&[&["eval", &name][..], &beside[2..], &out].concat())?;
        let commands = [
            [&["baseline", "import", &bought, "--name", &name, "--campaign", &name][..], &out].concat(),
            [&["eval", &name, "--json"][..], &beside, &out].concat(),
            [&["report", &name, "--costs", "specs/costs.yaml", "--to", &report][..], &beside, &out].concat(),
        ];
        print!("{:>7} {:>8}  ", plan.jobs.len(), plan.jobs.len());
        for command in commands {
            let (taken, peak) = housestyle(&command)?;
            print!(" {:>6.1} s {:>3.0} MB", taken.as_secs_f64(), peak as f64 / 1e6);
            std::io::stdout().flush()?;
        }
        println!();
    }
    Ok(())
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// Runs the program; returns how long it took, and the most memory it had at once, in bytes.
fn housestyle(args: &[&str]) -> Found<(Duration, u64)> {
    let began = Instant::now();
    let (ended, peak) = memory::peak(Command::new(program()).args(args).stdout(Stdio::null()).spawn()?)?;
    match ended.code() {
        // Images that the gate refused are no failure here.
        Some(0 | 3) => Ok((began.elapsed(), peak)),
        _ => Err(format!("housestyle {}: {ended}", args.join(" ")).into()),
    }
}

fn planned(yaml: &str, bundle: &Path) -> Found<Plan> {
    let list = |problems: Vec<housestyle::spec::Problem>| {
        problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    let campaign = Campaign::parse(yaml, "campaign.yaml").map_err(list)?;
    let rates = Rates { cost_per_hour: 1.0, currency: Currency::USD };
    let catalog = StyleCatalog::of_bundle(Bundle::open(bundle)?.facts());
    Ok(check(&campaign, &catalog, &rates).map(plan).map_err(list)?)
}

/// The campaign's text with another name and so many images a brief.
fn larger(yaml: &str, name: &str, count: u32) -> Found<String> {
    let campaign = Campaign::parse(yaml, "campaign.yaml").map_err(|_| "the campaign cannot be read")?;
    let yaml = yaml.replacen(&format!("name: {}\n", campaign.name), &format!("name: {name}\n"), 1);
    let (assets, rest) = yaml.split_once("\n  sampler:").ok_or("the campaign's assets do not end with its sampler")?;
    Ok(format!("{assets}\n      count: {count}\n  sampler:{rest}"))
}

async fn drawn(store: &Local, plan: &Plan) -> Found<Drawn> {
    let layout = Layout::of(&plan.campaign);
    let mut found = Drawn::new();
    for job in &plan.jobs {
        let there = store.get(&layout.sidecar(Shelf::Assets, &job.stem)).await?;
        let (Some(sidecar), Some(image)) = (there, store.get(&layout.image(Shelf::Assets, &job.stem)).await?) else {
            continue;
        };
        let sidecar = Sidecar::from_bytes(&sidecar, job.stem.as_str())?;
        found.insert((job.category.clone(), job.style.clone()), (picture::decode(&image, job.stem.as_str())?, sidecar));
    }
    Ok(found)
}

/// What was drawn for the job's brief, with a pixel that is no other copy's.
fn copy(job: &Job, drawn: &Drawn) -> Found<(RgbImage, Sidecar)> {
    let found = drawn.get(&(job.category.clone(), job.style.clone()));
    let (mut picture, sidecar) = found.cloned().ok_or_else(|| format!("{} is not drawn", job.stem))?;
    let [low, high, ..] = job.index.to_le_bytes();
    picture.put_pixel(0, 0, Rgb([low, high, 0]));
    Ok((picture, sidecar))
}

/// Puts the campaign into the store as if it had been made.
async fn copied(store: &Local, plan: &Plan, drawn: &Drawn) -> Found<()> {
    let layout = Layout::of(&plan.campaign);
    store.put(&layout.plan(), serde_json::to_vec_pretty(plan)?.into()).await?;
    for job in &plan.jobs {
        let (picture, mut sidecar) = copy(job, drawn)?;
        let bytes = provenance::encode(&picture, job, 1)?;
        sidecar.job = job.clone();
        if let Some(image) = &mut sidecar.image {
            (image.file, image.sha256) = (format!("{}.png", job.stem), Digest::of(&bytes));
        }
        store.put(&layout.image(Shelf::Assets, &job.stem), bytes.into()).await?;
        store.put(&layout.sidecar(Shelf::Assets, &job.stem), sidecar.to_bytes()?.into()).await?;
    }
    Ok(())
}

/// Writes the same as a vendor would deliver it.
fn delivered(folder: &Path, plan: &Plan, drawn: &Drawn) -> Found<()> {
    fs::create_dir_all(folder)?;
    let mut index = "file,category,style,vendor,price,currency,licence\n".to_owned();
    for job in &plan.jobs {
        let mirrored = image::imageops::flip_horizontal(&copy(job, drawn)?.0);
        let file = format!("{}.png", job.stem);
        fs::write(folder.join(&file), provenance::encode_with(&mirrored, &[])?)?;
        index += &format!("{file},{},{},Studio,40,USD,CC0-1.0\n", job.category, job.style);
    }
    Ok(fs::write(folder.join("index.csv"), index)?)
}
