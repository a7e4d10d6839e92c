//! All commands and global flags, and the dispatch of a command line.

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

/// Makes campaign images in a brand's own style, and measures them
#[derive(Debug, Parser)]
#[command(name = "housestyle", version, about, max_term_width = 100, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done · 1 internal error · 2 invalid input or usage · 3 done, but some assets \
were rejected or failed · 4 something needed is unavailable · 130 stopped by Ctrl-C or SIGTERM (run again to resume)";

/// The flags of every command.
#[derive(Debug, Args)]
struct Global {
    /// Print one JSON document on standard output; text for people goes to standard error
    #[arg(long, global = true)]
    json: bool,
    /// Settings file (YAML); without it, ./housestyle.yaml is read if it exists
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder that holds bundles, each in a folder of its own; may be given several times
    #[arg(long, global = true, value_name = "DIR")]
    bundles: Vec<PathBuf>,
    /// Execution provider: cpu, openvino, cuda or tensorrt; if it is unavailable, the command stops with exit code 4
    #[arg(long, global = true, value_name = "NAME")]
    provider: Option<String>,
    /// Threads of the model runtime; 0 uses every core
    #[arg(long, global = true, value_name = "N")]
    threads: Option<usize>,
    /// Log more: -v logs events, -vv every detail
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make the assets of a campaign; a second run resumes it
    Run(run::Args),
    /// Check campaign, style set and cost model files: every problem at once, with its place and a hint
    Check(check::Args),
    /// Show what a campaign would make: count, time, cost, storage, rights; nothing is generated
    Plan(plan::Args),
    /// Submit a campaign to the workers behind the broker; the same campaign again returns the first one's id
    Submit(submit::Args),
    /// Take campaigns and jobs from the broker and make them, until asked to stop
    Worker(worker::Args),
    /// Show a campaign's progress
    Status(status::Args),
    /// Cancel a campaign: queued jobs are not begun, jobs in work stop within a step
    Cancel(cancel::Args),
    /// Retry the failed and dead-lettered jobs of a campaign
    Retry(retry::Args),
    /// List, show and requeue dead letters: messages that were set aside after repeated failures
    Dead(dead::Args),
    /// Make one asset again from its sidecar and report the deviation
    Reproduce(reproduce::Args),
    /// Fine-tune a text encoder on a style set's pictures: a candidate version
    Train(train::Args),
    /// List, show, promote and roll back the versions of trained encoders
    Encoders(encoders::Args),
    /// Check, trace and revoke the rights in training pictures
    Rights(rights::Args),
    /// Import bought images as a baseline to compare campaigns with
    Baseline(baseline::Args),
    /// Evaluate a campaign's images, alone or against a baseline, with confidence intervals and significance tests
    Eval(eval::Args),
    /// Write the report for a decision: quality, votes, costs and risks, with their uncertainty
    Report(report::Args),
    /// Run a blind review: people compare the campaign's images with bought ones
    Review(review::Args),
    /// Check that everything needed is present, and name the command that mends what is not
    Doctor(doctor::Args),
    /// Print the JSON Schema of campaign, style set or cost model files
    Schema(schema::Args),
    /// Print shell completions
    Completions(completions::Args),
}

/// Runs the command that the arguments name, and returns the exit code.
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
