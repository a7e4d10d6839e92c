//! `housestyle check SPEC…`: every problem of every file, also those that show only with the bundle at hand, and everything
//! else for which `run` or `train` would refuse it.
//!
//! Campaigns, style sets and cost models are taken. Always holds: every file is looked at and told of, whatever is wrong with the
//! others; a bundle that is missing or broken is no problem of the file, but no success either (exit code 4).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use super::{Context, Out, Outcome};
use crate::app::Failure;
use crate::app::planning::PlannedCampaign;
use crate::base::error::{Error, Kind, Result};
use crate::spec::{CampaignDraft, Document, Problem, StyleSet};
use crate::store::Store;

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Campaign, style set and cost model files
    #[arg(required = true, value_name = "SPEC")]
    specs: Vec<PathBuf>,
    #[command(flatten)]
    out: Out,
}

#[derive(Serialize)]
struct Report {
    files: usize,
    problems: Vec<Problem>,
    /// Files of which only what does not depend on the bundle could be checked, with the reason.
    without_bundle: Vec<(String, String)>,
}

/// Checks every file; any problem ends in exit code 2, anything that is not there in 4.
pub fn run(args: Args, context: &Context) -> Result<Outcome> {
    let mut report = Report { files: args.specs.len(), problems: Vec::new(), without_bundle: Vec::new() };
    let mut errors = Vec::new();
    let store = context.store(&args.out)?;
    for path in &args.specs {
        let file = path.display().to_string();
        let checked = match Document::load(path) {
            Err(problems) => Err(Failure::from(problems)),
            Ok(Document::Campaign(draft)) => campaign(*draft, &store, context),
            Ok(Document::StyleSet(set)) => style_set(&set, path, context),
            Ok(Document::CostModel(model)) => Ok(format!("a cost model in {}", model.currency)),
        };
        match checked {
            Ok(found) => context.say(format!("{file}: ok, {found}")),
            Err(failure) => {
                let (problems, error) = failure.split();
                if !problems.is_empty() {
                    context.say(format!("{file}: {} problem(s)", problems.len()));
                }
                if let Some(error) = error {
                    context.say(format!("{file}: what depends on the bundle was not checked: {}", error.chain()));
                    report.without_bundle.push((file, error.chain()));
                    errors.push(error);
                }
                report.problems.extend(problems);
            }
        }
    }
    context.emit(&report)?;
    if !report.problems.is_empty() {
        let _ = context.problems(&report.problems);
    }
    report.end(errors)
}

/// What a campaign asks for, if it can and may be made.
fn campaign(draft: CampaignDraft, store: &Arc<dyn Store>, context: &Context) -> Result<String, Failure> {
    let PlannedCampaign { campaign, refused, .. } = context.block_on(context.plan_draft(draft, store))?;
    match refused.is_empty() {
        true => Ok(format!("{} image(s)", campaign.images())),
        false => Err(Failure::from(refused)),
    }
}

/// What a style set shows, if it can be learned from.
fn style_set(set: &StyleSet, path: &Path, context: &Context) -> Result<String, Failure> {
    let pictures = set.resolve(path.parent().unwrap_or(Path::new("")));
    let error = context.bundle(&set.bundle).err();
    match (pictures, error) {
        (Ok(pictures), None) => Ok(format!("{} picture(s)", pictures.len())),
        (pictures, error) => Err(Failure::new(pictures.err().unwrap_or_default(), error)),
    }
}

impl Report {
    /// How it ends: what is not there outweighs what is wrong, as more may be wrong once it is there.
    fn end(&self, errors: Vec<Error>) -> Result<Outcome> {
        let (problems, files, unchecked) = (self.problems.len(), self.files, self.without_bundle.len());
        let missing = errors.iter().position(|error| error.kind() == Kind::Unavailable);
        match errors.into_iter().nth(missing.unwrap_or_default()) {
            Some(error) => {
                let hint = error.advice().unwrap_or("`housestyle doctor` says what is there").to_owned();
                let beside = if problems > 0 { format!("{problems} problem(s), and ") } else { String::new() };
                let told = format!("{beside}{unchecked} of {files} file(s) could not be checked with the bundle");
                Err(Error::new(error.kind(), told).hint(hint).caused_by(error))
            }
            None if problems == 0 => Ok(Outcome::Done),
            None => Err(Error::invalid(format!("{problems} problem(s) in {files} file(s)"))),
        }
    }
}
