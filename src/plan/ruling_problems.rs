//! Why images that could be made may not be: rights that are not cleared, a budget that does not reach. Pure.
//!
//! In: a campaign and the verdicts on it. Out: [`Problem`]s, at the style and at the ceiling that stand against it.

use crate::base::text;
use crate::plan::estimate::{Standing, amount};
use crate::plan::{BundleFacts, Plan, RightsVerdict, reader};
use crate::spec::{Campaign, Problem};

/// Every style, and category encoder, that may not be used as things stand.
pub fn check_rights(campaign: &Campaign, facts: &BundleFacts) -> Vec<Problem> {
    let request = campaign.rights.as_ref();
    let styles = campaign.styles.iter().enumerate();
    let offered = styles.filter_map(|(i, style)| Some((format!("spec.styles[{i}]"), facts.offer(style).ok()?)));
    let reader = reader(campaign, facts).map(|reader| ("spec.category".to_owned(), reader.as_offer()));
    let refused = offered.chain(reader).flat_map(|(path, offer)| {
        let verdict = RightsVerdict::of(std::iter::once(offer), &facts.house.policy, request);
        let problems = verdict.refused().map(|style| {
            let whose = text::escape(&format!("{}, {}", style.licence, style.holder));
            let reason = format!("the rights of `{}` ({whose}) are not cleared: {}", style.style, style.reason);
            campaign.problem(&path, reason, None)
        });
        problems.collect::<Vec<_>>()
    });
    refused.collect()
}

/// A ceiling that not even first attempts stay under.
pub fn check_budget(campaign: &Campaign, plan: &Plan) -> Option<Problem> {
    let verdict = plan.budget.as_ref().filter(|verdict| verdict.standing == Standing::Over)?;
    let (cost, currency) = (amount(plan.estimate.cost), plan.estimate.currency);
    let reason = format!("the estimate, {cost} {currency}, is over the budget of {} {currency}", verdict.max_cost);
    Some(campaign.problem("spec.budget.max_cost", reason, None))
}
