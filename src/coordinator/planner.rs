//! The interface through which a coordinator plans campaign files.

use async_trait::async_trait;

use crate::base::error::Error;
use crate::plan::Plan;
use crate::spec::Problem;

/// Plans campaign files.
#[async_trait]
pub trait CampaignPlanner: Send + Sync {
    /// Plans a campaign; problems name its file as `file`.
    ///
    /// # Errors
    ///
    /// Fails with every problem of the campaign, and with an error that is not about a place in its file.
    async fn plan(&self, yaml: &str, file: &str) -> Result<NamedPlan, PlanRefusal>;
}

/// The plan of a valid campaign, with its name.
#[derive(Debug)]
pub struct NamedPlan {
    /// The campaign's name.
    pub name: String,
    /// The campaign's plan.
    pub plan: Plan,
}

/// The reasons why a campaign is not planned.
#[derive(Debug)]
pub struct PlanRefusal {
    /// The problems in the campaign file, each with its place.
    pub problems: Vec<Problem>,
    /// An error that is not about a place in the file; [`Kind::Invalid`](crate::base::error::Kind::Invalid) if trying
    /// again does not help.
    pub error: Option<Error>,
}
