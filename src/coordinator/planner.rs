//! What a coordinator asks to make plans of campaign files.

use async_trait::async_trait;

use crate::base::error::Error;
use crate::plan::Plan;
use crate::spec::Problem;

/// Makes plans of campaign files.
#[async_trait]
pub trait CampaignPlanner: Send + Sync {
    /// Plans a campaign; `file` is what its file is called in problems.
    ///
    /// # Errors
    /// Everything that is wrong with the campaign, and what went wrong besides.
    async fn plan(&self, yaml: &str, file: &str) -> Result<NamedPlan, PlanRefusal>;
}

/// A campaign that may be made.
#[derive(Debug)]
pub struct NamedPlan {
    /// Its name, for people.
    pub name: String,
    /// Its plan.
    pub plan: Plan,
}

/// Why a campaign is not planned.
#[derive(Debug)]
pub struct PlanRefusal {
    /// What is wrong, place by place.
    pub problems: Vec<Problem>,
    /// What went wrong besides; [`Kind::Invalid`](crate::base::error::Kind::Invalid) if trying again does not help.
    pub error: Option<Error>,
}
