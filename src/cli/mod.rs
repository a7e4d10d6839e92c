//! The command line: arguments in, an exit code out. Each subcommand is a file with `Args` and `run`, which gives an
//! [`Outcome`].
//!
//! Always holds: with `--json`, standard output carries one JSON document and nothing else; human words then go to
//! standard error, where progress and problems go anyway.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use serde::Serialize;

use crate::app::{App, Failure};
use crate::base::error::{Context as _, Error, Kind, Result};
use crate::base::names::BundleRef;
use crate::config::{Config, Flags};
use crate::io::shutdown::Shutdown;
use crate::pipeline::{Bundle, Pipeline};
use crate::spec::Problem;
use crate::store::Store;
use crate::telemetry;

pub mod baseline;
pub mod cancel;
pub mod check;
pub mod completions;
pub mod dead;
pub mod doctor;
pub mod encoders;
pub mod eval;
mod output;
pub mod plan;
mod progress;
pub mod report;
pub mod reproduce;
pub mod retry;
pub mod review;
pub mod rights;
pub mod run;
pub mod schema;
pub mod status;
pub mod submit;
mod table;
pub mod train;
pub mod worker;

use output::Output;
use progress::Terminal;

/// Every campaign image in your house style, measured.
#[derive(Debug, Parser)]
#[command(name = "housestyle", version, about, max_term_width = 100, after_help = EXIT_CODES)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done · 1 internal error · 2 invalid input or usage · 3 done, but some assets \
were rejected or failed · 4 something needed is unavailable · 130 stopped by Ctrl-C or SIGTERM (run again to go on)";

/// Flags that every command takes.
#[derive(Debug, Args)]
struct Global {
    /// Print one JSON document on standard output; human words go to standard error
    #[arg(long, global = true)]
    json: bool,
    /// Settings file (YAML); without it ./housestyle.yaml is read if it is there
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder that holds bundles, one folder each; may be given several times
    #[arg(long, global = true, value_name = "DIR")]
    bundles: Vec<PathBuf>,
    /// Execution provider: cpu, openvino, cuda or tensorrt; used, or the command stops with exit code 4
    #[arg(long, global = true, value_name = "NAME")]
    provider: Option<String>,
    /// Threads of the model runtime; 0 takes every core
    #[arg(long, global = true, value_name = "N")]
    threads: Option<usize>,
    /// Say more in the log: -v what happens, -vv every detail
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
}

/// Where a command writes, and looks for what was written.
#[derive(Clone, Debug, Args)]
pub struct Out {
    /// Where everything goes, trained styles too: a folder, or s3://BUCKET/PREFIX [default: the setting `out`, or ./out]
    #[arg(long, value_name = "PLACE")]
    out: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make the assets of a campaign; run again, it resumes
    Run(run::Args),
    /// Check campaign files: every problem at once, with its place and a hint
    Check(check::Args),
    /// Show what a campaign would make: count, time, cost, storage, rights; nothing is run
    Plan(plan::Args),
    /// Hand a campaign to the workers behind the broker; the same campaign again gives the first one's id back
    Submit(submit::Args),
    /// Take campaigns and jobs from the broker and make them, until told to stop
    Worker(worker::Args),
    /// Say how far a campaign is
    Status(status::Args),
    /// Stop a campaign: what is queued is not begun, what is in work stops within a step
    Cancel(cancel::Args),
    /// Make again what failed or was given up on
    Retry(retry::Args),
    /// Show what was given up on, and put it back to work
    Dead(dead::Args),
    /// Make one asset again from its sidecar and report the deviation
    Reproduce(reproduce::Args),
    /// Fine-tune a text encoder from a style set's pictures: a candidate version
    Train(train::Args),
    /// List, show, promote and roll back the versions of trained encoders
    Encoders(encoders::Args),
    /// Check, trace and revoke the rights in what styles were learned from
    Rights(rights::Args),
    /// Import what was bought, to compare campaigns with
    Baseline(baseline::Args),
    /// Measure a campaign's images, alone or beside a baseline, with intervals and tests
    Eval(eval::Args),
    /// Write the report a manager decides on: quality, votes, costs and risks, with their uncertainty
    Report(report::Args),
    /// Have people vote blind on the house's images beside bought ones
    Review(review::Args),
    /// Say whether everything needed is there, and the one command that fixes what is not
    Doctor(doctor::Args),
    /// Print the JSON Schema of campaign, style set or cost model files
    Schema(schema::Args),
    /// Print shell completions
    Completions(completions::Args),
}

/// How a command that did its work ended; errors are [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All of it.
    Done,
    /// Done, but some assets were rejected or failed, or deviate.
    SomeFailed,
    /// Something needed is missing, and the command has already said what.
    Unavailable,
    /// Stopped on request, resumable.
    Stopped,
}

impl Outcome {
    /// The process exit code.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::SomeFailed => 3,
            Self::Unavailable => 4,
            Self::Stopped => 130,
        }
    }
}

/// What every command gets: the application, and how to speak.
#[derive(Clone, Debug)]
pub struct Context {
    app: App,
    output: Output,
    runtime: tokio::runtime::Handle,
}

