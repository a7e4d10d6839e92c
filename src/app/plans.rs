//! Plans campaigns for the coordinators behind a broker, in the same way as `run`.
//!
//! Takes campaign files that arrive by the broker; returns plans, or every problem of the file.
//!
//! # Invariants
//! What `run` would refuse is refused here with the same messages, and so is a campaign for another bundle than the
//! workers'.

use std::sync::Arc;

use async_trait::async_trait;

use super::failure::Failure;
use super::resources::App;
use crate::base::digest::Digest;
use crate::base::error::Error;
use crate::coordinator::{CampaignPlanner, NamedPlan, PlanRefusal};
use crate::spec::CampaignDraft;
use crate::store::Store;

/// Plans campaigns for one bundle.
#[derive(Debug)]
pub(crate) struct BundlePlans {
    app: App,
    store: Arc<dyn Store>,
    /// The digest of the workers' bundle.
    bundle: Digest,
}

impl BundlePlans {
    /// Creates a planner with the settings of `app` and the styles in `store`, for the bundle with this digest.
    pub fn new(app: App, store: Arc<dyn Store>, bundle: Digest) -> Self {
        Self { app, store, bundle }
    }
}

#[async_trait]
impl CampaignPlanner for BundlePlans {
    async fn plan(&self, yaml: &str, file: &str) -> Result<NamedPlan, PlanRefusal> {
        let planned = self.app.plan_draft(CampaignDraft::parse(yaml, file), &self.store).await.map_err(refusal)?;
        if !planned.refused.is_empty() {
            return Err(PlanRefusal { problems: planned.refused, error: None });
        }
        if planned.plan.digest != self.bundle {
            let (asked, here) = (&planned.plan.bundle, &self.bundle);
            let error = Error::invalid(format!("asks for bundle {asked}, but the workers use {here}"));
            return Err(PlanRefusal { problems: Vec::new(), error: Some(error) });
        }
        Ok(NamedPlan { name: planned.campaign.name.to_string(), plan: planned.plan })
    }
}

fn refusal(failure: Failure) -> PlanRefusal {
    let (problems, error) = failure.split();
    PlanRefusal { problems, error }
}
