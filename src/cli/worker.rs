//! `housestyle worker [--drain]`: takes campaigns and jobs from the broker until told to stop; ends with exit code 0.

use super::{Context, Out, Outcome};
use crate::app::work::WorkRequest;
use crate::base::error::Result;

/// Arguments of `worker`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The bundle to work with; without it, the only one there is
    #[arg(long, value_name = "NAME")]
    bundle: Option<String>,
    /// Finish what is queued, then end
    #[arg(long)]
    drain: bool,
    #[command(flatten)]
    out: Out,
}

/// Works.
pub fn run(args: Args, context: &Context) -> Result<Outcome> {
    let request = WorkRequest { bundle: args.bundle, drain: args.drain, out: args.out.out };
    let report = context.block_on(async {
        context.shutdown.on_signals();
        context.app.work(request).await
    });
    let report = report.map_err(|failure| context.failed(failure))?;
    context.say(format!("{} made, {} found finished", report.made, report.found));
    context.emit(&report)?;
    Ok(Outcome::Done)
}
