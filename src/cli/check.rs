//! `housestyle check SPEC…`: every problem of every file, also those that show only with the bundle at hand.
//!
//! Campaigns and style sets are both taken. A bundle that is not there, or broken, is no problem of the file: its names are
//! then not checked, and that is said.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use super::{Context, Outcome};
use crate::error::{Error, Result};
use crate::plan;
use crate::spec::{Campaign, Document, Problem, StyleSet};
use crate::store::Local;

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Campaign and style set files
    #[arg(required = true, value_name = "SPEC")]
    specs: Vec<PathBuf>,
    /// Where trained styles are looked for: a folder
    #[arg(long, default_value = "out", value_name = "DIR")]
    out: String,
}

#[derive(Serialize)]
struct Report {
    files: usize,
    problems: Vec<Problem>,
    /// Files of which only what does not depend on the bundle could be checked, with the reason.
    without_bundle: Vec<(String, String)>,
}

/// Checks every file; any problem ends in exit code 2.
pub fn run(args: Args, context: &Context) -> Result<Outcome> {
    let mut report = Report { files: args.specs.len(), problems: Vec::new(), without_bundle: Vec::new() };
    let store = context.store(&args.out)?;
    for path in &args.specs {
        let (file, before) = (path.display().to_string(), report.problems.len());
        let found = match Document::load(path) {
            Err(problems) => {
                report.problems.extend(problems);
                String::new()
            }
            Ok(Document::Campaign(campaign)) => report.campaign(&file, &campaign, &store, context)?,
            Ok(Document::StyleSet(set)) => report.style_set(&file, &set, path, context),
        };
        context.say(match report.problems.len() - before {
            0 => format!("{file}: ok, {found}"),
            problems => format!("{file}: {problems} problem(s)"),
        });
    }
    for (file, reason) in &report.without_bundle {
        context.say(format!("{file}: what depends on the bundle was not checked: {reason}"));
    }
    context.emit(&report)?;
    match report.problems.is_empty() {
        true => Ok(Outcome::Done),
        false => {
            let _ = context.problems(&report.problems);
            Err(Error::invalid(format!("{} problem(s) in {} file(s)", report.problems.len(), report.files)))
        }
    }
}

impl Report {
    fn campaign(&mut self, file: &str, campaign: &Campaign, store: &Arc<Local>, context: &Context) -> Result<String> {
        match context.bundle(&campaign.bundle) {
            Ok(bundle) => {
                let facts = context.block_on(context.facts(&bundle, store))?;
                let planned = plan::plan(campaign, &facts, &context.rates());
                self.problems.extend(planned.err().unwrap_or_default());
            }
            Err(error) => self.without_bundle.push((file.into(), error.chain())),
        }
        Ok(format!("{} image(s)", campaign.images()))
    }

    fn style_set(&mut self, file: &str, set: &StyleSet, path: &Path, context: &Context) -> String {
        if let Err(error) = context.bundle(&set.bundle) {
            self.without_bundle.push((file.into(), error.chain()));
        }
        match set.resolve(path.parent().unwrap_or(Path::new(""))) {
            Ok(pictures) => format!("{} picture(s)", pictures.len()),
            Err(problems) => {
                self.problems.extend(problems);
                String::new()
            }
        }
    }
}
