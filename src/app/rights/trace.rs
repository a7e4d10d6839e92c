//! Traces a picture or source to the versions and assets that came of it, and back from those.

use super::question::{question, unknown};
use crate::app::failure::AppResult;
use crate::app::resources::App;
use crate::registry::Survey;
use crate::registry::trace::{Trace, trace};

/// What is traced.
#[derive(Clone, Debug)]
pub struct TraceRequest {
    /// A picture's file or sha256, a source, a version such as `style/acme@3`, or an asset's sidecar, image or stem.
    pub what: String,
    /// The store's place; `None`: the one of the settings.
    pub out: Option<String>,
}

impl App {
    /// Returns what belongs together.
    ///
    /// # Errors
    /// Where nothing is known of what is asked for, or the store cannot be read.
    pub(crate) async fn trace_rights(&self, request: TraceRequest) -> AppResult<Trace> {
        let question = question(&request.what).await?;
        let store = self.store(request.out.as_deref()).await?;
        let survey = Survey::of(&store).await?;
        Ok(trace(&survey, &question).ok_or_else(|| unknown(&request.what))?)
    }
}
