//! What the house adds to a bundle: the styles it trained, what was revoked, and which licences it allows.
//!
//! In: a campaign's style, with or without a version. Out: an [`Offer`], or why there is none. What always holds: nothing
//! revoked is offered, nor a style that was trained for another bundle; a version that is asked for is that version.

use crate::base::names::StyleRef;
use crate::base::version::CategoryRef;
use crate::plan::{BundleFacts, StyleFacts, list, nearest};
use crate::rights::{Grant, Policy};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The house's own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct House {
    /// Every version of every trained style.
    pub trained: Vec<TrainedStyle>,
    /// Every version of every trained category encoder.
    #[serde(default)]
    pub categories: Vec<TrainedStyle>,
    /// The bundle's own styles whose source was revoked, with the reason.
    pub revoked: BTreeMap<String, String>,
    /// Which licences it allows, as of today.
    pub policy: Policy,
}

/// One version of a trained style, or of a category encoder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainedStyle {
    /// What a job carries of it.
    pub style: StyleFacts,
    /// How prompts are put to its encoder, with `{category}` and `{style}`.
    pub prompt: String,
    /// The rights in its pictures, all of them.
    pub grants: Vec<Grant>,
    /// Whether it is the one in use.
    pub promoted: bool,
    /// Why it cannot be used.
    pub obstacle: Option<Obstacle>,
}

/// Why a version cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Obstacle {
    /// It belongs to another bundle. A style of the bundle itself may stand in for it.
    OtherBundle(String),
    /// It is revoked or damaged. Nothing stands in for it.
    Unusable(String),
}

/// A style that can be drawn.
#[derive(Clone, Copy, Debug)]
pub struct Offer<'a> {
    /// What a job carries of it.
    pub style: &'a StyleFacts,
    /// The version that draws it; none for a style that the bundle itself knows.
    pub trained: Option<&'a TrainedStyle>,
}

/// Why there is no offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub reason: String,
    /// What was probably meant.
    pub suggestion: Option<String>,
}

impl TrainedStyle {
    fn number(&self) -> Option<u32> {
        self.style.encoder.as_ref().map(|encoder| encoder.version.number)
    }

    /// What its rights are judged as.
    pub(super) fn as_offer(&self) -> Offer<'_> {
        Offer { style: &self.style, trained: Some(self) }
    }

    fn offer(&self) -> Result<Offer<'_>, Refusal> {
        match &self.obstacle {
            None => Ok(self.as_offer()),
            Some(Obstacle::OtherBundle(reason) | Obstacle::Unusable(reason)) => {
                Err(Refusal { reason: reason.clone(), suggestion: None })
            }
        }
    }
}

impl BundleFacts {
    /// What is drawn when a campaign asks for `asked`: the version it names; without one the promoted version; without that
    /// the bundle's own style.
    pub fn offer(&self, asked: &StyleRef) -> Result<Offer<'_>, Refusal> {
        let name = asked.name.as_str();
        let versions: Vec<&TrainedStyle> = self.house.trained.iter().filter(|t| t.style.name == name).collect();
        if let Some(number) = asked.version {
            return match versions.iter().find(|t| t.number() == Some(number)) {
                Some(version) => version.offer(),
                None => Err(self.no_version(name, number, &versions)),
            };
        }
        let own = self.style(name);
        let of_another = |t: &TrainedStyle| matches!(t.obstacle, Some(Obstacle::OtherBundle(_)));
        match (versions.iter().find(|t| t.promoted), own) {
            (Some(promoted), own) if own.is_none() || !of_another(promoted) => promoted.offer(),
            (_, Some(style)) => match self.house.revoked.get(name) {
                Some(reason) => Err(Refusal { reason: reason.clone(), suggestion: None }),
                None => Ok(Offer { style, trained: None }),
            },
            _ if !versions.is_empty() => {
                let numbers = list(versions.iter().filter_map(|t| t.number()));
                let usable = versions.iter().rev().find(|t| t.obstacle.is_none()).and_then(|t| t.number());
                Err(Refusal {
                    reason: format!("no version of `{name}` is promoted; it has {numbers}"),
                    suggestion: usable.map(|number| format!("`{name}@{number}`")),
                })
            }
            _ => {
                let trained = self.house.trained.iter().filter(|t| t.promoted).map(|t| t.style.name.as_str());
                let known: Vec<&str> = self.styles.iter().map(|s| s.name.as_str()).chain(trained).collect();
                let reason = format!("the bundle {} has no style `{name}`; it has {}", self.name, list(known.iter().copied()));
                Err(Refusal { reason, suggestion: nearest(name, known) })
            }
        }
    }

    /// The category encoder that a campaign asks for. One is never in use without being asked for: what is drawn must not change
    /// because somebody trained something.
    pub fn category_encoder(&self, asked: &CategoryRef) -> Result<&TrainedStyle, Refusal> {
        let name = asked.0.name.as_str();
        let versions: Vec<&TrainedStyle> = self.house.categories.iter().filter(|t| t.style.name == name).collect();
        let numbers = || list(versions.iter().filter_map(|t| t.number()));
        let found = match asked.0.version {
            Some(number) => versions.iter().find(|t| t.number() == Some(number)),
            None => versions.iter().find(|t| t.promoted),
        };
        let of_name = |number: u32| format!("`category/{name}@{number}`");
        match (found, asked.0.version) {
            (Some(found), _) => found.offer().map(|_| *found),
            (None, _) if versions.is_empty() => {
                let known = self.house.categories.iter().map(|t| t.style.name.as_str());
                Err(Refusal {
                    reason: format!(
                        "there is no category encoder `{name}`; `housestyle train` makes one from `branch: category`"
                    ),
                    suggestion: super::text::nearest(name, known).map(|near| format!("`category/{near}`")),
                })
            }
            (None, Some(number)) => Err(Refusal {
                reason: format!("`category/{name}` has no version {number}; it has {}", numbers()),
                suggestion: versions.last().and_then(|t| t.number()).map(of_name),
            }),
            (None, None) => {
                let usable = versions.iter().rev().find(|t| t.obstacle.is_none()).and_then(|t| t.number());
                Err(Refusal {
                    reason: format!("no version of `category/{name}` is promoted; it has {}", numbers()),
                    suggestion: usable.map(of_name),
                })
            }
        }
    }

    fn no_version(&self, name: &str, number: u32, versions: &[&TrainedStyle]) -> Refusal {
        let bundle = &self.name;
        if versions.is_empty() {
            let known = self.styles.iter().map(|s| s.name.as_str());
            return match self.style(name) {
                Some(_) => Refusal {
                    reason: format!("the bundle {bundle} has no trained versions of `{name}`"),
                    suggestion: Some(format!("`{name}`")),
                },
                None => Refusal {
                    reason: format!("the bundle {bundle} has no style `{name}`; it has {}", list(known.clone())),
                    suggestion: nearest(name, known),
                },
            };
        }
        let numbers = list(versions.iter().filter_map(|t| t.number()));
        let meant = versions.iter().find(|t| t.promoted).or(versions.last()).and_then(|t| t.number());
        Refusal {
            reason: format!("`{name}` has no version {number}; it has {numbers}"),
            suggestion: meant.map(|number| format!("`{name}@{number}`")),
        }
    }
}
