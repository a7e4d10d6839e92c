//! Says of every picture of style sets whether it may be learned from, by the policy, the settings and the revocations.

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

/// What is checked.
#[derive(Clone, Debug, Default)]
pub struct RightsCheckRequest {
    /// Style set files.
    pub sets: Vec<PathBuf>,
    /// The store's place; `None`: the one of the settings.
    pub out: Option<String>,
}

/// What was found.
#[derive(Debug, Serialize)]
pub struct RightsCheckReport {
    /// Whether every picture may be learned from.
    pub allowed: bool,
    /// Every picture.
    pub pictures: Vec<PictureRights>,
}

/// One picture.
#[derive(Debug, Serialize)]
pub struct PictureRights {
    /// The style set's file.
    pub set: String,
    /// The picture's file, as the style set names it.
    pub file: String,
    /// Its digest.
    pub sha256: Digest,
    /// Where it came from.
    pub source: Option<String>,
    /// Its licence.
    pub licence: Option<String>,
    /// Who holds the rights.
    pub holder: Option<String>,
    /// The last day of its use.
    pub until: Option<Date>,
    /// Whether it may be learned from.
    pub ruling: Ruling,
    /// Why.
    pub reason: String,
}

impl RightsCheckReport {
    /// The pictures that may not be learned from.
    pub fn refused(&self) -> impl Iterator<Item = &PictureRights> {
        self.pictures.iter().filter(|picture| picture.ruling == Ruling::Refused)
    }
}

impl App {
    /// Judges every picture.
    ///
    /// # Errors
    /// Where a style set is wrong, or the store cannot be read.
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
