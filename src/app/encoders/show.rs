//! Shows one version's card, or one encoder's versions and history.

use serde::Serialize;

use crate::app::failure::AppResult;
use crate::app::resources::App;
use crate::base::error::Error;
use crate::base::version::{EncoderName, VersionId};
use crate::registry::ledger::Ledger;
use crate::registry::{Card, Promotion, Registry};
use crate::rights::Terms;

/// What is shown.
#[derive(Clone, Debug)]
pub struct ShowEncoderRequest {
    /// A version such as `style/acme@3`, or an encoder such as `style/acme`; `style/` may be left out.
    pub name: String,
    /// The store's place; `None`: the one of the settings.
    pub out: Option<String>,
}

/// An encoder and one of its versions.
#[derive(Debug, Serialize)]
pub struct EncoderDetails {
    /// The encoder.
    pub encoder: EncoderName,
    /// Its versions, oldest first.
    pub versions: Vec<VersionId>,
    /// The version in use.
    pub promoted: Option<VersionId>,
    /// Every promotion, oldest first.
    pub promotions: Vec<Promotion>,
    /// The card of the version asked for, or of the one in use.
    pub card: Option<Card>,
    /// The folder or prefix of that version's files.
    pub folder: Option<String>,
    /// What its pictures' rights allow together today.
    pub terms: Option<Terms>,
    /// Why it must not be used for new work.
    pub unusable: Option<String>,
}

impl App {
    /// Returns what is known of an encoder or version.
    ///
    /// # Errors
    /// Where there is none of this name, or the store cannot be read.
    pub(crate) async fn show_encoder(&self, request: ShowEncoderRequest) -> AppResult<EncoderDetails> {
        let name = &request.name;
        let wrong = |reason: String| Error::invalid(format!("{}: {reason}", name.escape_debug()));
        let asked: Option<VersionId> = name.contains('@').then(|| name.parse()).transpose().map_err(wrong)?;
        let encoder = match &asked {
            Some(version) => version.encoder(),
            None => name.parse().map_err(wrong)?,
        };
        let store = self.store(request.out.as_deref()).await?;
        let (registry, ledger) = (Registry::new(store.clone()), Ledger::new(store));
        let versions: Vec<VersionId> =
            registry.numbers(&encoder).await?.into_iter().map(|number| encoder.version(number)).collect();
        if versions.is_empty() {
            let error = Error::invalid(format!("there is no encoder {encoder}"));
            return Err(error.hint("`housestyle encoders list` shows every version").into());
        }
        let promotions = registry.promotions(&encoder).await?;
        let promoted = promotions.last().map(|record| record.version.clone());
        let (mut card, mut terms, mut unusable) = (None, None, None);
        if let Some(version) = asked.as_ref().or(promoted.as_ref()) {
            card = Some(registry.card(version).await?);
            terms = Some(Terms::of(&registry.grants_today(version).await?));
            unusable = registry.barred(version, &ledger.revocations().await?, &self.policy()).await?;
        }
        let folder = card.as_ref().map(|card| registry.locate(&card.id)).transpose()?;
        Ok(EncoderDetails { encoder, versions, promoted, promotions, card, folder, terms, unusable })
    }
}
