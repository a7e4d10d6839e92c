//! The styles that a campaign may ask for: those of the bundle and those trained for it, with revocations and the
//! licence policy of the day.
//!
//! # Invariants
//!
//! A revoked style is never available, nor is one that was trained for another bundle; a version that is asked for is
//! that version.

use std::collections::BTreeMap;

use super::facts::{BundleFacts, StyleFacts};
use super::words::{list, nearest};
use crate::base::names::StyleRef;
use crate::base::text;
use crate::base::version::CategoryRef;
use crate::rights::{Grant, Policy};
use crate::spec::Campaign;

/// Everything that planning chooses styles from.
#[derive(Clone, Debug, PartialEq)]
pub struct StyleCatalog {
    /// The bundle and its own styles.
    pub bundle: BundleFacts,
    /// Every version of every trained style.
    pub trained: Vec<TrainedStyle>,
    /// Every version of every trained category encoder.
    pub category_encoders: Vec<TrainedStyle>,
    /// The bundle's own styles whose source was revoked, with the reason.
    pub revoked: BTreeMap<String, String>,
    /// Which licences are allowed, as of today.
    pub policy: Policy,
}

/// One version of a trained style, or of a category encoder.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainedStyle {
    /// What a job carries of it.
    pub style: StyleFacts,
    /// How prompts are put to its encoder, with `{category}` and `{style}`.
    pub prompt: String,
    /// The rights in its pictures, all of them.
    pub grants: Vec<Grant>,
    /// Whether it is the version in use.
    pub promoted: bool,
    /// Why it cannot be used.
    pub unavailable: Option<Unavailable>,
}

/// Why a version cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unavailable {
    /// It belongs to another bundle. A style of the bundle itself may stand in for it.
    OtherBundle(String),
    /// It is revoked or damaged. Nothing stands in for it.
    Unusable(String),
}

/// A style that can be drawn.
#[derive(Clone, Copy, Debug)]
pub struct AvailableStyle<'a> {
    /// What a job carries of it.
    pub style: &'a StyleFacts,
    /// The version that draws it; none for a style that the bundle itself knows.
    pub trained: Option<&'a TrainedStyle>,
}

/// Says why a style is not available.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StyleRefusal {
    /// Why.
    pub reason: String,
    /// What was probably meant.
    pub suggestion: Option<String>,
}

impl TrainedStyle {
    fn number(&self) -> Option<u32> {
        self.style.encoder.as_ref().map(|encoder| encoder.version.number)
    }

    /// Returns it as a style whose rights can be judged, available or not.
    pub(super) fn as_available(&self) -> AvailableStyle<'_> {
        AvailableStyle { style: &self.style, trained: Some(self) }
    }

    fn available(&self) -> Result<AvailableStyle<'_>, StyleRefusal> {
        match &self.unavailable {
            None => Ok(self.as_available()),
            Some(Unavailable::OtherBundle(reason) | Unavailable::Unusable(reason)) => {
                Err(StyleRefusal { reason: reason.clone(), suggestion: None })
            }
        }
    }
}

impl StyleCatalog {
    /// Makes the catalog of a bundle for which nothing was trained and nothing revoked, under the default policy.
    pub fn of_bundle(bundle: BundleFacts) -> Self {
        Self {
            bundle,
            trained: Vec::new(),
            category_encoders: Vec::new(),
            revoked: BTreeMap::new(),
            policy: Policy::default(),
        }
    }

