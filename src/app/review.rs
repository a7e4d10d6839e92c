//! Runs blind reviews: people compare the campaign's images with bought ones without knowing which is which.
//!
//! # Invariants
//! The key that says which side each image is on stays in the store; votes are only added, never changed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use super::evaluate::EvaluateRequest;
use super::failure::AppResult;
use super::report::write_text;
use super::resources::App;
use crate::base::error::{self, Error};
use crate::base::names::Name;
use crate::base::random;
use crate::eval::evaluation::{Arm, AssetScore};
use crate::eval::run::settings;
use crate::eval::{Baseline, Evaluation};
use crate::html::{Lang, Thumbnail, thumbnail};
use crate::io::{blocking, files};
use crate::plan::CampaignId;
use crate::review::{Ballot, BallotQuestion, CastBallot, Handout, Reviews, VoteTally, ballot_page, tally};
use crate::store::{Key, Store};

/// Size limit of a file of votes in bytes; a real one has a few kilobytes.
const MAX_BYTES: u64 = 1 << 20;
/// Longest side of a picture on a sheet, in pixels.
const SIDE: u32 = 384;

/// The request to write a review sheet.
#[derive(Clone, Debug)]
pub(crate) struct SheetRequest {
    /// The evaluation whose images are compared; it needs a baseline.
    pub evaluation: EvaluateRequest,
    /// The person who votes.
    pub rater: String,
    /// Number of pairs on the sheet, at most.
    pub pairs: usize,
    /// The sheet's language.
    pub lang: Lang,
    /// The HTML page to write.
    pub to: PathBuf,
}

/// A written review sheet, without the key to the sides.
#[derive(Debug, Serialize)]
pub(crate) struct WrittenSheet {
    /// The sheet's id.
    pub sheet: String,
    /// The person who votes.
    pub rater: String,
    /// Number of pairs on the sheet.
    pub pairs: usize,
    /// The HTML page.
    pub file: String,
    /// The campaign's id.
    #[serde(skip)]
    pub campaign: CampaignId,
    /// The baseline's name.
    #[serde(skip)]
    pub baseline: String,
}

/// Names a review by its campaign and baseline.
#[derive(Clone, Debug)]
pub(crate) struct ReviewRequest {
    /// The campaign: its file (YAML), its id, or its name if no other campaign has it.
    pub campaign: String,
    /// The baseline that the campaign is compared with.
    pub baseline: Name,
    /// The store's folder or `s3://BUCKET/PREFIX`; `None`: the setting `out`.
    pub out: Option<String>,
}

/// The result of importing one file of votes.
#[derive(Debug)]
pub(crate) struct VotesFile {
    /// The file.
    pub file: String,
    /// The votes that were added, or the error for which the file was refused.
    pub result: error::Result<CastBallot>,
}

impl App {
    /// Writes a review sheet: one HTML page, with the sides hidden and shuffled.
    ///
    /// # Errors
    /// As [`App::evaluate`], and if there is no baseline, there are no pairs, or the page cannot be written.
    pub(crate) async fn write_sheet(&self, request: SheetRequest) -> AppResult<WrittenSheet> {
        let SheetRequest { evaluation, rater, pairs, lang, to } = request;
        if evaluation.baseline.is_none() {
            let error = Error::invalid("a review needs a baseline");
            return Err(error.hint("name a baseline with --baseline NAME").into());
        }
        let out = evaluation.out.clone();
        let evaluation = self.evaluate(evaluation).await?;
        let store = self.store(out.as_deref()).await?;
        let baseline = evaluation.outsourced.as_ref().map(|facts| facts.name.clone()).unwrap_or_default();
        let reviews = Reviews::new(&*store, &evaluation.campaign, &baseline)?;
        let handout = reviews.hand_out(&evaluation, &rater, pairs, &random::hex::<32>()?).await?;
        let pictures = sheet_pictures(&handout, &evaluation, &*store).await?;
        let (sheet, rater, pairs) = (handout.sheet.clone(), handout.rater.clone(), handout.questions.len());
        let file = blocking(move || {
            let page = ballot_page::page(&handout, lang, |arm, id| {
                let picture = pictures.iter().find(|picture| picture.arm == arm && picture.id == id);
                picture.map(|picture| picture.thumbnail.clone())
            });
            write_text(&to, &page)
        });
        Ok(WrittenSheet { file: file.await?, sheet, rater, pairs, campaign: evaluation.campaign, baseline })
    }

