//! `housestyle rights trace X`: shows how pictures, sources, versions and assets are related, in both directions.

use std::collections::BTreeMap;

use crate::app::AppResult;
use crate::app::rights::trace::TraceRequest;
use crate::cli::context::CommandContext;
use crate::cli::out::Out;
use crate::cli::outcome::CommandOutcome;
use crate::cli::table::{Table, shortened};
use crate::registry::trace::{Trace, TracedPicture};

/// Number of lines of each kind that are printed for people.
const LINES: usize = 20;

/// Arguments of `rights trace`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A picture's file or sha256, a source, a version such as style/acme@3, or an asset's sidecar, image or stem
    what: String,
    #[command(flatten)]
    out: Out,
}

/// Prints the sources, pictures, versions and assets that are related to one of them.
///
/// # Errors
/// As [`App::trace_rights`](crate::app::App::trace_rights), and if the JSON document cannot be serialised.
pub async fn run(args: Args, context: &CommandContext) -> AppResult<CommandOutcome> {
    let found = context.app.trace_rights(TraceRequest { what: args.what, out: args.out.place }).await?;
    context.say_text(describe(&found).to_string());
    context.emit(&found)?;
    Ok(CommandOutcome::Done)
}

fn describe(found: &Trace) -> Table {
    let mut table = Table::plain();
    let mut add = |head: &str, lines: Vec<String>| {
        let none = vec!["none".to_owned()];
        let lines = if lines.is_empty() { none } else { shortened(lines, LINES) };
        for line in lines {
            table.pair(head, line);
        }
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
    table
}
