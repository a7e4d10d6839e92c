//! `housestyle rights revoke X… --reason TEXT`: forbids new work with these pictures, and with every version that was
//! trained on them.

use crate::app::AppResult;
use crate::app::rights::revoke::{RetrainAdvice, RevokeReport, RevokeRequest};
use crate::base::actor::Reason;
use crate::cli::actor::By;
use crate::cli::context::CommandContext;
use crate::cli::out::Out;
use crate::cli::outcome::CommandOutcome;

/// Arguments of `rights revoke`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Pictures (files or sha256) and sources, as the style set writes them
    #[arg(required = true)]
    what: Vec<String>,
    /// The reason, which is shown to everybody who asks for a version that was trained on them
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Revoke also what nothing in the store was made from yet
    #[arg(long)]
    unseen: bool,
    #[command(flatten)]
    by: By,
    #[command(flatten)]
    out: Out,
}

/// Revokes pictures and sources and prints what is affected.
///
/// # Errors
/// As [`App::revoke`](crate::app::App::revoke), and if the JSON document cannot be serialised.
pub async fn run(args: Args, context: &CommandContext) -> AppResult<CommandOutcome> {
    let request = RevokeRequest {
        what: args.what,
        reason: Reason::new("--reason", &args.reason)?,
        unseen: args.unseen,
        by: args.by.actor()?,
        out: args.out.place,
    };
    let report = context.app.revoke(request).await?;
    describe(&report, context);
    context.emit(&report)?;
    Ok(CommandOutcome::Done)
}

fn describe(report: &RevokeReport, context: &CommandContext) {
    for version in &report.unusable {
        context.say(format!("unusable: {version}"));
    }
    for RetrainAdvice { encoder, in_use, usable } in &report.retrain {
        let until_then = match usable {
            Some(usable) => format!("; until then: housestyle encoders promote {usable}"),
            None => String::new(),
        };
        context.say(format!("train again without these pictures: {encoder} ({in_use} is in use){until_then}"));
    }
    for reason in &report.unreadable {
        context.say(format!("cannot be read, and may be affected too: {reason}"));
    }
    match report.assets.len() {
        0 => context.say("no finished asset was made from them"),
        count => context.say(format!(
            "{count} finished asset(s) were made from them and are kept; `housestyle rights trace` lists them"
        )),
    }
}
