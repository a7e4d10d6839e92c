//! Finishes a complete campaign: writes its manifests and contact sheet, and removes images that no sidecar names.
//!
//! # Invariants
//!
//! Afterwards each job has exactly one outcome in the store. Finishing is idempotent. The manifest is written last, so
//! its existence implies that everything else is written.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::TryStreamExt as _;
use image::RgbImage;
use serde::Serialize;

use crate::appearance::picture;
use crate::base::digest::{Digest, bare_digest};
use crate::base::error::{Error, Result};
use crate::base::stem::Stem;
use crate::campaign::contact_sheet::ContactSheet;
use crate::campaign::inventory::Inventory;
use crate::campaign::layout::{Layout, Shelf};
use crate::campaign::outcomes::Outcomes;
use crate::campaign::sidecar::{Outcome, Sidecar};
use crate::campaign::{provenance, table};
use crate::store::parallel::{delete_all, in_parallel};
use crate::store::{Key, Store};

/// One line of `manifest.jsonl`.
#[derive(Serialize)]
struct ManifestLine<'a> {
    job: String,
    category: &'a str,
    style: &'a str,
    index: u32,
    outcome: Outcome,
    /// The image's path, relative to the campaign's folder.
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

/// Writes the manifests and the contact sheet of a campaign in which every job has its sidecar in `outcomes`. Costs one
/// request for each image on the contact sheet, and a constant number of other requests.
///
/// # Errors
///
/// Fails if the store cannot be read or written to, or if an image on the contact sheet is damaged.
pub async fn finish(store: &Arc<dyn Store>, layout: &Layout, title: &str, outcomes: Arc<Outcomes>) -> Result<()> {
    delete_all(store, orphans(layout, &outcomes.sidecars, &outcomes.inventory)).await?;
    let sheet = Arc::new(ContactSheet::of(title, &outcomes.sidecars));
    let thumbnails = thumbnails(store, layout, &sheet, &outcomes).await?;
    let (title, of) = (title.to_owned(), Arc::clone(&outcomes));
    let files = off_thread(move || {
        Ok(Files {
            sheet: provenance::encode_sheet(&sheet.draw(&thumbnails), &title)?,
            table: table::write(&of.sidecars)?,
            manifest: manifest(&of.sidecars)?,
        })
    })
    .await?;
    store.put(&layout.contact_sheet(), files.sheet.into()).await?;
    store.put(&layout.manifest_table(), files.table.into()).await?;
    store.put(&layout.manifest(), files.manifest.into()).await
}

/// The contents of the files that a complete campaign has beside its assets.
struct Files {
    sheet: Vec<u8>,
    table: Vec<u8>,
    manifest: Vec<u8>,
}

async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let joined = tokio::task::spawn_blocking(work).await;
    joined.map_err(|e| Error::internal("finishing a campaign ended unexpectedly").caused_by(e))?
}

fn manifest(sidecars: &[Sidecar]) -> Result<Vec<u8>> {
    let mut manifest = Vec::new();
    for sidecar in sidecars {
        serde_json::to_writer(&mut manifest, &line(sidecar))
            .map_err(|e| Error::internal("cannot write the manifest as JSON").caused_by(e))?;
        manifest.push(b'\n');
    }
    Ok(manifest)
}

fn line(sidecar: &Sidecar) -> ManifestLine<'_> {
    let (job, shelf) = (&sidecar.job, sidecar.outcome.shelf().name());
    let scores = sidecar.chosen_scores();
    ManifestLine {
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

/// Returns the keys of images of these jobs that no sidecar names, as a killed run leaves them. Other files are kept.
fn orphans(layout: &Layout, sidecars: &[Sidecar], inventory: &Inventory) -> Vec<Key> {
    let of = |sidecar: &Sidecar| {
        let (stem, named) = (sidecar.job.stem.clone(), sidecar.image.is_some().then(|| sidecar.outcome.shelf()));
        let unnamed = Shelf::ALL.into_iter().filter(move |shelf| Some(*shelf) != named);
        unnamed.filter(|shelf| inventory.has_image(*shelf, &stem)).map(|shelf| layout.image(shelf, &stem)).collect()
    };
    sidecars.iter().flat_map(|sidecar| -> Vec<Key> { of(sidecar) }).collect()
}

/// Reads the images that the contact sheet shows and returns their thumbnails by stem. Each image is scaled down as
/// soon as it is read, to save memory.
async fn thumbnails(
    store: &Arc<dyn Store>,
    layout: &Layout,
    sheet: &Arc<ContactSheet>,
    outcomes: &Outcomes,
) -> Result<HashMap<Stem, RgbImage>> {
    let shown = sheet.shown(&outcomes.sidecars).filter(|sidecar| sidecar.image.is_some());
    let names: Vec<(Stem, Shelf)> = shown.map(|s| (s.job.stem.clone(), s.outcome.shelf())).collect();
    let read = in_parallel(names, |(stem, shelf)| {
        let (store, sheet, key) = (Arc::clone(store), Arc::clone(sheet), layout.image(shelf, &stem));
        async move {
            let Some(bytes) = store.get(&key).await? else { return Ok(None) };
            let small = off_thread(move || Ok(sheet.thumbnail(&picture::decode(&bytes, key.as_str())?))).await?;
            Ok(Some((stem, small)))
        }
    });
    read.try_filter_map(async |found| Ok(found)).try_collect().await
}