impl std::ops::Deref for Context {
    type Target = App;

    fn deref(&self) -> &App {
        &self.app
    }
}

/// Does what the arguments say, and gives back the exit code.
pub fn main(args: impl IntoIterator<Item = OsString>) -> u8 {
    let args: Vec<OsString> = args.into_iter().collect();
    match Cli::try_parse_from(&args) {
        Ok(cli) => {
            let output = Output::new(cli.global.json);
            let result = run(cli, output.clone());
            output.end(result)
        }
        Err(said) => Output::new(args.iter().any(|arg| arg == "--json")).parser(&said),
    }
}

fn run(cli: Cli, output: Output) -> Result<Outcome> {
    let Global { json: _, config, bundles, provider, threads, verbose } = cli.global;
    let config = Config::load(config.as_deref(), std::env::vars_os(), Flags { bundles, provider, threads })?;
    let _export = telemetry::start(verbose, config.log_format, config.collector()?.as_ref())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.context(Kind::Internal, || "cannot start the async runtime")?;
    let progress = Arc::new(Terminal::new(output.clone()));
    let app = App::new(config, Shutdown::default(), progress)?;
    let context = Context { app, output, runtime: runtime.handle().clone() };
    let result = dispatch(cli.command, &context);
    runtime.shutdown_timeout(LAST_WORDS);
    result
}

/// What still runs when a command has its result is given so long.
const LAST_WORDS: Duration = Duration::from_secs(2);

fn dispatch(command: Command, context: &Context) -> Result<Outcome> {
    match command {
        Command::Run(args) => run::run(args, context),
        Command::Check(args) => check::run(args, context),
        Command::Plan(args) => plan::run(args, context),
        Command::Submit(args) => submit::run(args, context),
        Command::Worker(args) => worker::run(args, context),
        Command::Status(args) => status::run(args, context),
        Command::Cancel(args) => cancel::run(args, context),
        Command::Retry(args) => retry::run(args, context),
        Command::Dead(args) => dead::run(args, context),
        Command::Reproduce(args) => reproduce::run(args, context),
        Command::Train(args) => train::run(args, context),
        Command::Encoders(args) => encoders::run(args, context),
        Command::Rights(args) => rights::run(args, context),
        Command::Baseline(args) => baseline::run(args, context),
        Command::Eval(args) => eval::run(args, context),
        Command::Report(args) => report::run(args, context),
        Command::Review(args) => review::run(args, context),
        Command::Doctor(args) => doctor::run(args, context),
        Command::Schema(args) => schema::run(args, context),
        Command::Completions(args) => completions::run(args, context),
    }
}

impl Context {
    /// Says a line to a person: on standard output, or on standard error where `--json` wants the former for itself.
    ///
    /// It stays one line: what could break it or steer a terminal is made visible.
    pub fn say(&self, line: impl AsRef<str>) {
        self.output.line(line.as_ref());
    }

    /// As [`Context::say`], for text of ours that spans lines; what others wrote in it must have been made safe before, as
    /// in a table (`table.rs`).
    pub fn say_text(&self, text: impl AsRef<str>) {
        text.as_ref().lines().for_each(|line| self.output.line(line));
    }

    /// Whether standard output is for a program.
    pub fn json(&self) -> bool {
        self.output.json()
    }

    /// Prints what is asked for as it is, on standard output.
    pub fn print(&self, text: &str) {
        self.output.write(text.as_bytes());
    }

    /// Prints the JSON document that `--json` promises; does nothing without it.
    pub fn emit(&self, document: &impl Serialize) -> Result<()> {
        self.output.document(document)
    }

    /// Says every problem on standard error and returns the error that stands for all of them (exit code 2).
    pub fn problems(&self, problems: &[Problem]) -> Error {
        self.output.problems(problems);
        let file = problems.first().map_or("the campaign", |p| p.file.as_str());
        let count = problems.len();
        Error::invalid(format!("{count} problem{} in {file}", if count == 1 { "" } else { "s" }))
    }

    /// The folder or bucket that `--out`, or else the setting, names.
    pub fn place<'a>(&'a self, out: &'a Out) -> &'a str {
        self.app.place(out.out.as_deref())
    }

    /// The store that is there.
    pub fn store(&self, out: &Out) -> Result<Arc<dyn Store>> {
        self.block_on(self.app.store(out.out.as_deref()))
    }

    /// Finds, verifies and opens a bundle.
    pub fn bundle(&self, reference: &BundleRef) -> Result<Bundle> {
        self.block_on(self.app.bundle(reference))
    }

    /// Loads the bundle's models.
    pub fn pipeline(&self, bundle: &Bundle) -> Result<Pipeline> {
        self.app.load_pipeline(bundle)
    }

    /// Runs async work to its end.
    pub fn block_on<T, E>(&self, work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        self.runtime.block_on(work)
    }

    /// Says every problem, and gives back the error that stands for all.
    pub fn failed(&self, failure: Failure) -> Error {
        let (problems, error) = failure.into_parts();
        self.output.problems(&problems);
        error
    }
}
