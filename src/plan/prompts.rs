//! Prompts: what the text encoders are told of an image, and which of them do not fit.
//!
//! In: an asset, a category, an offer. Out: [`Prompts`], filled in, or the [`Problem`]s of those that a tokenizer refuses.
//! What always holds: every distinct text is measured once, and an asset's own prompt that does not fit is told once.

use super::categories::Categories;
use super::{BundleFacts, offers, reader};
use crate::base::error::{Kind, Result};
use crate::base::{limits, text};
use crate::plan::catalog::{Offer, TrainedStyle};
use crate::spec::{AssetSpec, Campaign, Problem, describe, template, words};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashSet};

/// A job's prompts, filled in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Prompts {
    /// For the category encoder: what to draw.
    pub category: String,
    /// For the style encoder: what to draw and its look.
    pub style: String,
    /// What to keep away from.
    pub negative: String,
}

impl Prompts {
    pub(super) fn of(
        asset: &AssetSpec,
        facts: &BundleFacts,
        category: &str,
        offer: Offer<'_>,
        reader: Option<&TrainedStyle>,
    ) -> Self {
        let style = offer.style;
        let said = [("category", &*words(category))];
        let prompt = template::fill(asset.prompt.as_deref().unwrap_or(&facts.prompt_category), &said);
        // What the campaign wrote is what is drawn; where it wrote nothing, a trained encoder is spoken to as it was in training.
        let plain = match reader {
            Some(reader) if asset.prompt.is_none() => describe(&reader.prompt, category, &reader.style.name),
            _ => prompt.clone(),
        };
        Self {
            style: match offer.trained {
                // A trained encoder is spoken to as it was in training.
                Some(trained) => describe(&trained.prompt, category, &style.name),
                None => template::fill(
                    &facts.prompt_style,
                    &[("prompt", &prompt), ("look", &style.look), said[0], ("style", &style.name)],
                ),
            },
            negative: template::fill(&asset.negative, &said),
            category: plain,
        }
    }
}

/// Every prompt of `campaign` that does not fit: `fits` is the bundle's tokenizer, whose [`Kind::Invalid`] says why not.
///
/// A problem stands where the text that was too long was written: at the asset's prompt, or else, as the bundle's words are
/// not the campaign's to shorten, at the category.
pub fn check_prompts(
    campaign: &Campaign,
    facts: &BundleFacts,
    mut fits: impl FnMut(&str) -> Result<()>,
) -> Result<Vec<Problem>> {
    let (mut problems, mut told, mut measured) = (Vec::new(), BTreeSet::new(), HashSet::new());
    if campaign.images() > limits::JOBS {
        return Ok(problems); // refused for that, and too many to look at
    }
    let (categories, offers, reader) = (Categories::of(facts), offers(campaign, facts), reader(campaign, facts));
    for (i, asset) in campaign.assets.iter().enumerate() {
        for (j, asked) in asset.categories.iter().enumerate() {
            let Some(category) = categories.find(asked) else { continue };
            for offer in &offers {
                let Prompts { category: plain, style, negative } = Prompts::of(asset, facts, category, *offer, reader);
                let of_category = format!("spec.assets[{i}].categories[{j}]");
                let of_prompt = if asset.prompt.is_some() { format!("spec.assets[{i}].prompt") } else { of_category.clone() };
                let of_style = if offer.trained.is_some() { of_category } else { of_prompt.clone() };
                let drawn = text::show(asked);
                for (text, path, drawn) in [
                    (plain, of_prompt, drawn.clone()),
                    (style, of_style, format!("{drawn} in `{}`", offer.style.name)),
                    (negative, format!("spec.assets[{i}].negative"), drawn),
                ] {
                    if told.contains(&path) || measured.contains(&text) {
                        continue;
                    }
                    match fits(&text) {
                        Ok(()) => {
                            measured.insert(text);
                        }
                        Err(error) if error.kind() == Kind::Invalid => {
                            problems.push(campaign.problem(&path, format!("for {drawn}, {error}"), None));
                            told.insert(path);
                        }
                        Err(error) => return Err(error),
                    }
                    if problems.len() > limits::PROBLEMS {
                        return Ok(problems); // more than are ever shown
                    }
                }
            }
        }
    }
    Ok(problems)
}