    /// Imports the votes of files that review sheets saved; returns the result of each file.
    ///
    /// # Errors
    /// Returns an error if the review is missing or the store cannot be read; a refused file is in the result.
    pub(crate) async fn import_votes(&self, request: ReviewRequest, files: Vec<PathBuf>) -> AppResult<Vec<VotesFile>> {
        let store = self.store(request.out.as_deref()).await?;
        let campaign = self.reviewed_campaign(&request, &store).await?;
        let reviews = Reviews::new(&*store, &campaign, request.baseline.as_str())?;
        let mut imported = Vec::new();
        for path in files {
            let file = path.display().to_string();
            let result = async { reviews.cast(&blocking(move || read_ballot(&path)).await?).await }.await;
            match result {
                Err(error) if !error.is_about_the_input() => return Err(error.into()),
                result => imported.push(VotesFile { file, result }),
            }
        }
        Ok(imported)
    }

    /// Counts the votes; returns `None` while there are none.
    ///
    /// # Errors
    /// Returns an error if the review is missing or the store cannot be read.
    pub(crate) async fn count_votes(&self, request: ReviewRequest) -> AppResult<Option<VoteTally>> {
        let store = self.store(request.out.as_deref()).await?;
        let campaign = self.reviewed_campaign(&request, &store).await?;
        let ballots = Reviews::new(&*store, &campaign, request.baseline.as_str())?.all().await?;
        let usual = settings();
        Ok(blocking(move || Ok(tally(&ballots, usual.least_briefs, usual.seed))).await?)
    }

    /// Returns the campaign's id, and checks that the baseline exists.
    async fn reviewed_campaign(&self, request: &ReviewRequest, store: &Arc<dyn Store>) -> AppResult<CampaignId> {
        Baseline::load(&**store, &request.baseline).await?;
        Ok(self.plan_of(&request.campaign, store).await?.campaign)
    }
}

/// A picture on a sheet.
struct SheetPicture {
    arm: Arm,
    id: String,
    thumbnail: Thumbnail,
}

async fn sheet_pictures(
    handout: &Handout,
    evaluation: &Evaluation,
    store: &dyn Store,
) -> error::Result<Vec<SheetPicture>> {
    let asked = |question: &BallotQuestion| {
        [(Arm::InHouse, question.in_house.clone()), (Arm::Outsourced, question.outsourced.clone())]
    };
    let asked: BTreeSet<(Arm, String)> = handout.questions.iter().flat_map(asked).collect();
    let mut shown = Vec::new();
    for asset in evaluation.assets.iter() {
        let AssetScore { arm, id, image, .. } = asset?;
        let Some(name) = image.filter(|_| asked.contains(&(arm, id.clone()))) else { continue };
        if let Some(bytes) = store.get(&Key::new(&name)?).await? {
            let thumbnail = blocking(move || thumbnail(&bytes, &name, SIDE)).await?;
            shown.push(SheetPicture { arm, id, thumbnail });
        }
    }
    Ok(shown)
}

fn read_ballot(path: &Path) -> error::Result<Ballot> {
    let shown = path.display();
    let bytes =
        files::read(path, MAX_BYTES).map_err(|e| Error::invalid(format!("cannot read {shown}")).caused_by(e))?;
    serde_json::from_slice(&bytes).map_err(|e| {
        Error::invalid(format!("{shown} does not hold the votes of a sheet"))
            .caused_by(e)
            .hint("name the JSON file that the sheet's button saved")
    })
}
