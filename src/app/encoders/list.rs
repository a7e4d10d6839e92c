//! Lists every version of every trained encoder with its scores, its state and whether it is due to be trained again.

use serde::Serialize;

use crate::app::failure::AppResult;
use crate::app::resources::App;
use crate::base::digest::Digest;
use crate::base::names::Name;
use crate::base::time::{Date, Timestamp};
use crate::base::version::VersionId;
use crate::registry::promote::{CATEGORY, STYLE};
use crate::registry::retrain::due;
use crate::registry::{Card, Survey};

/// The request to list versions.
#[derive(Clone, Debug, Default)]
pub(crate) struct ListEncodersRequest {
    /// The store's folder or `s3://BUCKET/PREFIX`; `None`: the setting `out`.
    pub out: Option<String>,
}

/// The list of versions.
#[derive(Debug, Serialize)]
pub(crate) struct EncoderList {
    /// The versions, in the order of their ids.
    pub versions: Vec<EncoderRow>,
    /// Cards and sidecars that could not be read, with the reason.
    pub unreadable: Vec<String>,
}

/// One version in the list.
#[derive(Debug, Serialize)]
pub(crate) struct EncoderRow {
    /// The version's id.
    pub version: VersionId,
    /// The day it was trained.
    pub trained: Date,
    /// The state: `promoted`, `candidate`, `revoked`, or `refused` if rights ended or the policy no longer allows the
    /// licence.
    pub state: &'static str,
    /// The name of the bundle it was trained for.
    pub bundle: Name,
    /// The digest of that bundle.
    pub base: Digest,
    /// Number of training pictures.
    pub pictures: usize,
    /// Share of drawings whose style the evaluator recognises, 0 to 1.
    pub style: Option<f64>,
    /// Share of drawings whose category the evaluator recognises, 0 to 1.
    pub category: Option<f64>,
    /// The reason why it must not be used for new work; `None` if it may be.
    pub unusable: Option<String>,
    /// The reasons why the version in use should be trained again.
    pub due: Vec<String>,
}

impl App {
    /// Lists every version of every encoder.
    ///
    /// # Errors
    /// Returns an error if the store cannot be read.
    pub(crate) async fn list_encoders(&self, request: ListEncodersRequest) -> AppResult<EncoderList> {
        let store = self.store(request.out.as_deref()).await?;
        let survey = Survey::of(&store).await?;
        let today = Timestamp::now().date();
        let versions = survey.cards.values().map(|card| self.encoder_row(&survey, card, today)).collect();
        Ok(EncoderList { versions, unreadable: survey.unreadable })
    }

    fn encoder_row(&self, survey: &Survey, card: &Card, today: Date) -> EncoderRow {
        let promoted = survey.promoted.get(&card.id.encoder()) == Some(&card.id);
        let revoked =
            survey.revoked(&card.id).map(|(lesson, revocation)| format!("{} is {}", lesson.file, revocation.because()));
        let refused = survey.refused(&card.id, &self.policy());
        let due = if promoted { due(&self.config.update_policy, &survey.drift(card, today)) } else { Vec::new() };
        EncoderRow {
            version: card.id.clone(),
            trained: card.created_at.date(),
            state: match (&revoked, &refused) {
                (Some(_), _) => "revoked",
                (None, Some(_)) => "refused",
                (None, None) if promoted => "promoted",
                (None, None) => "candidate",
            },
            bundle: card.base.name.clone(),
            base: card.base.digest,
            pictures: card.pictures.len(),
            style: card.scores.get(STYLE).copied(),
            category: card.scores.get(CATEGORY).copied(),
            unusable: revoked.or(refused),
            due,
        }
    }
}
