//! What is written once a campaign is complete: the manifest and the contact sheet.
//!
//! In: every job's sidecar. Out: `manifest.jsonl`, `manifest.parquet` and `contact-sheet.png` in the store.
//! Always holds: after it, each job has exactly one outcome in the store: images that a killed run left without a sidecar
//! are gone. Written again, the files are the same.

use crate::appearance::picture;
use crate::base::digest::{Digest, bare_digest};
use std::collections::{BTreeSet, HashMap};

use image::RgbImage;
use serde::Serialize;

use crate::base::error::{Error, Result};
use crate::campaign::layout::{Layout, Shelf};
use crate::campaign::sidecar::{Outcome, Sidecar};
use crate::campaign::{commit, contact_sheet, provenance, table};
use crate::plan::Job;
use crate::store::{Key, Store};

/// One line of `manifest.jsonl`.
#[derive(Serialize)]
struct Line<'a> {
    job: String,
    category: &'a str,
    style: &'a str,
    index: u32,
    outcome: Outcome,
    /// Relative to the campaign's folder.
    image: Option<String>,
    sidecar: String,
    #[serde(with = "bare_digest::option")]
    sha256: Option<Digest>,
    seed: u64,
    attempt: Option<u32>,
    attempts: usize,
    style_score: Option<f32>,
    category_score: Option<f32>,
    licences: Vec<&'a str>,
}

/// Every finished job's sidecar, in the plan's order.
pub async fn collect(store: &dyn Store, jobs: &[Job]) -> Result<Vec<Sidecar>> {
    let mut sidecars = Vec::with_capacity(jobs.len());
    for job in jobs {
        sidecars.extend(commit::find_finished(store, job).await?);
    }
    Ok(sidecars)
}

/// Writes manifest and contact sheet; every job must have its sidecar.
pub async fn finish(store: &dyn Store, layout: &Layout, title: &str, sidecars: &[Sidecar]) -> Result<()> {
    remove_orphans(store, layout, sidecars).await?;
    let mut manifest = Vec::new();
    for sidecar in sidecars {
        serde_json::to_writer(&mut manifest, &line(sidecar))
            .map_err(|e| Error::internal("cannot write the manifest as JSON").caused_by(e))?;
        manifest.push(b'\n');
    }
    let images = sheet_images(store, layout, sidecars).await?;
    let sheet = contact_sheet::draw(title, sidecars, &images);
    store.put(&layout.contact_sheet()?, provenance::encode_sheet(&sheet, title)?).await?;
    store.put(&layout.manifest_table()?, table::write(sidecars)?).await?;
    store.put(&layout.manifest()?, manifest).await
}

fn line(sidecar: &Sidecar) -> Line<'_> {
    let (job, shelf) = (&sidecar.job, commit::shelf(sidecar.outcome).name());
    let scores = sidecar.chosen_scores();
    Line {
        job: job.id.to_string(),
        category: job.category.as_str(),
        style: job.style.as_str(),
        index: job.index,
        outcome: sidecar.outcome,
        image: sidecar.image.as_ref().map(|image| format!("{shelf}/{}", image.file)),
        sidecar: format!("{shelf}/{}.json", job.stem),
        sha256: sidecar.image.as_ref().map(|image| image.sha256),
        seed: job.seed,
        attempt: sidecar.chosen,
        attempts: sidecar.attempts.len(),
        style_score: scores.and_then(|s| s.style),
        category_score: scores.and_then(|s| s.category),
        licences: sidecar.rights.iter().map(|r| r.licence.as_str()).collect(),
    }
}

/// Deletes images of our jobs that no sidecar names; files of others are theirs.
async fn remove_orphans(store: &dyn Store, layout: &Layout, sidecars: &[Sidecar]) -> Result<()> {
    let mut there: BTreeSet<Key> = BTreeSet::new();
    for shelf in Shelf::ALL {
        there.extend(store.list(&layout.shelf(shelf)?).await?);
    }
    for sidecar in sidecars {
        let named = sidecar.image.is_some().then(|| commit::shelf(sidecar.outcome));
        for shelf in Shelf::ALL.into_iter().filter(|shelf| Some(*shelf) != named) {
            let key = layout.image(shelf, &sidecar.job.stem)?;
            if there.contains(&key) {
                store.delete(&key).await?;
            }
        }
    }
    Ok(())
}

/// The images the contact sheet shows, by stem.
async fn sheet_images(store: &dyn Store, layout: &Layout, sidecars: &[Sidecar]) -> Result<HashMap<String, RgbImage>> {
    let mut images = HashMap::new();
    for sidecar in contact_sheet::shown(sidecars) {
        if sidecar.image.is_none() {
            continue;
        }
        let key = layout.image(commit::shelf(sidecar.outcome), &sidecar.job.stem)?;
        if let Some(bytes) = store.get(&key).await? {
            images.insert(sidecar.job.stem.clone(), picture::decode(&bytes, key.as_str())?);
        }
    }
    Ok(images)
}
