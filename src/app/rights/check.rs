//! Checks for every picture of style sets whether it may be used for training, by licence policy, settings and
//! revocations.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::app::failure::AppResult;
use crate::app::resources::App;
use crate::base::digest::Digest;
use crate::base::time::Date;
use crate::io::blocking;
use crate::registry::ledger::{Ledger, Revocations};
use crate::registry::training_set::admit;
use crate::rights::{Policy, Ruling};
use crate::spec::{Reference, StyleSet};

/// The request to check style sets.
#[derive(Clone, Debug, Default)]
pub(crate) struct RightsCheckRequest {
    /// Style set files.
    pub sets: Vec<PathBuf>,
    /// The store's folder or `s3://BUCKET/PREFIX`; `None`: the setting `out`.
    pub out: Option<String>,
}

/// The result of the check.
#[derive(Debug, Serialize)]
pub(crate) struct RightsCheckReport {
    /// Whether every picture may be used for training.
    pub allowed: bool,
    /// Every picture of the style sets.
    pub pictures: Vec<PictureRights>,
}

/// The rights in one picture.
#[derive(Debug, Serialize)]
pub(crate) struct PictureRights {
    /// The style set's file.
    pub set: String,
    /// The picture's file, as the style set names it.
    pub file: String,
    /// The picture's digest.
    pub sha256: Digest,
    /// The source that the picture came from.
    pub source: Option<String>,
    /// The picture's licence.
    pub licence: Option<String>,
    /// The rights holder.
    pub holder: Option<String>,
    /// The last day on which the picture may be used.
    pub until: Option<Date>,
    /// The ruling on the picture's use for training.
    pub ruling: Ruling,
    /// The reason for the ruling.
    pub reason: String,
}

impl RightsCheckReport {
    /// Returns the pictures that may not be used for training.
    pub fn refused(&self) -> impl Iterator<Item = &PictureRights> {
        self.pictures.iter().filter(|picture| picture.ruling == Ruling::Refused)
    }
}

impl App {
    /// Checks the rights in every picture.
    ///
    /// # Errors
    /// Returns an error if a style set is invalid or the store cannot be read.
    pub(crate) async fn check_rights(&self, request: RightsCheckRequest) -> AppResult<RightsCheckReport> {
        let store = self.store(request.out.as_deref()).await?;
        let revocations = Ledger::new(store).revocations().await?;
        let (policy, mut pictures) = (self.policy(), Vec::new());
        for path in request.sets {
            let file = path.display().to_string();
            let references = blocking(move || {
                let folder = path.parent().unwrap_or(Path::new(""));
                Ok(StyleSet::load(&path).and_then(|set| set.resolve(folder)))
            });
            let references = references.await??;
            pictures.extend(references.iter().map(|reference| judge(&file, reference, &policy, &revocations)));
        }
        let allowed = pictures.iter().all(|picture| picture.ruling != Ruling::Refused);
        Ok(RightsCheckReport { allowed, pictures })
    }
}

fn judge(set: &str, reference: &Reference, policy: &Policy, revocations: &Revocations) -> PictureRights {
    let (ruling, reason) = match admit(reference, policy, revocations) {
        Ok(grant) => policy.judge(&grant),
        Err(reason) => (Ruling::Refused, reason),
    };
    let claim = reference.claim.clone();
    PictureRights {
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
