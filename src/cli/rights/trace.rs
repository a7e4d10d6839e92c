//! `housestyle rights trace X`: source → pictures → versions → assets, in both directions.

use std::collections::BTreeMap;

use super::super::table::{shortened, table};
use super::super::{Context, Out, Outcome};
use super::{question, unknown};
use crate::base::error::Result;
use crate::registry::Survey;
use crate::registry::trace::{Trace, TracedPicture, trace};

/// Lines of each kind that are printed for people.
const LINES: usize = 20;

/// Arguments of `rights trace`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A picture's file or sha256, a source, a version such as style/acme@3, or an asset's sidecar, image or stem
    what: String,
    #[command(flatten)]
    out: Out,
}

/// Prints what belongs together.
pub fn run(args: Args, context: &Context) -> Result<Outcome> {
    let question = question(&args.what)?;
    let store = context.store(&args.out)?;
    let survey = context.block_on(Survey::of(&store))?;
    let found = trace(&survey, &question).ok_or_else(|| unknown(&args.what))?;
    context.say_text(describe(&found));
    context.emit(&found)?;
    Ok(Outcome::Done)
}

fn describe(found: &Trace) -> String {
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut add = |head: &str, lines: Vec<String>| {
        let none = vec!["none".to_owned()];
        let lines = if lines.is_empty() { none } else { shortened(lines, LINES) };
        rows.extend(lines.into_iter().map(|line| vec![head.to_owned(), line]));
    };
    let mut sources: BTreeMap<String, Vec<&TracedPicture>> = BTreeMap::new();
    for picture in &found.pictures {
        let holder = picture.holder.as_deref().unwrap_or("holder not in the ledger");
        sources.entry(format!("{} ({}, {holder})", picture.source, picture.licence)).or_default().push(picture);
    }
    let drawn = found.assets.iter().filter(|asset| asset.version.is_none()).flat_map(|asset| &asset.sources);
    for source in drawn {
        sources.entry(format!("{source} (of the bundle)")).or_default();
    }
    add("source", sources.keys().cloned().collect());
    let picture = |picture: &TracedPicture| {
        let revoked = picture.revoked.as_ref().map(|reason| format!("  {reason}")).unwrap_or_default();
        format!("{}  {}{revoked}", picture.file, picture.sha256)
    };
    add("picture", found.pictures.iter().map(picture).collect());
    let versions = found.versions.iter().map(|version| {
        let state = match (&version.unusable, version.promoted) {
            (Some(reason), true) => format!("  in use, but {reason}"),
            (Some(reason), false) => format!("  {reason}"),
            (None, true) => "  in use".into(),
            (None, false) => String::new(),
        };
        format!("{}{state}", version.version)
    });
    add("version", versions.collect());
    add("asset", found.assets.iter().map(|asset| asset.sidecar.clone()).collect());
    if !found.unreadable.is_empty() {
        add("unread", found.unreadable.clone());
    }
    table(&rows)
}
