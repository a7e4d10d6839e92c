//! From a delivery to a baseline.
//!
//! In: a source, its index, what was asked for, a policy on licences, and a judge. Out: a [`Baseline`] in the store.
//! Always holds: one picture at a time is in memory; each is judged exactly as one of ours; a picture that is refused is named
//! with its reason and takes no other with it.

use std::collections::{BTreeMap, BTreeSet};

use image::RgbImage;

use super::index::Row;
use super::source::PICTURE_BYTES;
use super::{Baseline, Index, Item, Refused, Source, VERSION, image};
use crate::error::{Error, Result};
use crate::eval::evaluation::Brief;
use crate::looks::Looks;
use crate::pipeline::Wanted;
use crate::plan::{Job, Plan};
use crate::rights::Policy;
use crate::spec::{Digest, Name, Timestamp, limits, text, words};
use crate::store::sidecar::Scores;
use crate::store::{Store, png};

/// Bytes of all pictures of one delivery.
const TOTAL_BYTES: u64 = 8 << 30;

/// What a campaign asks for.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The campaign's id.
    pub campaign: String,
    /// The bundle it is for.
    pub bundle: String,
    /// That bundle's digest.
    pub digest: Digest,
    /// Its briefs by style and category (in words, lower case), with the prompt that says what is shown.
    briefs: BTreeMap<(String, String), (Brief, String)>,
}

impl Asked {
    /// The briefs of a plan.
    pub fn of(plan: &Plan) -> Self {
        let brief = |job: &Job| {
            let brief = Brief { category: job.category.clone(), style: job.style.clone() };
            (key(&brief), (brief, job.prompts.category.clone()))
        };
        let briefs = plan.jobs.iter().map(brief).collect();
        Self { campaign: plan.campaign.to_string(), bundle: plan.bundle.clone(), digest: plan.digest.clone(), briefs }
    }

    /// The brief that a row answers, in the campaign's own words, or why there is none.
    fn brief(&self, row: &Brief) -> Result<(&Brief, &str), String> {
        let found = self.briefs.get(&key(row));
        found.map(|(brief, prompt)| (brief, prompt.as_str())).ok_or_else(|| {
            let styles: BTreeSet<&str> = self.briefs.values().map(|(brief, _)| brief.style.as_str()).collect();
            match styles.contains(row.style.as_str()) {
                false => {
                    let near = text::nearest(&row.style, styles).map(|near| format!(" (`{near}`?)")).unwrap_or_default();
                    format!("answers no brief: {} asks for no style {}{near}", self.campaign, text::show(&row.style))
                }
                true => {
                    let known: BTreeSet<&str> = self.briefs.values().map(|(brief, _)| brief.category.as_str()).collect();
                    let near = text::nearest(&row.category, known).map(|near| format!(" (`{near}`?)")).unwrap_or_default();
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

/// Says what the evaluator sees in a picture.
pub type Judge<'a> = &'a mut dyn FnMut(Wanted<'_>, &RgbImage) -> Result<Scores>;

/// What an import works with.
pub struct Import<'a> {
    /// Where the baseline goes.
    pub store: &'a dyn Store,
    /// How it is called.
    pub name: &'a Name,
    /// What it answers.
    pub asked: &'a Asked,
    /// Which licences are fine.
    pub policy: &'a Policy,
    /// Who judges.
    pub judge: Judge<'a>,
}

/// What has been read so far.
#[derive(Default)]
struct Seen {
    pictures: BTreeMap<Digest, String>,
    bytes: u64,
}

impl Import<'_> {
    /// Imports what the index lists; `step` hears (done, total) after every row and may break off with an error.
    pub async fn run(
        mut self,
        source: &mut Source,
        index: Index,
        step: &mut dyn FnMut(usize, usize) -> Result<()>,
    ) -> Result<Baseline> {
        let Index { rows, mut refused, .. } = index;
        let total = rows.len();
        let (mut items, mut seen) = (Vec::new(), Seen::default());
        for (done, row) in rows.into_iter().enumerate() {
            let file = row.file.clone();
            match self.one(source, row, &mut seen).await? {
                Ok(item) => items.push(item),
                Err(reason) => refused.push(Refused { file: text::escape(&file), reason }),
            }
            step(done + 1, total)?;
        }
        if items.is_empty() {
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
            digest: asked.digest.clone(),
            items,
            refused,
        };
        baseline.save(store).await?;
        Ok(baseline)
    }

    /// Imports one picture, or says why not; the outer error ends the import.
    async fn one(&mut self, source: &mut Source, row: Row, seen: &mut Seen) -> Result<Result<Item, String>> {
        // What is cheap to refuse first.
        let (brief, prompt) = match self.asked.brief(&row.brief) {
            Ok(found) => found,
            Err(reason) => return Ok(Err(reason)),
        };
        if let Err(reason) = self.policy.admit(&row.claim) {
            return Ok(Err(format!("its rights are not settled: it {reason}")));
        }
        let bytes = match source.read(&row.file, PICTURE_BYTES).await? {
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
        let picture = match png::decode_small(&bytes, &row.file, limits::PICTURE_SIZE) {
            Ok(picture) => picture,
            Err(error) => return Ok(Err(error.chain())),
        };
        drop(bytes);
        let wanted = Wanted { style: &brief.style, category: &brief.category, prompt };
        let scores = match (self.judge)(wanted, &picture) {
            Err(error) if error.is_about_the_input() => return Ok(Err(error.chain())),
            scores => scores?,
        };
        let stem = text::slug(&format!("{}-{}", brief.category, brief.style), limits::STEM);
        let id = format!("{stem}-{}", &delivered.hex()[..8]);
        let mut texts = vec![("Source", row.file.clone())];
        texts.extend(row.delivery.holder.clone().map(|holder| ("Copyright", format!("{holder}, {}", row.delivery.licence))));
        let kept = png::encode_with(&picture, &texts)?;
        let item = Item {
            id: id.clone(),
            file: row.file.clone(),
            delivered: delivered.clone(),
            sha256: Digest::of(&kept).hex().to_owned(),
            width: picture.width(),
            height: picture.height(),
            brief: brief.clone(),
            delivery: row.delivery,
            scores,
            looks: Looks::of(&picture),
        };
        self.store.put(&image(self.name, &id)?, kept).await?;
        seen.pictures.insert(delivered, row.file);
        Ok(Ok(item))
    }
}
