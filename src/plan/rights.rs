//! Says for every style of a campaign whether its licences allow the use. The rules themselves are in
//! [`crate::rights`].

use serde::{Deserialize, Serialize};

use super::catalog::{AvailableStyle, TrainedStyle};
use crate::base::version::Branch;
use crate::rights::{Policy, Ruling, Terms};
use crate::spec::RightsRequest;

/// The verdict on every style of a campaign.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RightsVerdict {
    /// One entry a style, in the campaign's order.
    pub styles: Vec<StyleRights>,
}

/// A style, its licence, and what follows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StyleRights {
    /// The style's name; `category/…` for a category encoder.
    pub style: String,
    /// Its licence.
    pub licence: String,
    /// Who holds the rights.
    pub holder: String,
    /// Where it came from.
    pub source: String,
    /// The verdict.
    pub ruling: Ruling,
    /// Why, in a sentence.
    pub reason: String,
    /// How far the rights go, where they end somewhere: whoever uses the images must keep to it, said or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms: Option<Terms>,
}

impl RightsVerdict {
    pub(super) fn of<'a>(
        styles: impl Iterator<Item = AvailableStyle<'a>>,
        policy: &Policy,
        request: Option<&RightsRequest>,
    ) -> Self {
        let styles = styles.map(|available| {
            let style = available.style;
            let (ruling, reason) = match available.trained {
                Some(trained) => trained_style(trained, policy, request),
                None => {
                    let (ruling, reason) = policy.rule(&style.licence);
                    (ruling, reason.into())
                }
            };
            let terms =
                available.trained.map(|trained| Terms::of(&trained.grants)).filter(|terms| *terms != Terms::default());
            StyleRights {
                style: match style.encoder.as_ref().filter(|encoder| encoder.version.branch == Branch::Category) {
                    Some(encoder) => encoder.version.encoder().to_string(),
                    None => style.name.clone(),
                },
                licence: style.licence.clone(),
                holder: style.holder.clone(),
                source: style.source.clone(),
                ruling,
                reason,
                terms,
            }
        });
        Self { styles: styles.collect() }
    }

    /// Returns the styles that may not be used as things stand.
    pub fn refused(&self) -> impl Iterator<Item = &StyleRights> {
        self.styles.iter().filter(|style| style.ruling == Ruling::Refused)
    }
}

/// A trained style may be used as far as each of its pictures may.
fn trained_style(trained: &TrainedStyle, policy: &Policy, request: Option<&RightsRequest>) -> (Ruling, String) {
    let beyond = request.map(|request| Terms::of(&trained.grants).exceeded_by(request)).unwrap_or_default();
    if !beyond.is_empty() {
        return (Ruling::Refused, beyond.join("; "));
    }
    let judged = trained.grants.iter().map(|grant| {
        let (ruling, reason) = policy.judge(grant);
        (ruling, format!("{} from {}: {reason}", grant.licence, grant.source))
    });
    // Of several that are equally strict the first one is told.
    let strictest = judged.fold(None, |worst: Option<(Ruling, String)>, next| match worst {
        Some(worst) if worst.0 >= next.0 => Some(worst),
        _ => Some(next),
    });
    strictest.unwrap_or_else(|| (Ruling::Refused, "nothing is known of the pictures that it learned from".into()))
}
