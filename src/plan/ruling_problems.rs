//! Tells why images that could be made may not be: rights that are not cleared, or a budget that is too small.
//!
//! Takes a campaign and the verdicts on it; returns [`Problem`]s at the style or at the budget they concern.

use std::iter;

use super::campaign_plan::Plan;
use super::catalog::StyleCatalog;
use super::estimate::{BudgetStatus, amount};
use super::rights::RightsVerdict;
use crate::base::text;
use crate::spec::{Campaign, Problem};

/// Tells every style, and the category encoder, that may not be used as things stand.
pub(crate) fn check_rights(campaign: &Campaign, catalog: &StyleCatalog) -> Vec<Problem> {
    let request = campaign.rights.as_ref();
    let styles = campaign.styles.iter().enumerate();
    let styles = styles.filter_map(|(i, style)| Some((format!("spec.styles[{i}]"), catalog.style(style).ok()?)));
    let encoder =
        catalog.category_encoder_for(campaign).map(|encoder| ("spec.category".to_owned(), encoder.as_available()));
    let refused = styles.chain(encoder).flat_map(|(path, available)| {
        let verdict = RightsVerdict::of(iter::once(available), &catalog.policy, request);
        let problems = verdict.refused().map(|style| {
            let whose = text::escape(&format!("{}, {}", style.licence, style.holder));
            let reason = format!("the rights of `{}` ({whose}) are not cleared: {}", style.style, style.reason);
            campaign.problem(&path, reason, None)
        });
        problems.collect::<Vec<_>>()
    });
    refused.collect()
}

/// Tells that not even the first attempts stay within the budget.
pub(crate) fn check_budget(campaign: &Campaign, plan: &Plan) -> Option<Problem> {
    let verdict = plan.budget.as_ref().filter(|verdict| verdict.status == BudgetStatus::Over)?;
    let (cost, currency) = (amount(plan.estimate.cost), plan.estimate.currency);
    let reason = format!("the estimate, {cost} {currency}, is over the budget of {} {currency}", verdict.max_cost);
    Some(campaign.problem("spec.budget.max_cost", reason, None))
}
