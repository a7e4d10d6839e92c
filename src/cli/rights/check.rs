//! `housestyle rights check STYLESET…`: the verdict on every picture, by the policy, the settings and the revocations.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::super::table::{shortened, table};
use super::super::{Context, Out, Outcome};
use crate::base::digest::Digest;
use crate::base::error::{Error, Result};
use crate::base::time::Date;
use crate::registry::ledger::{Ledger, Revocations};
use crate::registry::training_set::admit;
use crate::rights::{Policy, Ruling};
use crate::spec::{Reference, StyleSet};

/// Refused pictures that are named one by one.
const NAMED: usize = 50;

/// Arguments of `rights check`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Style set files
    #[arg(required = true, value_name = "STYLESET")]
    sets: Vec<PathBuf>,
    #[command(flatten)]
    out: Out,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    /// Whether every picture may be learned from.
    allowed: bool,
    pictures: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    set: String,
    file: String,
    sha256: Digest,
    source: Option<String>,
    licence: Option<String>,
    holder: Option<String>,
    until: Option<Date>,
    ruling: Ruling,
    reason: String,
}

/// Judges every picture; any that is refused ends in exit code 2.
pub fn run(args: Args, context: &Context) -> Result<Outcome> {
    let store = context.store(&args.out)?;
    let revocations = context.block_on(async { Ledger::new(store).revocations().await })?;
    let (policy, mut pictures) = (context.policy(), Vec::new());
    for path in &args.sets {
        let set = StyleSet::load(path).map_err(|problems| context.problems(&problems))?;
        let references = set.resolve(path.parent().unwrap_or(Path::new(""))).map_err(|problems| context.problems(&problems))?;
        let file = path.display().to_string();
        pictures.extend(references.iter().map(|reference| judge(&file, reference, &policy, &revocations)));
    }
    let refused: Vec<&Row> = pictures.iter().filter(|row| row.ruling == Ruling::Refused).collect();
    let count = refused.len();
    let lines = refused.iter().map(|row| format!("refused: {}: {} {}", row.set, row.file, row.reason)).collect();
    context.say_text(describe(&pictures));
    for line in shortened(lines, NAMED) {
        context.say(line);
    }
    context.emit(&Report { allowed: count == 0, pictures })?;
    match count {
        0 => Ok(Outcome::Done),
        count => Err(Error::invalid(format!("{count} picture(s) may not be learned from"))
            .hint("take them out of the style set, complete what it says of them, or have somebody decide on the licence (setting allowed_licences)")),
    }
}

fn judge(set: &str, reference: &Reference, policy: &Policy, revocations: &Revocations) -> Row {
    let (ruling, reason) = match admit(reference, policy, revocations) {
        Ok(grant) => policy.judge(&grant),
        Err(reason) => (Ruling::Refused, reason),
    };
    let claim = reference.claim.clone();
    Row {
        set: set.into(),
        file: reference.file.clone(),
        sha256: reference.sha256,
        source: claim.source,
        licence: claim.licence.map(String::from),
        holder: claim.holder,
        until: claim.until,
        ruling,
        reason,
    }
}

/// Pictures by set, source, licence, holder and verdict.
fn describe(pictures: &[Row]) -> String {
    let mut groups: BTreeMap<[String; 5], usize> = BTreeMap::new();
    let shown = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".into());
    for row in pictures {
        let ruling = match row.ruling {
            Ruling::Allowed => "allowed",
            Ruling::Attribution => "allowed, name the holder",
            Ruling::Refused => "refused",
        };
        let key = [row.set.clone(), shown(&row.source), shown(&row.licence), shown(&row.holder), ruling.into()];
        *groups.entry(key).or_default() += 1;
    }
    let heads = ["style set", "pictures", "source", "licence", "holder", "use"].map(String::from).to_vec();
    let rows = groups
        .into_iter()
        .map(|([set, source, licence, holder, ruling], count)| vec![set, count.to_string(), source, licence, holder, ruling]);
    table(&std::iter::once(heads).chain(rows).collect::<Vec<_>>())
}
