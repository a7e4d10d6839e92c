//! A campaign's plan, as it lies in the store.
//!
//! In: a campaign's keys. Out: the [`Plan`] that was written there, or its [`PlanOutline`]. Always holds: what cannot be read as
//! what is asked for is refused, not guessed at.

use serde::de::DeserializeOwned;

use crate::base::error::{Error, Result};
use crate::campaign::layout::Layout;
use crate::plan::{Plan, PlanOutline};
use crate::store::Store;

/// Reads it; that there is none is [`crate::base::error::Kind::Invalid`], as somebody named the campaign.
pub async fn read(store: &dyn Store, layout: &Layout) -> Result<Plan> {
    parsed(store, layout).await
}

/// Reads as much of it as finding its images takes.
pub async fn outline(store: &dyn Store, layout: &Layout) -> Result<PlanOutline> {
    parsed(store, layout).await
}

async fn parsed<T: DeserializeOwned>(store: &dyn Store, layout: &Layout) -> Result<T> {
    let key = layout.plan()?;
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
