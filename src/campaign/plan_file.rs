//! Reads a campaign's plan from the store, whole or in outline.

use serde::de::DeserializeOwned;

use crate::base::error::{Error, Result};
use crate::campaign::layout::Layout;
use crate::plan::{Plan, PlanOutline};
use crate::store::Store;

/// Reads the plan.
///
/// # Errors
///
/// Fails with [`crate::base::error::Kind::Invalid`] if there is none (the campaign was named by a person) or if it is
/// damaged, and with other kinds if the store cannot be read.
pub async fn read(store: &dyn Store, layout: &Layout) -> Result<Plan> {
    parsed(store, layout).await
}

/// Reads the outline: as much of the plan as finding its images takes.
///
/// # Errors
///
/// Fails as [`read`] does.
pub async fn outline(store: &dyn Store, layout: &Layout) -> Result<PlanOutline> {
    parsed(store, layout).await
}

async fn parsed<T: DeserializeOwned>(store: &dyn Store, layout: &Layout) -> Result<T> {
    let key = layout.plan();
    let missing = || {
        let id = layout.folder().as_str().rsplit('/').next().unwrap_or_default();
        Error::invalid(format!("there is no campaign {id} at {}", store.locate(&key))).hint("run or submit it first")
    };
    let bytes = store.get(&key).await?.ok_or_else(missing)?;
    serde_json::from_slice(&bytes).map_err(|e| {
        Error::invalid(format!("{} is not a plan of this housestyle", store.locate(&key)))
            .caused_by(e)
            .hint("run or submit the campaign again: its plan is written anew")
    })
}
