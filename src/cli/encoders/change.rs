//! `housestyle encoders promote` and `rollback`: change the version that is in use. Both only add a record.

use crate::app::AppResult;
use crate::app::encoders::promote::{PromoteRequest, PromotionRequestBasis, RollbackRequest};
use crate::base::actor::Reason;
use crate::base::version::{EncoderName, VersionId};
use crate::cli::actor::By;
use crate::cli::context::CommandContext;
use crate::cli::out::Out;
use crate::cli::outcome::CommandOutcome;
use crate::registry::{Promotion, PromotionReason};

/// Arguments of `encoders promote`.
#[derive(Debug, clap::Args)]
pub(crate) struct PromoteArgs {
    /// The version, such as style/acme@3; `style/` may be left out
    version: VersionId,
    /// Promote regardless of the scores; the reason is recorded
    #[arg(long, requires = "reason")]
    force: bool,
    /// Compare the scores recorded in the cards at training, instead of drawing with both versions again
    #[arg(long, conflicts_with = "force")]
    recorded: bool,
    /// The reason for forcing it
    #[arg(long, value_name = "TEXT", requires = "force")]
    reason: Option<String>,
    #[command(flatten)]
    by: By,
    #[command(flatten)]
    out: Out,
}

/// Arguments of `encoders rollback`.
#[derive(Debug, clap::Args)]
pub(crate) struct RollbackArgs {
    /// The encoder, such as style/acme; `style/` may be left out
    encoder: EncoderName,
    /// The reason
    #[arg(long, value_name = "TEXT", default_value = "no reason given")]
    reason: String,
    #[command(flatten)]
    by: By,
    #[command(flatten)]
    out: Out,
}

/// Promotes a version and prints the record.
///
/// # Errors
/// As [`App::promote`](crate::app::App::promote), if the name of the person is invalid, and if the JSON document
/// cannot be serialised.
pub async fn promote(args: PromoteArgs, context: &CommandContext) -> AppResult<CommandOutcome> {
    let basis = match args.reason {
        Some(reason) if args.force => PromotionRequestBasis::Forced(Reason::new("--reason", &reason)?),
        _ if args.recorded => PromotionRequestBasis::Recorded,
        _ => PromotionRequestBasis::Measure,
    };
    let request = PromoteRequest { version: args.version, basis, by: args.by.actor()?, out: args.out.place };
    show(&context.app.promote(request).await?, context)
}

/// Rolls an encoder back and prints the record.
///
/// # Errors
/// As [`App::roll_back`](crate::app::App::roll_back), if the name of the person is invalid, and if the JSON document
/// cannot be serialised.
pub async fn rollback(args: RollbackArgs, context: &CommandContext) -> AppResult<CommandOutcome> {
    let reason = Reason::new("--reason", &args.reason)?;
    let request = RollbackRequest { encoder: args.encoder, reason, by: args.by.actor()?, out: args.out.place };
    show(&context.app.roll_back(request).await?, context)
}

fn show(record: &Promotion, context: &CommandContext) -> AppResult<CommandOutcome> {
    let before = record.previous.as_ref().map_or_else(|| "nothing".into(), ToString::to_string);
    context.say(format!("{} is in use now; before: {before}", record.version));
    match &record.grounds {
        PromotionReason::Evidence(evidence) => evidence.iter().for_each(|line| context.say(format!("  {line}"))),
        PromotionReason::Forced(reason) => context.say(format!("  forced: {reason}")),
        PromotionReason::Rollback(reason) => context.say(format!("  rolled back: {reason}")),
    }
    context.emit(record)?;
    Ok(CommandOutcome::Done)
}
