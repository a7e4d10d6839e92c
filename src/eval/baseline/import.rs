//! From a delivery to a baseline.
//!
//! Takes a source, its index, what was asked for, a policy on licences, and a judge. Returns a [`Baseline`] in the
//! store.
//!
//! # Invariants
//!
//! One picture at a time is in memory, and what is said of a hundred; each is judged exactly as one of ours, here or
//! by others; a picture that is refused is named with its reason and takes no other with it.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use image::RgbImage;
use serde::{Deserialize, Serialize};

use super::file_names::FileNames;
use super::index::IndexRow;
use super::source::{ABSENT, PICTURE_BYTES};
use super::stored::{PART, VERSION, write_part};
use super::{Baseline, BaselineItem, DeliveryIndex, DeliverySource, Refused, image};
use crate::appearance::Appearance;
use crate::appearance::picture;
use crate::base::digest::Digest;
use crate::base::error::{Error, Result};
use crate::base::names::Name;
use crate::base::time::Timestamp;
use crate::base::{limits, text};
use crate::campaign::provenance;
use crate::eval::evaluation::{Brief, DeliveryFacts};
use crate::pipeline::ScoringTarget;
use crate::pipeline::scores::Scores;
use crate::plan::{CampaignId, Job, Plan, Unscored};
use crate::rights::Policy;
use crate::spec::words;
use crate::store::Store;

/// Most bytes of all pictures of one delivery.
const TOTAL_BYTES: u64 = 8 << 30;

/// The briefs of a campaign that a delivery may answer.
#[derive(Clone, Debug)]
pub struct RequestedBriefs {
    /// The campaign's id.
    pub campaign: CampaignId,
    /// The bundle it is for.
    pub bundle: Name,
    /// That bundle's digest.
    pub digest: Digest,
    /// Its briefs by style and category (in words, lower case), with the prompt that says what is shown.
    briefs: BTreeMap<(String, String), (Brief, String)>,
}

impl RequestedBriefs {
    /// The briefs of a plan.
    pub fn of(plan: &Plan) -> Self {
        let brief = |job: &Job| {
            let brief = Brief { category: job.category.clone(), style: job.style.clone() };
            (key(&brief), (brief, job.prompts.category.clone()))
        };
        let briefs = plan.jobs.iter().map(brief).collect();
        Self { campaign: plan.campaign.clone(), bundle: plan.bundle.clone(), digest: plan.digest, briefs }
    }

    /// The brief that a row answers, in the campaign's own words, or why there is none.
    fn brief(&self, row: &Brief) -> Result<(&Brief, &str), String> {
        let found = self.briefs.get(&key(row));
        found.map(|(brief, prompt)| (brief, prompt.as_str())).ok_or_else(|| {
            let styles: BTreeSet<&str> = self.briefs.values().map(|(brief, _)| brief.style.as_str()).collect();
            match styles.contains(row.style.as_str()) {
                false => {
                    let near =
                        text::nearest(&row.style, styles).map(|near| format!(" (`{near}`?)")).unwrap_or_default();
                    format!("answers no brief: {} asks for no style {}{near}", self.campaign, text::show(&row.style))
                }
                true => {
                    let known: BTreeSet<&str> =
                        self.briefs.values().map(|(brief, _)| brief.category.as_str()).collect();
                    let near =
                        text::nearest(&row.category, known).map(|near| format!(" (`{near}`?)")).unwrap_or_default();
                    let (category, style) = (text::show(&row.category), &row.style);
                    format!("answers no brief: {} asks for no {category} in {style}{near}", self.campaign)
                }
            }
        })
    }
}

/// What makes two briefs the same, however the category is written: `red apple` is `Red-Apple`.
fn key(brief: &Brief) -> (String, String) {
    (brief.style.clone(), words(&brief.category).to_lowercase())
}

/// Pictures that are sent for scoring at once: enough to keep several workers busy, few enough to wait for.
const TOGETHER: usize = 128;

/// Where pictures are scored.
pub enum ScoringBackend<'a> {
    /// This process, each picture as it is read.
    Here(&'a mut dyn FnMut(ScoringTarget<'_>, &RgbImage) -> Result<Scores>),
    /// Workers, which read the pictures from the store.
    Remote(&'a dyn RemoteScorer),
}

/// Scores pictures of a baseline that are in the store already.
#[async_trait]
pub trait RemoteScorer: Send + Sync {
    /// Returns the outcome of each picture, in the same order.
    async fn judge(&self, pictures: Vec<Unscored>) -> Result<Vec<ScoringOutcome>>;
}

