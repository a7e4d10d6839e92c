//! Reads a campaign's plan from the store, completely or only its outline.

use serde::de::DeserializeOwned;

use crate::base::error::{Error, Result};
use crate::campaign::layout::Layout;
use crate::plan::{Plan, PlanOutline};
use crate::store::Store;

/// Reads the complete plan.
///
/// # Errors
///
/// Fails with [`crate::base::error::Kind::Invalid`] if there is none (the campaign's name may be mistyped) or if it
/// is damaged, and with other kinds if the store cannot be read.
pub async fn read(store: &dyn Store, layout: &Layout) -> Result<Plan> {
    parsed(store, layout).await
}

/// Reads the plan's outline: the part that is needed to find its images.
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
        Error::invalid(format!("{} is not a plan that this version of housestyle can read", store.locate(&key)))
            .caused_by(e)
            .hint("run or submit the campaign again; its plan is then written again")
    })
}
