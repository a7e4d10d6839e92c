//! Fills in the prompts that the text encoders read, and tells those that do not fit.
//!
//! # Invariants
//!
//! Every distinct text is measured once, and an asset's own prompt that does not fit is told once.

use std::collections::{BTreeSet, HashSet};

use serde::{Deserialize, Serialize};

use super::catalog::{AvailableStyle, StyleCatalog, TrainedStyle};
use super::categories::Categories;
use super::facts::BundleFacts;
use crate::base::error::{Kind, Result};
use crate::base::{limits, text};
use crate::spec::{AssetSpec, Campaign, Problem, describe, template, words};

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
        available: AvailableStyle<'_>,
        category_encoder: Option<&TrainedStyle>,
    ) -> Self {
        let style = available.style;
        let said = [("category", &*words(category))];
        let prompt = template::fill(asset.prompt.as_deref().unwrap_or(&facts.prompt_category), &said);
        // What the campaign wrote is what is drawn; where it wrote nothing, a trained encoder gets the prompt of its
        // training.
        let plain = match category_encoder {
            Some(encoder) if asset.prompt.is_none() => describe(&encoder.prompt, category, &encoder.style.name),
            _ => prompt.clone(),
        };
        Self {
            style: match available.trained {
                // A trained encoder gets the prompt of its training.
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

/// Tells every prompt of `campaign` that does not fit: `fits` is the bundle's tokenizer, whose [`Kind::Invalid`] says
/// why not.
///
/// A problem stands where the text that was too long was written: at the asset's prompt, or else, as the campaign
/// cannot shorten the bundle's words, at the category.
///
/// # Errors
///
/// Fails where `fits` fails for any other reason.
pub(crate) fn check_prompts(
    campaign: &Campaign,
    catalog: &StyleCatalog,
    mut fits: impl FnMut(&str) -> Result<()>,
) -> Result<Vec<Problem>> {
    let (mut problems, mut told, mut measured) = (Vec::new(), BTreeSet::new(), HashSet::new());
    if campaign.images() > limits::JOBS {
        return Ok(problems); // refused for that, and too many to look at
    }
    let (facts, styles) = (&catalog.bundle, catalog.styles_for(campaign));
    let (categories, category_encoder) = (Categories::of(facts), catalog.category_encoder_for(campaign));
    for (i, asset) in campaign.assets.iter().enumerate() {
        for (j, asked) in asset.categories.iter().enumerate() {
            let Some(category) = categories.find(asked) else { continue };
            for available in &styles {
                let prompts = Prompts::of(asset, facts, category, *available, category_encoder);
                let Prompts { category: plain, style, negative } = prompts;
                let of_category = format!("spec.assets[{i}].categories[{j}]");
                let of_prompt =
                    if asset.prompt.is_some() { format!("spec.assets[{i}].prompt") } else { of_category.clone() };
                let of_style = if available.trained.is_some() { of_category } else { of_prompt.clone() };
                let drawn = text::show(asked);
                for (text, path, drawn) in [
                    (plain, of_prompt, drawn.clone()),
                    (style, of_style, format!("{drawn} in `{}`", available.style.name)),
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
