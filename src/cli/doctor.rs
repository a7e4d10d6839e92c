//! `housestyle doctor`: is everything there that a run needs? One line each: ok, or the command that fixes it.
//!
//! Always holds: every check is done, whatever the others say; a provider is only "ok" after models ran on it.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{Context, Outcome};
use crate::error::{Error, Result};
use crate::pipeline::{Bundle, Runtime};

/// Arguments of `doctor`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The folder that `run --out` would write to
    #[arg(long, default_value = "out", value_name = "DIR")]
    out: PathBuf,
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
    let runtime = context.runtime();
    let bundles = bundles(context);
    let mut checks = vec![provider(context, &runtime, &bundles)];
    checks.insert(0, Check::new("runtime library", runtime.map(|r| format!("{} ({})", r.library().display(), r.build_info()))));
    if bundles.is_empty() {
        let places: Vec<_> = context.config.bundles.iter().map(|d| d.display().to_string()).collect();
        checks.push(Check::new("bundle", Err(no_bundle(&places.join(", ")))));
    }
    for (folder, bundle) in bundles {
        let name = folder.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
        checks.push(Check::new(
            format!("bundle {name}"),
            bundle.map(|b| format!("{}, every file as its digest says", b.digest())),
        ));
    }
    checks.push(Check::new(format!("output folder {}", args.out.display()), writable(&args.out)));

    for check in &checks {
        context.say(format!("{}  {}: {}", if check.ok { "ok     " } else { "missing" }, check.what, check.detail));
        if let Some(fix) = &check.fix {
            context.say(format!("         fix: {fix}"));
        }
    }
    context.emit(&checks)?;
    Ok(if checks.iter().all(|check| check.ok) { Outcome::Done } else { Outcome::Unavailable })
}

/// Every bundle in the folders that settings name, opened and verified.
fn bundles(context: &Context) -> Vec<(PathBuf, Result<Bundle>)> {
    let folders = context.config.bundles.iter().filter_map(|d| std::fs::read_dir(d).ok()).flatten().flatten();
    let mut folders: Vec<PathBuf> = folders.map(|e| e.path()).filter(|p| p.join("bundle.yaml").is_file()).collect();
    folders.sort();
    folders.into_iter().map(|folder| (folder.clone(), Bundle::open(&folder))).collect()
}

/// Loads a bundle's models on the provider asked for.
fn provider(context: &Context, runtime: &Result<Runtime>, bundles: &[(PathBuf, Result<Bundle>)]) -> Check {
    let tried = match (runtime, bundles.iter().find_map(|(_, bundle)| bundle.as_ref().ok())) {
        (Ok(_), Some(bundle)) => context.pipeline(bundle).map(|_| format!("runs the models of {}", bundle.facts().name)),
        _ => Err(Error::unavailable("cannot be tried without the runtime library and a bundle").hint("fix those first")),
    };
    Check::new(format!("provider {}", context.config.provider), tried)
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
