//! `housestyle encoders promote` and `rollback`: change which version is in use. Both only add a record.

use super::super::{Context, Out, Outcome};
use super::{By, evidence, recorded};
use crate::base::error::Result;
use crate::base::version::{EncoderName, VersionId};
use crate::registry::ledger::Ledger;
use crate::registry::{Basis, Grounds, Promotion, Registry};

/// Arguments of `encoders promote`.
#[derive(Debug, clap::Args)]
pub struct PromoteArgs {
    /// The version, such as style/acme@3; `style/` may be left out
    version: VersionId,
    /// Promote it whatever its scores are; the reason is recorded
    #[arg(long, requires = "reason")]
    force: bool,
    /// Compare the scores that the cards have from training, instead of drawing with both versions again
    #[arg(long, conflicts_with = "force")]
    recorded: bool,
    /// Why it is forced
    #[arg(long, value_name = "TEXT", requires = "force")]
    reason: Option<String>,
    #[command(flatten)]
    by: By,
    #[command(flatten)]
    out: Out,
}

/// Arguments of `encoders rollback`.
#[derive(Debug, clap::Args)]
pub struct RollbackArgs {
    /// The encoder, such as style/acme; `style/` may be left out
    encoder: EncoderName,
    /// Why
    #[arg(long, value_name = "TEXT", default_value = "no reason given")]
    reason: String,
    #[command(flatten)]
    by: By,
    #[command(flatten)]
    out: Out,
}

/// Promotes.
pub fn promote(args: PromoteArgs, context: &Context) -> Result<Outcome> {
    let forced = args.reason.filter(|_| args.force).map(|reason| recorded("--reason", &reason)).transpose()?;
    let (store, by) = (context.store(&args.out)?, args.by.name()?);
    let measured = match forced.is_some() || args.recorded {
        true => None,
        false => Some(evidence::measure(&args.version, &store, context)?),
    };
    let record = context.block_on(async {
        let revocations = Ledger::new(store.clone()).revocations().await?;
        let basis = measured.as_ref().map_or_else(|| forced.as_deref().into(), Basis::Measured);
        Registry::new(store).promote(&args.version, &by, basis, &revocations, &context.policy()).await
    })?;
    tell(&record, context)
}

/// Rolls back.
pub fn rollback(args: RollbackArgs, context: &Context) -> Result<Outcome> {
    let (store, by) = (context.store(&args.out)?, args.by.name()?);
    let reason = recorded("--reason", &args.reason)?;
    let record = context.block_on(async {
        let revocations = Ledger::new(store.clone()).revocations().await?;
        Registry::new(store).rollback(&args.encoder, &by, &reason, &revocations, &context.policy()).await
    })?;
    tell(&record, context)
}

fn tell(record: &Promotion, context: &Context) -> Result<Outcome> {
    let before = record.previous.as_ref().map_or_else(|| "nothing".into(), ToString::to_string);
    context.say(format!("{} is in use now; before: {before}", record.version));
    match &record.grounds {
        Grounds::Evidence(evidence) => evidence.iter().for_each(|line| context.say(format!("  {line}"))),
        Grounds::Forced(reason) => context.say(format!("  forced: {reason}")),
        Grounds::Rollback(reason) => context.say(format!("  rolled back: {reason}")),
    }
    context.emit(record)?;
    Ok(Outcome::Done)
}
