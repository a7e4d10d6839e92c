//! Traces a picture or source to the versions and assets that were made from it, and a version or asset back to its
//! pictures and sources.

use super::question::{question, unknown};
use crate::app::failure::AppResult;
use crate::app::resources::App;
use crate::registry::Survey;
use crate::registry::trace::{Trace, trace};

/// The request to trace one thing.
#[derive(Clone, Debug)]
pub(crate) struct TraceRequest {
    /// A picture's file or sha256, a source, a version such as `style/acme@3`, or an asset's sidecar, image or stem.
    pub what: String,
    /// The store's folder or `s3://BUCKET/PREFIX`; `None`: the setting `out`.
    pub out: Option<String>,
}

impl App {
    /// Returns the pictures, sources, versions and assets that are related to the thing asked for.
    ///
    /// # Errors
    /// Returns an error if nothing is known of the thing asked for, or the store cannot be read.
    pub(crate) async fn trace_rights(&self, request: TraceRequest) -> AppResult<Trace> {
        let question = question(&request.what).await?;
        let store = self.store(request.out.as_deref()).await?;
        let survey = Survey::of(&store).await?;
        Ok(trace(&survey, &question).ok_or_else(|| unknown(&request.what))?)
    }
}
