//! Every command and global flag, and how a command line is run.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, CommandFactory as _, Parser, Subcommand};

use super::context::CommandContext;
use super::outcome::CommandOutcome;
use super::output::Output;
use super::progress::Terminal;
use super::{
    baseline, cancel, check, completions, dead, doctor, encoders, eval, plan, report, reproduce, retry, review, rights,
    run, schema, status, submit, train, worker,
};
use crate::app::{App, AppResult};
use crate::config::{Config, Flags};
use crate::io::shutdown::Shutdown;
use crate::telemetry;

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

/// Does what the arguments say, and returns the exit code.
pub async fn main(args: impl IntoIterator<Item = OsString>) -> u8 {
    let args: Vec<OsString> = args.into_iter().collect();
    match Cli::try_parse_from(&args) {
        Ok(cli) => {
            let output = Output::new(cli.global.json);
            let result = execute(cli, output.clone()).await;
            output.end(result)
        }
        Err(said) => Output::new(args.iter().any(|arg| arg == "--json")).parser(&said),
    }
}

async fn execute(cli: Cli, output: Output) -> AppResult<CommandOutcome> {
    let Global { json: _, config, bundles, provider, threads, verbose } = cli.global;
    let config = Config::load(config.as_deref(), std::env::vars_os(), Flags { bundles, provider, threads })?;
    let _export = telemetry::start(verbose, config.log_format, config.collector()?.as_ref())?;
    let app = App::new(config, Shutdown::default(), Arc::new(Terminal::new(output.clone())))?;
    dispatch(cli.command, &CommandContext::new(app, output)).await
}

async fn dispatch(command: Command, context: &CommandContext) -> AppResult<CommandOutcome> {
    match command {
        Command::Run(args) => run::run(args, context).await,
        Command::Check(args) => check::run(args, context).await,
        Command::Plan(args) => plan::run(args, context).await,
        Command::Submit(args) => submit::run(args, context).await,
        Command::Worker(args) => worker::run(args, context).await,
        Command::Status(args) => status::run(args, context).await,
        Command::Cancel(args) => cancel::run(args, context).await,
        Command::Retry(args) => retry::run(args, context).await,
        Command::Dead(args) => dead::run(args, context).await,
        Command::Reproduce(args) => reproduce::run(args, context).await,
        Command::Train(args) => train::run(args, context).await,
        Command::Encoders(args) => encoders::run(args, context).await,
        Command::Rights(args) => rights::run(args, context).await,
        Command::Baseline(args) => baseline::run(args, context).await,
        Command::Eval(args) => eval::run(args, context).await,
        Command::Report(args) => report::run(args, context).await,
        Command::Review(args) => review::run(args, context).await,
        Command::Doctor(args) => doctor::run(args, context).await,
        Command::Schema(args) => schema::run(args, context),
        Command::Completions(args) => completions::run(args, Cli::command(), context),
    }
}
