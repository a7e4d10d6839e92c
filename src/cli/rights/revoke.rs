//! `housestyle rights revoke X… --reason TEXT`: from now on nothing new is made with these pictures, nor with any version
//! that learned from them. Nothing is deleted; what must be trained again is said.

use std::collections::BTreeSet;

use serde::Serialize;

use super::super::Out;
use super::super::encoders::{By, recorded};
use super::super::{Context, Outcome};
use super::{question, unknown};
use crate::encoders::Survey;
use crate::encoders::trace::{Question, trace};
use crate::error::{Error, Result};
use crate::rights::{Ledger, Revocation, Target};
use crate::spec::{EncoderName, Timestamp, VersionId};

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
    /// Cards and sidecars that could not be read, with the reason: they may belong here too.
    unreadable: Vec<String>,
}

#[derive(Serialize)]
struct Retrain {
    encoder: EncoderName,
    in_use: VersionId,
    /// The latest version that may still be used.
    usable: Option<VersionId>,
}

/// Revokes.
pub fn run(args: Args, context: &Context) -> Result<Outcome> {
    let (reason, by, at) = (recorded("--reason", &args.reason)?, args.by.name()?, Timestamp::now());
    let store = context.store(&args.out)?;
    let survey = context.block_on(Survey::of(&store))?;
    let (mut targets, mut assets) = (Vec::new(), BTreeSet::new());
    for what in &args.what {
        let question = question(what)?;
        let found = trace(&survey, &question);
        let target = match (question, found.as_ref().map(|found| found.kind)) {
            (Question::Digest(digest), Some("picture")) => Target::Picture(digest),
            (Question::Text(source), Some("source")) => Target::Source(source),
            (Question::Digest(digest), None) if args.unseen => Target::Picture(digest),
            (Question::Text(source), None) if args.unseen => Target::Source(source),
            (_, None) => return Err(unknown(what).hint("check how it is written, or add --unseen to revoke it all the same")),
            (_, Some(kind)) => {
                return Err(Error::invalid(format!("{what} is of {kind}, only pictures and sources are revoked"))
                    .hint("`housestyle rights trace` says which pictures and sources it came from"));
            }
        };
        targets.push(target);
        assets.extend(found.into_iter().flat_map(|found| found.assets).map(|asset| asset.sidecar));
    }
    let revoked: Vec<Revocation> =
        targets.into_iter().map(|target| Revocation { target, reason: reason.clone(), at, by: by.clone() }).collect();
    let after = context.block_on(async {
        let ledger = Ledger::new(store.clone());
        for revocation in &revoked {
            ledger.revoke(revocation).await?;
        }
        Ok(Survey { revocations: ledger.revocations().await?, ..survey })
    })?;
    let report = report(revoked, &after, assets);
    tell(&report, context);
    context.emit(&report)?;
    Ok(Outcome::Done)
}

fn report(revoked: Vec<Revocation>, survey: &Survey, assets: BTreeSet<String>) -> Report {
    let unusable: Vec<VersionId> = survey.cards.keys().filter(|version| survey.revoked(version).is_some()).cloned().collect();
    let retrain = survey.promoted.iter().filter(|(_, version)| unusable.contains(version)).map(|(encoder, version)| Retrain {
        encoder: encoder.clone(),
        in_use: version.clone(),
        usable: survey.cards.keys().rfind(|v| v.encoder() == *encoder && !unusable.contains(v)).cloned(),
    });
    let unreadable = survey.unreadable.clone();
    Report { retrain: retrain.collect(), revoked, unusable, assets: assets.into_iter().collect(), unreadable }
}

fn tell(report: &Report, context: &Context) {
    for revocation in &report.revoked {
        context.say(match &revocation.target {
            Target::Picture(digest) => format!("revoked: picture {digest}"),
            Target::Source(source) => format!("revoked: everything from {source}"),
        });
    }
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