/// The outcome of scoring one picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ScoringOutcome {
    /// The evaluator's scores.
    Scored(Box<Scores>),
    /// The reason that it cannot be scored.
    Refused(String),
}

/// A picture in the store that has no scores yet.
struct Unjudged {
    asked: Unscored,
    file: String,
    delivered: Digest,
    width: u32,
    height: u32,
    brief: Brief,
    delivery: DeliveryFacts,
    looks: Appearance,
}

impl Unjudged {
    fn scored(self, scores: Scores) -> BaselineItem {
        let Self { asked: Unscored { id, sha256, .. }, file, delivered, width, height, brief, delivery, looks } = self;
        BaselineItem { id, file, delivered, sha256, width, height, brief, delivery, scores, looks }
    }
}

/// The inputs of an import.
pub struct Import<'a> {
    /// The store that the baseline is written to.
    pub store: &'a dyn Store,
    /// The baseline's name.
    pub name: &'a Name,
    /// The brief that it answers.
    pub asked: &'a RequestedBriefs,
    /// The policy on licences.
    pub policy: &'a Policy,
    /// Where pictures are scored.
    pub judge: ScoringBackend<'a>,
}

/// Counts of what has been read so far.
#[derive(Default)]
struct Seen {
    /// The names of the delivery's files.
    names: FileNames,
    pictures: BTreeMap<Digest, String>,
    bytes: u64,
}

/// The items and refusals so far.
#[derive(Default)]
struct Done {
    /// What is said of pictures that are not in a part yet.
    items: Vec<BaselineItem>,
    parts: Vec<Digest>,
    pictures: usize,
    briefs: BTreeSet<Brief>,
    refused: Vec<Refused>,
}

impl Done {
    fn accept(&mut self, item: BaselineItem) {
        self.pictures += 1;
        self.briefs.insert(item.brief.clone());
        self.items.push(item);
    }

    /// Writes as many of the items that wait as fill parts, and the rest too if `all` are in.
    async fn put_down(&mut self, store: &dyn Store, name: &Name, all: bool) -> Result<()> {
        while self.items.len() >= PART || all && !self.items.is_empty() {
            let part: Vec<BaselineItem> = self.items.drain(..PART.min(self.items.len())).collect();
            self.parts.push(write_part(store, name, &part).await?);
        }
        Ok(())
    }

    fn refuse(&mut self, file: &str, reason: String) {
        self.refused.push(Refused { file: text::escape(file), reason });
    }
}

