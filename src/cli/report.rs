//! `housestyle report CAMPAIGN [--baseline NAME] [--costs FILE]`: the report a manager decides on, as one HTML page, and the
//! same as JSON, CSV and Markdown.
//!
//! Always holds: it only reads the store; the page is written last, so whoever finds it finds the rest.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use super::{Context, Outcome, eval};
use crate::base::error::{Error, Result};
use crate::html::{Lang, thumbnail};
use crate::io::files::{self, failed};
use crate::report::{Report, headline, html, pictures, tables, verdict};
use crate::review::{Reviews, tally};
use crate::spec::CostModel;
use crate::store::{Key, Store};

/// Largest side of a picture on the page.
const SIDE: u32 = 128;

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    what: eval::What,
    /// A cost model (YAML): without it the report says nothing of money
    #[arg(long, value_name = "FILE")]
    costs: Option<PathBuf>,
    /// The report's language
    #[arg(long, value_enum, default_value_t)]
    lang: Lang,
    /// Where the report goes: a folder
    #[arg(long, default_value = "report", value_name = "DIR")]
    to: PathBuf,
}

type Table = fn(&Report, &mut dyn io::Write) -> io::Result<()>;

/// What `--json` prints; the whole report is `report.json`.
#[derive(Serialize)]
struct Written {
    verdict: verdict::ReportVerdict,
    sentence: String,
    report: String,
    files: Vec<String>,
}

/// Writes the report.
pub fn run(args: Args, context: &Context) -> Result<Outcome> {
    let costs = args.costs.as_deref().map(CostModel::load).transpose().map_err(|problems| context.problems(&problems))?;
    let evaluation = eval::look(&args.what, context)?;
    let store: Arc<dyn Store> = context.store(&args.what.out)?;
    let ballots = match &evaluation.outsourced {
        Some(facts) => context.block_on(Reviews::new(&*store, &evaluation.campaign, &facts.name)?.all())?,
        None => Vec::new(),
    };
    let votes = tally(&ballots, evaluation.settings.least_briefs, evaluation.settings.seed);
    let passed = evaluation.suite.as_ref().is_none_or(|suite| suite.passed);
    let report = Report::new(evaluation, costs.as_ref(), votes)?;
    let pictures = pictures(&report, &store, context)?;
    let tables: [(&str, Table); 4] = [
        ("report.json", tables::json),
        ("assets.csv", tables::assets),
        ("measures.csv", tables::measures),
        ("costs.csv", tables::costs),
    ];
    let mut written = Vec::new();
    for (name, table) in tables {
        let path = args.to.join(name);
        let done = files::write_with(&path, true, |file| table(&report, file));
        done.map_err(|e| e.downcast::<Error>().unwrap_or_else(|e| failed("write", &path, e)))?;
        written.push(path.display().to_string());
    }
    let texts =
        [("report.md", tables::markdown(&report, args.lang)), ("report.html", html::page(&report, &pictures, args.lang))];
    for (name, text) in texts {
        written.push(write(&args.to.join(name), &text)?);
    }
    let sentence = headline::sentence(&report, args.lang);
    let page = written.last().cloned().unwrap_or_default();
    context.say(&sentence);
    context.say(format!("report: {page}"));
    context.emit(&Written { verdict: report.verdict, sentence, report: page, files: written })?;
    Ok(if passed { Outcome::Done } else { Outcome::SomeFailed })
}

/// The pictures that the page shows; one that is gone or damaged is missing on the page, and said to be.
fn pictures(report: &Report, store: &Arc<dyn Store>, context: &Context) -> Result<pictures::Pictures> {
    let mut shown = pictures::Pictures::new();
    for name in report.pictures() {
        let key = Key::new(name)?;
        let bytes = context.block_on(store.get(&key))?;
        match bytes.map(|bytes| thumbnail(&bytes, name, SIDE)) {
            Some(Ok(picture)) => {
                shown.insert(name.to_owned(), picture);
            }
            Some(Err(error)) => context.say(format!("left out: {}", error.chain())),
            None => context.say(format!("left out: {name} is not in the store")),
        }
    }
    Ok(shown)
}

/// Writes a file and says where.
pub(super) fn write(path: &Path, text: &str) -> Result<String> {
    files::write(path, text.as_bytes(), true).map_err(|e| failed("write", path, e))?;
    Ok(path.display().to_string())
}
