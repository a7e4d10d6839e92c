//! Turns a campaign's draft into its plan, with every problem found. `check`, `plan`, `run` and the workers share it,
//! so that they refuse the same campaigns with the same messages and exit code.
//!
//! Takes a draft and a store; returns a `PreparedCampaign` or a `Failure`.
//!
//! # Invariants
//! Nothing is generated and no model is loaded; problems that need the bundle are returned together with the others.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::failure::{AppResult, Failure};
use super::resources::App;
use crate::base::error;
use crate::eval::loader;
use crate::io::blocking;
use crate::pipeline::bundle::{Bundle, TOKENIZER};
use crate::pipeline::tokenize::Tokenizer;
use crate::plan::{self, Plan, PlanOutline, StyleCatalog};
use crate::spec::{Campaign, CampaignDraft, Problem};
use crate::store::Store;

/// The request to plan a campaign.
#[derive(Clone, Debug)]
pub(crate) struct PlanRequest {
    /// The campaign file (YAML).
    pub file: PathBuf,
    /// The store's folder or `s3://BUCKET/PREFIX`; `None`: the setting `out`.
    pub out: Option<String>,
}

/// A campaign with its verified bundle and its plan.
#[derive(Debug)]
pub(crate) struct PreparedCampaign {
    /// The campaign.
    pub campaign: Campaign,
    /// The campaign's bundle, verified.
    pub bundle: Bundle,
    /// The campaign's plan.
    pub plan: Plan,
    /// Problems of rights and budget, for which the campaign may not be made.
    pub refused: Vec<Problem>,
}

/// The result of checking a campaign against its bundle.
struct Compared {
    bundle: Bundle,
    catalog: StyleCatalog,
    problems: Vec<Problem>,
    /// The plan; `None` if the bundle cannot serve the campaign.
    plan: Option<Plan>,
}

impl App {
    /// Plans the campaign of a file; problems of rights and budget are in the result.
    ///
    /// # Errors
    /// Returns every problem of the file, and the error of its bundle or of the store.
    pub async fn plan(&self, request: PlanRequest) -> AppResult<PreparedCampaign> {
        let store = self.store(request.out.as_deref()).await?;
        self.plan_draft(load_draft(&request.file).await?, &store).await
    }

    /// Plans a campaign from its draft.
    ///
    /// # Errors
    /// Returns every problem of the file, and the error of its bundle or of the store.
    pub(super) async fn plan_draft(&self, draft: CampaignDraft, store: &Arc<dyn Store>) -> AppResult<PreparedCampaign> {
        let compared = match draft.readable() {
            Some(campaign) => self.compare(campaign, store).await.map(Some),
            None => Ok(None),
        };
        let (found, compared, error) = match compared {
            Ok(Some(Compared { bundle, catalog, mut problems, plan })) => {
                // It will not be planned, so its rights are checked here and reported with the other problems.
                if let Some(campaign) = draft.readable().filter(|_| !draft.is_whole() || !problems.is_empty()) {
                    problems.extend(plan::check_rights(campaign, &catalog));
                }
                (problems, Some((bundle, catalog, plan)), None)
            }
            Ok(None) => (Vec::new(), None, None),
            Err(error) => (Vec::new(), None, Some(error)),
        };
        let (campaign, bundle, catalog, plan) = match (draft.finish(found), compared, error) {
            (Ok(campaign), Some((bundle, catalog, Some(plan))), None) => (campaign, bundle, catalog, plan),
            (result, _, error) => return Err(Failure::new(result.err().unwrap_or_default(), error)),
        };
        let mut refused = plan::check_rights(&campaign, &catalog);
        refused.extend(plan::check_budget(&campaign, &plan));
        Ok(PreparedCampaign { campaign, bundle, plan, refused: Problem::tidy(refused) })
    }

    /// Opens the campaign's bundle and checks the campaign against it.
    async fn compare(&self, campaign: &Campaign, store: &Arc<dyn Store>) -> error::Result<Compared> {
        let bundle = self.bundle(&campaign.bundle).await?;
        let catalog = self.style_catalog(&bundle, store).await?;
        let (campaign, rates) = (campaign.clone(), self.rates());
        blocking(move || {
            let tokenizer = Tokenizer::parse(&bundle.read(TOKENIZER)?, bundle.manifest().spec.tokenizer.max_length)?;
            let checked = plan::check(&campaign, &catalog, &rates).map(plan::plan);
            let (plan, mut problems) =
                checked.map_or_else(|problems| (None, problems), |plan| (Some(plan), Vec::new()));
            problems.extend(plan::check_prompts(&campaign, &catalog, |prompt| tokenizer.encode(prompt).map(drop))?);
            Ok(Compared { bundle, catalog, problems, plan })
        })
        .await
    }

    /// Returns the plan of a campaign that is named by its file, its id, or a name that no other campaign has.
    ///
    /// # Errors
    /// Returns an error if the file is invalid, or the store has no such campaign.
    pub(super) async fn plan_of(&self, campaign: &str, store: &Arc<dyn Store>) -> AppResult<Plan> {
        if is_file(campaign) {
            return Ok(self.plan_draft(load_draft(campaign).await?, store).await?.plan);
        }
        Ok(loader::plan(&**store, campaign).await?)
    }

    /// Returns the stored outline of a campaign that is named as in [`App::plan_of`].
    ///
    /// # Errors
    /// As [`App::plan_of`].
    pub(super) async fn outline_of(&self, campaign: &str, store: &Arc<dyn Store>) -> AppResult<PlanOutline> {
        let id = match is_file(campaign) {
            true => self.plan_of(campaign, store).await?.campaign.to_string(),
            false => campaign.to_owned(),
        };
        Ok(loader::outline(&**store, &id).await?)
    }
}

impl PreparedCampaign {
    /// Checks that rights and budget allow the campaign.
    ///
    /// # Errors
    /// Returns every problem of rights and budget.
    pub(crate) fn permitted(&self) -> AppResult<()> {
        if self.refused.is_empty() {
            return Ok(());
        }
        Err(Failure::from(self.refused.clone()).hint(
            "leave out styles whose rights are not cleared; ask for fewer images or steps, or raise the budget; \
             `housestyle plan` shows rights and estimate",
        ))
    }
}

/// Reads a campaign file.
///
/// # Errors
/// Returns an error only if the blocking task fails; problems of the file are in the draft.
pub(super) async fn load_draft(path: impl AsRef<Path>) -> error::Result<CampaignDraft> {
    let path = path.as_ref().to_owned();
    blocking(move || Ok(CampaignDraft::load(&path))).await
}

/// Returns whether a campaign is named by its file.
fn is_file(campaign: &str) -> bool {
    campaign.ends_with(".yaml") || campaign.ends_with(".yml")
}
