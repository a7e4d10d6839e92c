//! `housestyle check SPEC…`: every problem of every file, also those that show only with the bundle at hand.
//!
//! A bundle that is not there, or broken, is no problem of the campaign: its names are then not checked, and that is said.

use std::path::PathBuf;

use serde::Serialize;

use super::{Context, Outcome};
use crate::error::{Error, Result};
use crate::spec::{Campaign, Problem};

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Campaign files
    #[arg(required = true, value_name = "SPEC")]
    specs: Vec<PathBuf>,
}

#[derive(Serialize)]
struct Report {
    files: usize,
    problems: Vec<Problem>,
    /// Files whose styles, categories and sizes could not be checked, with the reason.
    without_bundle: Vec<(String, String)>,
}

/// Checks every file; any problem ends in exit code 2.
pub fn run(args: Args, context: &Context) -> Result<Outcome> {
    let mut report = Report { files: args.specs.len(), problems: Vec::new(), without_bundle: Vec::new() };
    for path in &args.specs {
        let (file, before) = (path.display().to_string(), report.problems.len());
        let images = match Campaign::load(path) {
            Err(problems) => {
                report.problems.extend(problems);
                None
            }
            Ok(campaign) => {
                match context.bundle(&campaign.bundle) {
                    Ok(bundle) => report
                        .problems
                        .extend(crate::plan::plan(&campaign, &bundle.facts(), &context.rates()).err().unwrap_or_default()),
                    Err(error) => report.without_bundle.push((file.clone(), error.chain())),
                }
                Some(campaign.images())
            }
        };
        match images.filter(|_| before == report.problems.len()) {
            Some(images) => context.say(format!("{file}: ok, {images} image(s)")),
            None => context.say(format!("{file}: {} problem(s)", report.problems.len() - before)),
        }
    }
    for (file, reason) in &report.without_bundle {
        context.say(format!("{file}: styles, categories and sizes were not checked: {reason}"));
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
