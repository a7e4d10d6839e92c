//! `housestyle doctor`: is everything there that a run needs? One line each: ok, or the command that fixes it.
//!
//! Always holds: every check is done, whatever the others say; models are only "ok" after they ran on the provider asked for.

use std::path::Path;
use std::time::Instant;

use serde::Serialize;

use super::{Context, Out, Outcome};
use crate::app::warm_up::{WarmUp, warm_up};
use crate::base::error::{Error, Result};
use crate::pipeline::Bundle;

/// Arguments of `doctor`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    out: Out,
}

/// One line.
#[derive(Debug, Serialize)]
struct Check {
    what: String,
    ok: bool,
    /// What was found, or what is wrong.
    detail: String,
    /// What to do about it.
    fix: Option<String>,
}

impl Check {
    fn new(what: impl Into<String>, found: Result<String>) -> Self {
        match found {
            Ok(detail) => Self { what: what.into(), ok: true, detail, fix: None },
            Err(error) => Self { what: what.into(), ok: false, detail: error.chain(), fix: error.advice().map(str::to_owned) },
        }
    }
}

/// Checks everything.
pub fn run(args: Args, context: &Context) -> Result<Outcome> {
    let mut checks = Vec::new();
    let mut done = |check: Check| {
        context.say(format!("{}  {}: {}", if check.ok { "ok    " } else { "not ok" }, check.what, check.detail));
        if let Some(fix) = &check.fix {
            context.say(format!("        fix: {fix}"));
        }
        checks.push(check);
    };
    let library = context.runtime().map(|r| format!("{} ({})", r.library().display(), r.build_info()));
    let runs = library.is_ok();
    done(Check::new("runtime library", library));
    let bundles = context.block_on(context.bundles())?;
    if bundles.is_empty() {
        let places: Vec<_> = context.config.bundles.iter().map(|d| d.display().to_string()).collect();
        done(Check::new("bundle", Err(no_bundle(&places.join(", ")))));
    }
    for found in bundles {
        let (name, bundle) = (found.name(), found.opened);
        let models = format!("models of {name} on {}", context.config.provider);
        let tried = bundle.as_ref().ok().filter(|_| runs).map(|bundle| try_out(context, bundle));
        let whole = bundle.map(|b| format!("{}, every file as its digest says", b.digest()));
        done(Check::new(format!("bundle {name}"), whole));
        if let Some(tried) = tried {
            done(Check::new(models, tried));
        }
    }
    let place = context.place(&args.out);
    done(match place.contains("://") {
        true => {
            let tried = context.store(&args.out).and_then(|store| context.block_on(async { store.verify().await }));
            Check::new(format!("output bucket {place}"), tried.map(|()| "takes what is put there".into()))
        }
        false => Check::new(format!("output folder {place}"), writable(Path::new(place))),
    });
    context.emit(&checks)?;
    Ok(if checks.iter().all(|check| check.ok) { Outcome::Done } else { Outcome::Unavailable })
}

/// Makes one step of one small image and, if there is an evaluator, scores it: every model has then run once.
fn try_out(context: &Context, bundle: &Bundle) -> Result<String> {
    let start = Instant::now();
    let mut pipeline = context.pipeline(bundle)?;
    let loaded = start.elapsed().as_secs_f64();
    let start = Instant::now();
    let WarmUp { size, scored } = warm_up(&mut pipeline, bundle)?;
    let scored = if scored { ", and scored it," } else { "" };
    Ok(format!(
        "loaded in {loaded:.1} s; made an image of {size} pixels in one step{scored} in {:.1} s",
        start.elapsed().as_secs_f64()
    ))
}

fn no_bundle(places: &str) -> Error {
    Error::unavailable(format!("none in {places}")).hint("name the folder that holds bundles with --bundles DIR")
}

/// Whether files can be made in `folder`, or where it would be made.
fn writable(folder: &Path) -> Result<String> {
    let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let there = absolute.ancestors().find(|a| a.exists()).unwrap_or(Path::new("/"));
    match tempfile::tempfile_in(there) {
        Ok(_) if there == absolute => Ok("can be written".into()),
        Ok(_) => Ok("will be made".into()),
        Err(e) => Err(Error::unavailable(format!("cannot write to {}", there.display()))
            .hint("name a folder that can be written with --out DIR")
            .caused_by(e)),
    }
}
