//! Plans as `run` makes them, for planners behind a broker.
//!
//! In: campaign files that came by the broker. Out: plans, or everything that stands against them.
//! Always holds: what `run` would refuse is refused here with the same words; so is what this house's workers cannot draw.

use std::sync::Arc;

use async_trait::async_trait;

use super::super::Context;
use super::super::planning::{self, Obstacles};
use crate::base::error::Error;
use crate::base::names::Digest;
use crate::coordinator::{Planned, Plans, Refusal};
use crate::spec::Draft;
use crate::store::Store;

/// Makes plans for one bundle.
#[derive(Debug)]
pub struct HousePlans {
    context: Context,
    store: Arc<dyn Store>,
    /// What the workers draw with.
    bundle: Digest,
}

impl HousePlans {
    /// Plans with what `context` and `store` know, for the bundle with this digest.
    pub fn new(context: Context, store: Arc<dyn Store>, bundle: Digest) -> Self {
        Self { context, store, bundle }
    }
}

#[async_trait]
impl Plans for HousePlans {
    async fn plan(&self, yaml: &str, file: &str) -> Result<Planned, Refusal> {
        let (context, store) = (self.context.clone(), Arc::clone(&self.store));
        let draft = Draft::parse(yaml, file);
        // Planning reads and hashes the bundle.
        let planned = tokio::task::spawn_blocking(move || planning::plan(draft, &store, &context)).await;
        let planned = match planned {
            Ok(planned) => planned.map_err(|Obstacles { problems, error }| Refusal { problems, error })?,
            Err(e) => {
                let error = Some(Error::internal("planning was cut short").caused_by(e));
                return Err(Refusal { problems: Vec::new(), error });
            }
        };
        if !planned.refused.is_empty() {
            return Err(Refusal { problems: planned.refused, error: None });
        }
        if planned.plan.digest != self.bundle {
            let (asked, here) = (&planned.plan.bundle, &self.bundle);
            let error = Error::invalid(format!("asks for bundle {asked}, but the workers here draw with {here}"));
            return Err(Refusal { problems: Vec::new(), error: Some(error) });
        }
        Ok(Planned { name: planned.campaign.name.to_string(), plan: planned.plan })
    }
}
