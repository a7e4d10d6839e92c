//! Shows one version's card, or one encoder's versions and promotion history.

use serde::Serialize;

use crate::app::failure::AppResult;
use crate::app::resources::App;
use crate::base::error::Error;
use crate::base::version::{EncoderName, VersionId};
use crate::registry::ledger::Ledger;
use crate::registry::{Card, Promotion, Registry};
use crate::rights::Terms;

/// The request to show an encoder or version.
#[derive(Clone, Debug)]
pub(crate) struct ShowEncoderRequest {
    /// A version such as `style/acme@3`, or an encoder such as `style/acme`; `style/` may be left out.
    pub name: String,
    /// The store's folder or `s3://BUCKET/PREFIX`; `None`: the setting `out`.
    pub out: Option<String>,
}

/// An encoder with one of its versions.
#[derive(Debug, Serialize)]
pub(crate) struct EncoderDetails {
    /// The encoder.
    pub encoder: EncoderName,
    /// Its versions, oldest first.
    pub versions: Vec<VersionId>,
    /// The version in use; `None` if there is none.
    pub promoted: Option<VersionId>,
    /// Every promotion, oldest first.
    pub promotions: Vec<Promotion>,
    /// The card of the requested version, or of the version in use.
    pub card: Option<Card>,
    /// The folder or prefix of that version's files.
    pub folder: Option<String>,
    /// The terms that the rights of all its pictures allow together today.
    pub terms: Option<Terms>,
    /// The reason why it must not be used for new work; `None` if it may be.
    pub unusable: Option<String>,
}

impl App {
    /// Returns the details of an encoder or version.
    ///
    /// # Errors
    /// Returns an error if there is none of this name, or the store cannot be read.
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
