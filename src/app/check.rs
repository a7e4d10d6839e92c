//! Checks campaign, style set and cost model files, and returns every problem of every file, including those that
//! show only with the bundle and all for which `run` or `train` would refuse it.
//!
//! # Invariants
//! Every file is checked, whatever is wrong with the others. A missing or broken bundle is not a problem of the file,
//! but the check does not succeed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use super::failure::{AppResult, Failure};
use super::findings::{CheckedContents, CheckedFile};
use super::progress::Progress;
use super::resources::App;
use crate::base::error::{self, Error, Kind};
use crate::io::blocking;
use crate::spec::{CampaignDraft, Document, Problem, StyleSet};
use crate::store::Store;

/// The request to check files.
#[derive(Clone, Debug, Default)]
pub(crate) struct CheckRequest {
    /// Campaign, style set and cost model files.
    pub files: Vec<PathBuf>,
    /// The store's folder or `s3://BUCKET/PREFIX`; `None`: the setting `out`.
    pub out: Option<String>,
}

/// The result of checking files.
#[derive(Debug, Serialize)]
pub(crate) struct CheckReport {
    /// Number of files checked.
    pub files: usize,
    /// Every problem of every file.
    pub problems: Vec<Problem>,
    /// Files whose checks that need the bundle were not made, with the reason.
    pub without_bundle: Vec<(String, String)>,
    #[serde(skip)]
    errors: Vec<Error>,
}

impl App {
    /// Checks every file, and reports each as [`Progress::FileChecked`].
    ///
    /// # Errors
    /// Returns an error if the store cannot be opened; problems of the files are in the report.
    pub async fn check(&self, request: CheckRequest) -> AppResult<CheckReport> {
        let store = self.store(request.out.as_deref()).await?;
        let files = request.files.len();
        let mut report = CheckReport { files, problems: Vec::new(), without_bundle: Vec::new(), errors: Vec::new() };
        for path in request.files {
            let file = path.display().to_string();
            let (contents, problems, error) = match self.check_file(path, &store).await {
                Ok(contents) => (Some(contents), Vec::new(), None),
                Err(failure) => {
                    let (problems, error) = failure.split();
                    (None, problems, error)
                }
            };
            let (unchecked, count) = (error.as_ref().map(Error::chain), problems.len());
            let checked = CheckedFile { file, contents, problems: count, unchecked };
            self.report(&Progress::FileChecked(&checked));
            report.without_bundle.extend(checked.unchecked.map(|reason| (checked.file, reason)));
            report.problems.extend(problems);
            report.errors.extend(error);
        }
        Ok(report)
    }

    async fn check_file(&self, path: PathBuf, store: &Arc<dyn Store>) -> AppResult<CheckedContents> {
        let named = path.clone();
        match blocking(move || Ok(Document::load(&named))).await?? {
            Document::Campaign(draft) => self.check_campaign(*draft, store).await,
            Document::StyleSet(set) => self.check_style_set(*set, &path).await,
            Document::CostModel(model) => Ok(CheckedContents::CostModel { currency: model.currency.to_string() }),
        }
    }

    async fn check_campaign(&self, draft: CampaignDraft, store: &Arc<dyn Store>) -> AppResult<CheckedContents> {
        let planned = self.plan_draft(draft, store).await?;
        if planned.refused.is_empty() {
            return Ok(CheckedContents::Campaign { images: planned.campaign.images() });
        }
        Err(planned.refused.into())
    }

    async fn check_style_set(&self, set: StyleSet, path: &Path) -> AppResult<CheckedContents> {
        let error = self.bundle(&set.bundle).await.err();
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        let pictures = blocking(move || Ok(set.resolve(&folder))).await?;
        match (pictures, error) {
            (Ok(pictures), None) => Ok(CheckedContents::StyleSet { pictures: pictures.len() }),
            (pictures, error) => Err(Failure::new(pictures.err().unwrap_or_default(), error)),
        }
    }
}

impl CheckReport {
    /// Turns the report into success or failure. A missing bundle takes precedence over problems, as more problems
    /// may be found once it is there.
    ///
    /// # Errors
    /// Returns an error if a file has a problem, or could not be checked with its bundle.
    pub fn verdict(self) -> AppResult<()> {
        let (count, files, unchecked) = (self.problems.len(), self.files, self.without_bundle.len());
        let missing = self.errors.iter().position(|error| error.kind() == Kind::Unavailable);
        let error = match self.errors.into_iter().nth(missing.unwrap_or_default()) {
            Some(error) => without_bundle(error, count, unchecked, files),
            None if count == 0 => return Ok(()),
            None => Error::invalid(format!("{count} problem(s) in {files} file(s)")),
        };
        Err(Failure::new(self.problems, Some(error)))
    }
}

/// Creates the error for files that could not be checked with their bundle, in addition to `problems` that were
/// found.
fn without_bundle(error: error::Error, problems: usize, unchecked: usize, files: usize) -> Error {
    let hint = error.advice().unwrap_or("run `housestyle doctor` to see which bundles are present").to_owned();
    let beside = if problems > 0 { format!("{problems} problem(s), and ") } else { String::new() };
    let message = format!("{beside}{unchecked} of {files} file(s) could not be checked with the bundle");
    Error::new(error.kind(), message).hint(hint).caused_by(error)
}
