//! `housestyle doctor`: checks that everything a run needs is present. Prints one line each: ok, or what to do.

use super::context::CommandContext;
use super::out::Out;
use super::outcome::CommandOutcome;
use crate::app::AppResult;
use crate::app::doctor::DoctorRequest;

/// Arguments of `doctor`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    out: Out,
}

/// Runs every check and prints its result.
///
/// # Errors
/// As [`App::doctor`](crate::app::App::doctor), and if the JSON document cannot be serialised.
pub async fn run(args: Args, context: &CommandContext) -> AppResult<CommandOutcome> {
    let checks = context.app.doctor(DoctorRequest { out: args.out.place }).await?;
    context.emit(&checks)?;
    Ok(if checks.iter().all(|check| check.ok) { CommandOutcome::Done } else { CommandOutcome::Unavailable })
}
