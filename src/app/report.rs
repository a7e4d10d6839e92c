//! Writes the report for a decision between in-house and bought images, as one HTML page, JSON, CSV and Markdown.
//!
//! # Invariants
//! It only reads the store; the page is written last, so that all other files exist once the page does.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use super::evaluate::EvaluateRequest;
use super::failure::AppResult;
use super::progress::Progress;
use super::resources::App;
use crate::base::error::{self, Error};
use crate::html::{Lang, thumbnail};
use crate::io::blocking;
use crate::io::files::{self, failed};
use crate::report::pictures::Pictures;
use crate::report::verdict::ReportVerdict;
use crate::report::{Report, headline, html, tables};
use crate::review::{Reviews, tally};
use crate::spec::CostModel;
use crate::store::{Key, Store};

/// Longest side of a picture on the page, in pixels.
const SIDE: u32 = 128;

/// The request to write a report.
#[derive(Clone, Debug)]
pub(crate) struct ReportRequest {
    /// The evaluation to report on.
    pub evaluation: EvaluateRequest,
    /// A cost model (YAML); without it the report has no costs.
    pub costs: Option<PathBuf>,
    /// The report's language.
    pub lang: Lang,
    /// The folder that the report is written to.
    pub to: PathBuf,
}

/// The files that were written; the whole report is `report.json`.
#[derive(Debug, Serialize)]
pub(crate) struct WrittenReport {
    /// The verdict of the comparison.
    pub verdict: ReportVerdict,
    /// The verdict in a sentence.
    pub sentence: String,
    /// The HTML page.
    pub report: String,
    /// Every file that was written.
    pub files: Vec<String>,
    /// Whether every threshold of the suite is met; true without a suite.
    #[serde(skip)]
    pub passed: bool,
}

type TableWriter = fn(&Report, &mut dyn io::Write) -> io::Result<()>;

const TABLES: [(&str, TableWriter); 4] = [
    ("report.json", tables::json),
    ("assets.csv", tables::assets),
    ("measures.csv", tables::measures),
    ("costs.csv", tables::costs),
];

impl App {
    /// Evaluates a campaign and writes the report.
    ///
    /// # Errors
    /// As [`App::evaluate`], and if the cost model is invalid or a file cannot be written.
    pub(crate) async fn write_report(&self, request: ReportRequest) -> AppResult<WrittenReport> {
        let ReportRequest { evaluation, costs, lang, to } = request;
        let costs = match costs {
            Some(file) => Some(blocking(move || Ok(CostModel::load(&file))).await??),
            None => None,
        };
        let out = evaluation.out.clone();
        let evaluation = self.evaluate(evaluation).await?;
        let store = self.store(out.as_deref()).await?;
        let ballots = match &evaluation.outsourced {
            Some(facts) => Reviews::new(&*store, &evaluation.campaign, &facts.name)?.all().await?,
            None => Vec::new(),
        };
        let report = blocking(move || {
            let votes = tally(&ballots, evaluation.settings.least_briefs, evaluation.settings.seed);
            Report::new(evaluation, costs.as_ref(), votes)
        });
        let report = report.await?;
        let pictures = self.report_pictures(&report, &store).await?;
        Ok(blocking(move || write(&report, &pictures, lang, &to)).await?)
    }

    /// Returns the pictures of the page; one that is missing or damaged is left out and reported.
    async fn report_pictures(&self, report: &Report, store: &Arc<dyn Store>) -> error::Result<Pictures> {
        let mut shown = Pictures::new();
        for name in report.pictures() {
            let Some(bytes) = store.get(&Key::new(name)?).await? else {
                self.report(&Progress::PictureLeftOut { reason: &format!("{name} is not in the store") });
                continue;
            };
            let file = name.to_owned();
            match blocking(move || thumbnail(&bytes, &file, SIDE)).await {
                Ok(picture) => drop(shown.insert(name.to_owned(), picture)),
                Err(error) => self.report(&Progress::PictureLeftOut { reason: &error.chain() }),
            }
        }
        Ok(shown)
    }
}

fn write(report: &Report, pictures: &Pictures, lang: Lang, to: &Path) -> error::Result<WrittenReport> {
    let mut written = Vec::new();
    for (name, table) in TABLES {
        let path = to.join(name);
        let done = files::write_with(&path, true, |file| table(report, file));
        done.map_err(|e| e.downcast::<Error>().unwrap_or_else(|e| failed("write", &path, e)))?;
        written.push(path.display().to_string());
    }
    let texts = [("report.md", tables::markdown(report, lang)), ("report.html", html::page(report, pictures, lang))];
    for (name, text) in texts {
        written.push(write_text(&to.join(name), &text)?);
    }
    Ok(WrittenReport {
        verdict: report.verdict,
        sentence: headline::sentence(report, lang),
        report: written.last().cloned().unwrap_or_default(),
        files: written,
        passed: report.evaluation.suite.as_ref().is_none_or(|suite| suite.passed),
    })
}

/// Writes a text file, with its folder, and returns its path. Blocks.
///
/// # Errors
/// Returns an error if the file cannot be written.
pub(super) fn write_text(path: &Path, text: &str) -> error::Result<String> {
    files::write(path, text.as_bytes(), true).map_err(|e| failed("write", path, e))?;
    Ok(path.display().to_string())
}
