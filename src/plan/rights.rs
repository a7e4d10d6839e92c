//! What the styles' licences say about using the images, style by style. The rules themselves are [`crate::rights`]'.

use super::StyleFacts;
use crate::rights::{Policy, Ruling};
use serde::{Deserialize, Serialize};

/// The verdict on every style of a campaign.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RightsVerdict {
    /// One entry a style, in the campaign's order.
    pub styles: Vec<StyleRights>,
}

/// A style, its licence, and what follows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StyleRights {
    /// The style's name.
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
}

impl RightsVerdict {
    pub(super) fn of<'a>(styles: impl Iterator<Item = &'a StyleFacts>, policy: &Policy) -> Self {
        let styles = styles.map(|style| {
            let (ruling, reason) = policy.rule(&style.licence);
            StyleRights {
                style: style.name.clone(),
                licence: style.licence.clone(),
                holder: style.holder.clone(),
                source: style.source.clone(),
                ruling,
                reason: reason.into(),
            }
        });
        Self { styles: styles.collect() }
    }

    /// The styles that may not be used as things stand.
    pub fn refused(&self) -> impl Iterator<Item = &StyleRights> {
        self.styles.iter().filter(|style| style.ruling == Ruling::Refused)
    }
}
