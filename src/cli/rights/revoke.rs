//! `housestyle rights revoke X… --reason TEXT`: from now on nothing new is made with these pictures, nor with any version
//! that learned from them. Nothing is deleted; what must be trained again is said.

use std::collections::BTreeSet;

use serde::Serialize;

use super::super::encoders::{By, recorded};
use super::super::{Context, Out, Outcome};
use super::{question, unknown};
use crate::base::error::{Error, Result};
use crate::base::time::Timestamp;
use crate::base::version::{EncoderName, VersionId};
use crate::registry::Survey;
use crate::registry::ledger::{Ledger, Revocation, Target};
use crate::registry::trace::{Question, trace};

/// Arguments of `rights revoke`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Pictures (files or sha256) and sources, as the style set writes them
    #[arg(required = true)]
    what: Vec<String>,
    /// Why; it is what everybody is told who asks for a version that learned from them
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Also revoke what nothing here came from yet, so that nothing ever does
    #[arg(long)]
    unseen: bool,
    #[command(flatten)]
    by: By,
    #[command(flatten)]
    out: Out,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    revoked: Vec<Revocation>,
    /// Versions that must not be used for new work, those revoked before included.
    unusable: Vec<VersionId>,
    /// Encoders whose version in use is one of those.
    retrain: Vec<Retrain>,
    /// Finished assets that these versions, or these sources, went into. They stay; somebody must decide about them.
    assets: Vec<String>,
    /// Cards, records and sidecars that could not be read, with the reason: they may belong here too.
    unreadable: Vec<String>,
}

#[derive(Serialize)]
struct Retrain {
    encoder: EncoderName,
    in_use: VersionId,
    /// The latest version for the same bundle that may still be used.
    usable: Option<VersionId>,
}

/// Revokes.
pub fn run(args: Args, context: &Context) -> Result<Outcome> {
    let (reason, by, at) = (recorded("--reason", &args.reason)?, args.by.name()?, Timestamp::now());
    let store = context.store(&args.out)?;
    let questions = args.what.iter().map(|what| Ok((what.as_str(), question(what)?))).collect::<Result<Vec<_>>>()?;
    // Nobody waits for a hundred thousand sidecars to be read, nor for a damaged one, before a revocation counts: they are read
    // first only where nothing else knows what is meant.
    let mut survey = context.block_on(Survey::of_encoders(&store))?;
    let known = questions.iter().all(|(_, question)| trace(&survey, question).is_some());
    if !known {
        context.block_on(survey.read_assets(&store))?;
    }
    let targets = questions.iter().map(|asked| target(asked, &survey, args.unseen)).collect::<Result<Vec<_>>>()?;
    let revoked: Vec<Revocation> =
        targets.into_iter().map(|target| Revocation { target, reason: reason.clone(), at, by: by.clone() }).collect();
    context.block_on(async {
        let ledger = Ledger::new(store.clone());
        for revocation in &revoked {
            ledger.revoke(revocation).await?;
            context.say(match &revocation.target {
                Target::Picture(digest) => format!("revoked: picture {digest}"),
                Target::Source(source) => format!("revoked: everything from {source}"),
            });
        }
        survey.revocations = ledger.revocations().await?;
        if known { survey.read_assets(&store).await } else { Ok(()) }
    })?;
    let traces = questions.iter().filter_map(|(_, question)| trace(&survey, question));
    let assets = traces.flat_map(|found| found.assets).map(|asset| asset.sidecar).collect();
    let report = report(revoked, &survey, assets, context);
    tell(&report, context);
    context.emit(&report)?;
    Ok(Outcome::Done)
}

/// What is to be revoked, if it is a picture or a source; `unseen`: even if nothing is known of it.
fn target((what, question): &(&str, Question), survey: &Survey, unseen: bool) -> Result<Target> {
    let kind = trace(survey, question).map(|found| found.kind);
    match (question.clone(), kind) {
        (Question::Digest(digest), Some("picture")) => Ok(Target::Picture(digest)),
        (Question::Text(source), Some("source")) => Ok(Target::Source(source)),
        (Question::Digest(digest), None) if unseen => Ok(Target::Picture(digest)),
        (Question::Text(source), None) if unseen => Ok(Target::Source(source)),
        (_, None) => Err(unknown(what).hint("check how it is written, or add --unseen to revoke it all the same")),
        (_, Some(kind)) => Err(Error::invalid(format!("{what} is of {kind}, only pictures and sources are revoked"))
            .hint("`housestyle rights trace` says which pictures and sources it came from")),
    }
}

fn report(revoked: Vec<Revocation>, survey: &Survey, assets: BTreeSet<String>, context: &Context) -> Report {
    let unusable: Vec<VersionId> = survey.cards.keys().filter(|version| survey.revoked(version).is_some()).cloned().collect();
    let base = |version: &VersionId| survey.cards.get(version).map(|card| &card.base.digest);
    let retrain = survey.promoted.iter().filter(|(_, version)| unusable.contains(version)).map(|(encoder, in_use)| {
        let usable = |version: &&VersionId| {
            version.encoder() == *encoder
                && base(version) == base(in_use)
                && !unusable.contains(version)
                && survey.refused(version, &context.policy()).is_none()
        };
        Retrain { encoder: encoder.clone(), in_use: in_use.clone(), usable: survey.cards.keys().rfind(usable).cloned() }
    });
    let unreadable = survey.unreadable.clone();
    Report { retrain: retrain.collect(), revoked, unusable, assets: assets.into_iter().collect(), unreadable }
}

fn tell(report: &Report, context: &Context) {
    for version in &report.unusable {
        context.say(format!("unusable: {version}"));
    }
    for Retrain { encoder, in_use, usable } in &report.retrain {
        let until_then = match usable {
            Some(usable) => format!("; until then: housestyle encoders promote {usable}"),
            None => String::new(),
        };
        context.say(format!("train again without these pictures: {encoder} ({in_use} is in use){until_then}"));
    }
    for reason in &report.unreadable {
        context.say(format!("cannot be read, and may have come from them too: {reason}"));
    }
    match report.assets.len() {
        0 => context.say("no finished asset came from them"),
        count => context.say(format!(
            "{count} finished asset(s) came from them and stay where they are; `housestyle rights trace` lists them"
        )),
    }
}
