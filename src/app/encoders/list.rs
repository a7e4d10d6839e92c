//! Lists every version of every trained encoder: how good it is, which one is in use, and whether it is due to be
//! trained again.

use serde::Serialize;

use crate::app::failure::AppResult;
use crate::app::resources::App;
use crate::base::digest::Digest;
use crate::base::time::{Date, Timestamp};
use crate::base::version::VersionId;
use crate::registry::promote::{CATEGORY, STYLE};
use crate::registry::retrain::due;
use crate::registry::{Card, Survey};

/// Where versions are looked for.
#[derive(Clone, Debug, Default)]
pub struct ListEncodersRequest {
    /// The store's place; `None`: the one of the settings.
    pub out: Option<String>,
}

/// Every version.
#[derive(Debug, Serialize)]
pub struct EncoderList {
    /// The versions, in the order of their ids.
    pub versions: Vec<EncoderRow>,
    /// Cards and sidecars that could not be read, with the reason.
    pub unreadable: Vec<String>,
}

/// One version.
#[derive(Debug, Serialize)]
pub struct EncoderRow {
    /// Its id.
    pub version: VersionId,
    /// When it was trained.
    pub trained: Date,
    /// `promoted`, `candidate`, `revoked`, or `refused` where rights ended or the policy no longer allows their
    /// licence.
    pub state: &'static str,
    /// The bundle it was trained for.
    pub bundle: String,
    /// That bundle's digest.
    pub base: Digest,
    /// How many pictures it learned from.
    pub pictures: usize,
    /// How often its style is recognised, 0 to 1.
    pub style: Option<f64>,
    /// How often the category is recognised, 0 to 1.
    pub category: Option<f64>,
    /// Why it must not be used for new work.
    pub unusable: Option<String>,
    /// Why the version in use should be trained again.
    pub due: Vec<String>,
}

impl App {
    /// Lists every version.
    ///
    /// # Errors
    /// Where the store cannot be read.
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
