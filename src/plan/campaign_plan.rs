//! The plan of a whole campaign.

use serde::{Deserialize, Serialize};

use super::catalog::TrainedStyle;
use super::check::Checked;
use super::estimate::{BudgetVerdict, Estimate};
use super::ids::CampaignId;
use super::job::Job;
use super::rights::RightsVerdict;
use crate::base::digest::Digest;
use crate::base::names::Name;

/// Everything a campaign will make.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The campaign's id, which is also its folder's name.
    pub campaign: CampaignId,
    /// The bundle it is planned for.
    pub bundle: Name,
    /// That bundle's digest.
    pub digest: Digest,
    /// The time, money and storage it takes.
    pub estimate: Estimate,
    /// Whether that is within the campaign's budget, if it has one.
    pub budget: Option<BudgetVerdict>,
    /// Whether the styles' licences allow it.
    pub rights: RightsVerdict,
    /// Every image to make, in the campaign's order.
    pub jobs: Vec<Job>,
}

/// Plans a checked campaign.
pub fn plan(checked: Checked<'_>) -> Plan {
    let Checked { campaign, catalog, rates, id, jobs } = checked;
    let estimate = Estimate::of(&jobs, &catalog.bundle, rates);
    let styles = catalog.styles_for(campaign).into_iter();
    let encoder = catalog.category_encoder_for(campaign).map(TrainedStyle::as_available);
    Plan {
        campaign: id,
        bundle: catalog.bundle.name.clone(),
        digest: catalog.bundle.digest,
        budget: campaign.budget.as_ref().map(|budget| BudgetVerdict::of(budget, &estimate)),
        rights: RightsVerdict::of(styles.chain(encoder), &catalog.policy, campaign.rights.as_ref()),
        estimate,
        jobs,
    }
}
