//! From a campaign's draft to its plan, with everything that stands against it: what `check`, `plan` and `run` share, so
//! that what one of them refuses the others refuse too, with the same words and exit code.
//!
//! In: a draft, a store. Out: a [`Planned`] campaign, or the [`Obstacles`]. Always holds: nothing is made, and no model is
//! loaded; problems that need the bundle are told together with those that do not.

use std::path::Path;
use std::sync::Arc;

use super::Context;
use crate::base::error::{Error, Result};
use crate::eval::loader;
use crate::pipeline::bundle::{Bundle, TOKENIZER};
use crate::pipeline::tokenize::Tokenizer;
use crate::plan::{self, BundleFacts, Outline, Plan};
use crate::spec::{Campaign, Draft, Problem};
use crate::store::Store;

/// A campaign that can be made.
pub struct Planned {
    pub campaign: Campaign,
    pub bundle: Bundle,
    pub plan: Plan,
    /// Why it may not be made: rights and budget.
    pub refused: Vec<Problem>,
}

/// Why a campaign cannot be made.
pub struct Obstacles {
    /// What is wrong with the file.
    pub problems: Vec<Problem>,
    /// What went wrong beside: its bundle or the store.
    pub error: Option<Error>,
}

/// What a bundle has to say to a campaign, whole or not.
struct Seen {
    bundle: Bundle,
    facts: BundleFacts,
    problems: Vec<Problem>,
}

/// Plans a campaign.
pub fn plan(draft: Draft, store: &Arc<dyn Store>, context: &Context) -> Result<Planned, Obstacles> {
    let seen = draft.readable().map(|campaign| look(campaign, store, context)).transpose();
    let (found, seen, error) = match seen {
        Ok(Some(Seen { bundle, facts, mut problems })) => {
            // It will not be planned, so that its rights are judged here, to be told with the rest.
            if let Some(campaign) = draft.readable().filter(|_| !draft.is_whole() || !problems.is_empty()) {
                problems.extend(plan::check_rights(campaign, &facts));
            }
            (problems, Some((bundle, facts)), None)
        }
        Ok(None) => (Vec::new(), None, None),
        Err(error) => (Vec::new(), None, Some(error)),
    };
    let (campaign, (bundle, facts)) = match (draft.finish(found), seen, error) {
        (Ok(campaign), Some(seen), None) => (campaign, seen),
        (result, _, error) => return Err(Obstacles { problems: result.err().unwrap_or_default(), error }),
    };
    let plan = plan::plan(&campaign, &facts, &context.rates()).map_err(|problems| Obstacles { problems, error: None })?;
    let mut refused = plan::check_rights(&campaign, &facts);
    refused.extend(plan::check_budget(&campaign, &plan));
    Ok(Planned { campaign, bundle, plan, refused: Problem::tidy(refused) })
}

/// Opens the bundle, which has to be whole, and holds the campaign against it.
fn look(campaign: &Campaign, store: &Arc<dyn Store>, context: &Context) -> Result<Seen> {
    let bundle = context.bundle(&campaign.bundle)?;
    let facts = context.block_on(context.facts(&bundle, store))?;
    let tokenizer = Tokenizer::parse(&bundle.read(TOKENIZER)?, bundle.manifest().spec.tokenizer.max_length)?;
    let mut problems = plan::check(campaign, &facts, &context.rates());
    problems.extend(plan::check_prompts(campaign, &facts, |prompt| tokenizer.encode(prompt).map(drop))?);
    Ok(Seen { bundle, facts, problems })
}

impl Planned {
    /// Says why it may not be made, if it may not.
    pub fn permitted(&self, context: &Context) -> Result<()> {
        match self.refused.is_empty() {
            true => Ok(()),
            false => Err(context.problems(&self.refused).hint(
                "leave out styles whose rights are not cleared; ask for fewer images or steps, or raise the budget; \
                 `housestyle plan` shows rights and estimate",
            )),
        }
    }
}

impl Obstacles {
    /// Says every problem, and gives back the error that stands for all of it.
    pub fn told(self, context: &Context) -> Error {
        let problems = (!self.problems.is_empty()).then(|| context.problems(&self.problems));
        self.error.or(problems).unwrap_or_else(|| Error::internal("the campaign was not planned, for no reason"))
    }
}

/// The plan that somebody means by a campaign's file, id or name.
pub fn of(campaign: &str, store: &Arc<dyn Store>, context: &Context) -> Result<Plan> {
    if is_file(campaign) {
        let planned = plan(Draft::load(Path::new(campaign)), store, context);
        return Ok(planned.map_err(|obstacles| obstacles.told(context))?.plan);
    }
    context.block_on(loader::plan(&**store, campaign))
}

/// Whether somebody names a campaign by its file.
fn is_file(campaign: &str) -> bool {
    campaign.ends_with(".yaml") || campaign.ends_with(".yml")
}

/// The same in short, as it lies in the store.
pub fn outline(campaign: &str, store: &Arc<dyn Store>, context: &Context) -> Result<Outline> {
    let id = match is_file(campaign) {
        true => of(campaign, store, context)?.campaign.to_string(),
        false => campaign.to_owned(),
    };
    context.block_on(loader::outline(&**store, &id))
}
