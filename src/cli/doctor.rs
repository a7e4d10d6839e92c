//! `housestyle doctor`: is everything there that a run needs? One line each: ok, or the command that fixes it.

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

/// Checks everything.
pub async fn run(args: Args, context: &CommandContext) -> AppResult<CommandOutcome> {
    let checks = context.app.doctor(DoctorRequest { out: args.out.place }).await?;
    context.emit(&checks)?;
    Ok(if checks.iter().all(|check| check.ok) { CommandOutcome::Done } else { CommandOutcome::Unavailable })
}