impl Import<'_> {
    /// Imports what the index lists; `step` hears (done, total) after every row and may break off with an error.
    pub async fn run(
        mut self,
        source: &mut DeliverySource,
        index: DeliveryIndex,
        step: &mut dyn FnMut(usize, usize) -> Result<()>,
    ) -> Result<Baseline> {
        let DeliveryIndex { rows, refused, .. } = index;
        let total = rows.len();
        let mut done = Done { refused, ..Done::default() };
        let mut seen = Seen { names: FileNames::new(source.names().await?), ..Seen::default() };
        let mut waiting = Vec::new();
        for (count, row) in rows.into_iter().enumerate() {
            let file = row.file.clone();
            match self.take_in(source, row, &mut seen).await? {
                Err(reason) => done.refuse(&file, reason),
                Ok((unjudged, picture)) => match &mut self.judge {
                    ScoringBackend::Here(judge) => match judge((&unjudged.asked).into(), &picture) {
                        Ok(scores) => done.accept(unjudged.scored(scores)),
                        Err(error) if error.is_about_the_input() => {
                            let refused = ScoringOutcome::Refused(error.chain());
                            self.settle(vec![unjudged], vec![refused], &mut done).await?;
                        }
                        Err(error) => return Err(error),
                    },
                    ScoringBackend::Remote(_) => waiting.push(unjudged),
                },
            }
            if waiting.len() == TOGETHER {
                self.have_judged(std::mem::take(&mut waiting), &mut done).await?;
            }
            done.put_down(self.store, self.name, false).await?;
            step(count + 1, total)?;
        }
        self.have_judged(waiting, &mut done).await?;
        done.put_down(self.store, self.name, true).await?;
        let Done { parts, pictures, briefs, refused, .. } = done;
        if pictures == 0 {
            let first = refused.first().map(|r| format!("{}: {}", r.file, r.reason));
            let first = first.unwrap_or_else(|| "its index is empty".into());
            return Err(Error::invalid(format!("nothing of the delivery could be imported: {first}"))
                .hint("correct the index, or name another with --index FILE"));
        }
        let Self { store, name, asked, .. } = self;
        let baseline = Baseline {
            version: VERSION,
            name: name.clone(),
            housestyle: env!("CARGO_PKG_VERSION").into(),
            imported_at: Timestamp::now(),
            campaign: asked.campaign.clone(),
            bundle: asked.bundle.clone(),
            digest: asked.digest,
            pictures,
            briefs: briefs.len(),
            parts,
            refused,
        };
        baseline.save(store).await?;
        Ok(baseline)
    }

    /// Waits for the scores of these pictures.
    async fn have_judged(&self, waiting: Vec<Unjudged>, done: &mut Done) -> Result<()> {
        match &self.judge {
            ScoringBackend::Remote(others) if !waiting.is_empty() => {
                let judgements = others.judge(waiting.iter().map(|unjudged| unjudged.asked.clone()).collect()).await?;
                self.settle(waiting, judgements, done).await
            }
            _ => Ok(()),
        }
    }

    async fn settle(&self, judged: Vec<Unjudged>, judgements: Vec<ScoringOutcome>, done: &mut Done) -> Result<()> {
        for (unjudged, judgement) in judged.into_iter().zip(judgements) {
            match judgement {
                ScoringOutcome::Scored(scores) => done.accept(unjudged.scored(*scores)),
                ScoringOutcome::Refused(reason) => {
                    self.store.delete(&image(self.name, &unjudged.asked.id)?).await?;
                    done.refuse(&unjudged.file, reason);
                }
            }
        }
        Ok(())
    }

    /// Stores one picture, or returns the reason for refusing it; the outer error ends the import.
    async fn take_in(
        &mut self,
        source: &mut DeliverySource,
        row: IndexRow,
        seen: &mut Seen,
    ) -> Result<Result<(Unjudged, RgbImage), String>> {
        // What is cheap to refuse first.
        let (brief, prompt) = match self.asked.brief(&row.brief) {
            Ok(found) => found,
            Err(reason) => return Ok(Err(reason)),
        };
        if let Err(reason) = self.policy.admit(&row.claim) {
            return Ok(Err(format!("its rights are not settled: it {reason}")));
        }
        let bytes = match seen.names.find(&row.file) {
            Ok(name) => source.read(name, PICTURE_BYTES).await?,
            // The file itself may say more of why it cannot be read, as a link does.
            Err(absent) => source.read(&row.file, PICTURE_BYTES).await?.map_err(|reason| match reason.as_str() {
                ABSENT => absent,
                _ => reason,
            }),
        };
        let bytes = match bytes {
            Ok(bytes) => bytes,
            Err(reason) => return Ok(Err(reason)),
        };
        seen.bytes += bytes.len() as u64;
        if seen.bytes > TOTAL_BYTES {
            return Err(Error::invalid(format!("the delivery has more than {TOTAL_BYTES} bytes of pictures")));
        }
        let delivered = Digest::of(&bytes);
        if let Some(before) = seen.pictures.get(&delivered) {
            return Ok(Err(format!("is the same picture as {}", text::show(before))));
        }
        let picture = match picture::decode_small(&bytes, &row.file, limits::PICTURE_SIZE) {
            Ok(picture) => picture,
            Err(error) => return Ok(Err(error.chain())),
        };
        drop(bytes);
        let stem = text::slug(&format!("{}-{}", brief.category, brief.style), limits::STEM);
        let id = format!("{stem}-{}", &delivered.hex()[..8]);
        let mut texts = vec![("Source", row.file.clone())];
        texts.extend(
            row.delivery.holder.clone().map(|holder| ("Copyright", format!("{holder}, {}", row.delivery.licence))),
        );
        let kept = provenance::encode_with(&picture, &texts)?;
        let asked = Unscored {
            id: id.clone(),
            sha256: Digest::of(&kept),
            style: brief.style.clone(),
            category: brief.category.clone(),
            prompt: prompt.to_owned(),
        };
        let unjudged = Unjudged {
            asked,
            file: row.file.clone(),
            delivered,
            width: picture.width(),
            height: picture.height(),
            brief: brief.clone(),
            delivery: row.delivery,
            looks: Appearance::of(&picture),
        };
        self.store.put(&image(self.name, &id)?, kept.into()).await?;
        seen.pictures.insert(delivered, row.file);
        Ok(Ok((unjudged, picture)))
    }
}