    /// Returns every available style that the campaign asks for, in its order.
    pub(super) fn styles_for(&self, campaign: &Campaign) -> Vec<AvailableStyle<'_>> {
        campaign.styles.iter().filter_map(|style| self.style(style).ok()).collect()
    }

    /// Returns the category encoder that the campaign asks for, if it is available.
    pub(super) fn category_encoder_for(&self, campaign: &Campaign) -> Option<&TrainedStyle> {
        campaign.category.as_ref().and_then(|asked| self.category_encoder(asked).ok())
    }

    /// Returns the style that is drawn when a campaign asks for `asked`: the version it names; without one the promoted
    /// version; without that the bundle's own style.
    ///
    /// # Errors
    ///
    /// Says why no such style is available, and what was probably meant.
    pub fn style(&self, asked: &StyleRef) -> Result<AvailableStyle<'_>, StyleRefusal> {
        let name = asked.name.as_str();
        let versions: Vec<&TrainedStyle> = self.trained.iter().filter(|t| t.style.name == name).collect();
        if let Some(number) = asked.version {
            return match versions.iter().find(|t| t.number() == Some(number)) {
                Some(version) => version.available(),
                None => Err(self.no_version(name, number, &versions)),
            };
        }
        let own = self.bundle.style(name);
        let of_another = |t: &TrainedStyle| matches!(t.unavailable, Some(Unavailable::OtherBundle(_)));
        match (versions.iter().find(|t| t.promoted), own) {
            (Some(promoted), own) if own.is_none() || !of_another(promoted) => promoted.available(),
            (_, Some(style)) => match self.revoked.get(name) {
                Some(reason) => Err(StyleRefusal { reason: reason.clone(), suggestion: None }),
                None => Ok(AvailableStyle { style, trained: None }),
            },
            _ if !versions.is_empty() => {
                let numbers = list(versions.iter().filter_map(|t| t.number()));
                let usable = versions.iter().rev().find(|t| t.unavailable.is_none()).and_then(|t| t.number());
                Err(StyleRefusal {
                    reason: format!("no version of `{name}` is promoted; it has {numbers}"),
                    suggestion: usable.map(|number| format!("`{name}@{number}`")),
                })
            }
            _ => {
                let trained = self.trained.iter().filter(|t| t.promoted).map(|t| t.style.name.as_str());
                let known: Vec<&str> = self.bundle.styles.iter().map(|s| s.name.as_str()).chain(trained).collect();
                let reason = format!(
                    "the bundle {} has no style `{name}`; it has {}",
                    self.bundle.name,
                    list(known.iter().copied())
                );
                Err(StyleRefusal { reason, suggestion: nearest(name, known) })
            }
        }
    }

    /// Returns the category encoder that a campaign asks for. None is used without being asked for: images must not
    /// change because an encoder was trained.
    ///
    /// # Errors
    ///
    /// Says why it is not available, and what was probably meant.
    pub fn category_encoder(&self, asked: &CategoryRef) -> Result<&TrainedStyle, StyleRefusal> {
        let name = asked.name.as_str();
        let versions: Vec<&TrainedStyle> = self.category_encoders.iter().filter(|t| t.style.name == name).collect();
        let numbers = || list(versions.iter().filter_map(|t| t.number()));
        let found = match asked.version {
            Some(number) => versions.iter().find(|t| t.number() == Some(number)),
            None => versions.iter().find(|t| t.promoted),
        };
        let of_name = |number: u32| format!("`category/{name}@{number}`");
        match (found, asked.version) {
            (Some(found), _) => found.available().map(|_| *found),
            (None, _) if versions.is_empty() => {
                let known = self.category_encoders.iter().map(|t| t.style.name.as_str());
                Err(StyleRefusal {
                    reason: format!(
                        "there is no category encoder `{name}`; `housestyle train` makes one from `branch: category`"
                    ),
                    suggestion: text::nearest(name, known).map(|near| format!("`category/{near}`")),
                })
            }
            (None, Some(number)) => Err(StyleRefusal {
                reason: format!("`category/{name}` has no version {number}; it has {}", numbers()),
                suggestion: versions.last().and_then(|t| t.number()).map(of_name),
            }),
            (None, None) => {
                let usable = versions.iter().rev().find(|t| t.unavailable.is_none()).and_then(|t| t.number());
                Err(StyleRefusal {
                    reason: format!("no version of `category/{name}` is promoted; it has {}", numbers()),
                    suggestion: usable.map(of_name),
                })
            }
        }
    }

    fn no_version(&self, name: &str, number: u32, versions: &[&TrainedStyle]) -> StyleRefusal {
        let bundle = &self.bundle.name;
        if versions.is_empty() {
            let known = self.bundle.styles.iter().map(|s| s.name.as_str());
            return match self.bundle.style(name) {
                Some(_) => StyleRefusal {
                    reason: format!("the bundle {bundle} has no trained versions of `{name}`"),
                    suggestion: Some(format!("`{name}`")),
                },
                None => StyleRefusal {
                    reason: format!("the bundle {bundle} has no style `{name}`; it has {}", list(known.clone())),
                    suggestion: nearest(name, known),
                },
            };
        }
        let numbers = list(versions.iter().filter_map(|t| t.number()));
        let meant = versions.iter().find(|t| t.promoted).or(versions.last()).and_then(|t| t.number());
        StyleRefusal {
            reason: format!("`{name}` has no version {number}; it has {numbers}"),
            suggestion: meant.map(|number| format!("`{name}@{number}`")),
        }
    }
}
