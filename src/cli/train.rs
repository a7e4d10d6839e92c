//! `housestyle train STYLESET`: trains a candidate version of a text encoder on a brand's pictures.

use std::path::PathBuf;

use super::context::CommandContext;
use super::out::Out;
use super::outcome::CommandOutcome;
use crate::app::AppResult;
use crate::app::train::TrainRequest;

/// Arguments of `train`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The style set file (YAML)
    styleset: PathBuf,
    #[command(flatten)]
    out: Out,
}

/// Trains a version and prints its scores.
///
/// # Errors
/// As [`App::train`](crate::app::App::train), and if the JSON document cannot be serialised.
pub async fn run(args: Args, context: &CommandContext) -> AppResult<CommandOutcome> {
    context.app.shutdown.on_signals();
    let report = context.app.train(TrainRequest { styleset: args.styleset, out: args.out.place }).await?;
    match &report.version {
        Some(version) => {
            context.say(format!("{version} is trained: {} steps, best after {}", report.steps, report.best_step));
            for (name, value) in &report.scores {
                context.say(format!("  {name:<16}{value:.3}"));
            }
            context.say(format!("to use it: housestyle encoders promote {version}"));
        }
        None => context.say(format!("stopped after {} steps; run the same command again to resume", report.steps)),
    }
    context.emit(&report)?;
    Ok(if report.stopped { CommandOutcome::Stopped } else { CommandOutcome::Done })
}
