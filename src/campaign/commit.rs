//! Commits a finished asset to the store: its image, then its sidecar.
//!
//! # Invariants
//!
//! The sidecar is written last, so a process that is killed leaves an asset either finished or not begun; if the
//! sidecar and the image it names exist, nothing is left to do.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use image::RgbImage;

use crate::appearance::Appearance;
use crate::base::digest::Digest;
use crate::base::error::{Error, Kind, Result};
use crate::base::names::Name;
use crate::campaign::layout::{Layout, Shelf};
use crate::campaign::outcomes::find_finished;
use crate::campaign::provenance;
use crate::campaign::sidecar::{Attempt, ImageFacts, Outcome, Sidecar};
use crate::plan::Job;
use crate::store::Store;

/// The bundle and execution provider that generated an image, as sidecars record them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GeneratorInfo {
    /// The bundle's name.
    pub bundle: Name,
    /// The bundle's digest; jobs with another digest are refused.
    pub digest: Digest,
    /// The execution provider that is used.
    pub provider: String,
}

/// The result of a job after its last attempt.
#[derive(Debug)]
pub struct JobResult {
    /// The job.
    pub job: Arc<Job>,
    /// Every attempt, in order.
    pub attempts: Vec<Attempt>,
    /// The chosen attempt; `None` if generation failed.
    pub chosen: Option<ChosenImage>,
    /// Seconds of work by stage.
    pub timings: BTreeMap<String, f64>,
}

/// The attempt whose image is kept.
#[derive(Debug)]
pub struct ChosenImage {
    /// The attempt's number, from 1.
    pub attempt: u32,
    /// The attempt's image.
    pub image: RgbImage,
}

impl JobResult {
    fn outcome(&self) -> Outcome {
        match self.attempts.last() {
            Some(last) if last.passed => Outcome::Accepted,
            _ if self.chosen.is_some() => Outcome::Rejected,
            _ => Outcome::Failed,
        }
    }

    fn reasons(&self) -> Vec<String> {
        if self.outcome() == Outcome::Accepted {
            return Vec::new();
        }
        let of = |a: &Attempt| a.reasons.iter().map(|r| format!("attempt {}: {r}", a.number)).collect::<Vec<_>>();
        self.attempts.iter().filter(|attempt| !attempt.passed).flat_map(of).collect()
    }
}

/// A finished asset that is not in the store yet.
#[derive(Debug)]
pub struct Asset {
    sidecar: Sidecar,
    /// The encoded image; `None` if generation failed.
    image: Option<Bytes>,
}

/// How often an incomplete commit of another worker is removed before giving up.
const ROUNDS: usize = 5;

impl Asset {
    /// Encodes a job's result as an image file and a sidecar.
    ///
    /// # Errors
    ///
    /// Fails if the image cannot be encoded.
    pub async fn encode(by: &GeneratorInfo, result: JobResult) -> Result<Self> {
        let mut sidecar = Sidecar::new((*result.job).clone(), &by.bundle, &by.provider, result.outcome());
        sidecar.reasons = result.reasons();
        sidecar.attempts = result.attempts;
        sidecar.timings = result.timings;
        let Some(ChosenImage { attempt: number, image }) = result.chosen else {
            return Ok(Self { sidecar, image: None });
        };
        let (width, height) = image.dimensions();
        let job = result.job;
        let encoding = tokio::task::spawn_blocking(move || {
            let bytes = Bytes::from(provenance::encode(&image, &job, number)?);
            Ok((Digest::of(&bytes), bytes, Appearance::of(&image)))
        });
        let (digest, bytes, looks) =
            encoding.await.map_err(|e| Error::internal("encoding an image ended unexpectedly").caused_by(e))??;
        sidecar.chosen = Some(number);
        let others = sidecar.attempts.iter_mut().filter(|attempt| attempt.number != number);
        others.filter_map(|attempt| attempt.scores.as_mut()).for_each(|scores| scores.fingerprint = None);
        sidecar.image = Some(ImageFacts {
            file: format!("{}.png", sidecar.job.stem),
            sha256: digest,
            bytes: bytes.len() as u64,
            width,
            height,
            looks: Some(looks),
        });
        Ok(Self { sidecar, image: Some(bytes) })
    }

    /// Writes the image, then the sidecar. Returns the sidecar that is in the store afterwards, which is another
    /// worker's if that worker was first. May be called again after an error.
    ///
    /// # Errors
    ///
    /// Fails if the store cannot be written to, or if other workers keep writing the same asset.
    pub async fn commit(&self, store: &dyn Store) -> Result<Sidecar> {
        let Self { sidecar, image } = self;
        let (layout, stem) = (Layout::of(&sidecar.job.campaign), &sidecar.job.stem);
        let (shelf, bytes) = (sidecar.outcome.shelf(), Bytes::from(sidecar.to_bytes()?));
        for _ in 0..ROUNDS {
            if let Some(image) = image {
                store.put(&layout.image(shelf, stem), image.clone()).await?;
            }
            if store.put_if_absent(&layout.sidecar(shelf, stem), bytes.clone()).await? {
                return self.resolve(store, &layout).await;
            }
            // Another worker's sidecar is kept if its image still matches. Our image may have replaced that one, with
            // other bytes from another execution provider; then that sidecar is removed, and the next round writes
            // ours.
            if let Some(theirs) = find_finished(store, &sidecar.job).await? {
                return Ok(theirs);
            }
        }
        Err(Error::new(Kind::Transient, format!("other workers keep writing {stem}")))
    }

    /// Removes one of two sidecars if another worker reached the other outcome: the accepted one is kept. The worker
    /// that writes later sees both, and both workers decide the same way.
    async fn resolve(&self, store: &dyn Store, layout: &Layout) -> Result<Sidecar> {
        let (stem, ours) = (&self.sidecar.job.stem, self.sidecar.outcome.shelf());
        let theirs = layout.sidecar(ours.other(), stem);
        let Some(bytes) = store.get(&theirs).await? else { return Ok(self.sidecar.clone()) };
        match (ours, Sidecar::from_bytes(&bytes, theirs.as_str())) {
            (Shelf::Rejected, Ok(accepted)) => {
                store.delete(&layout.sidecar(ours, stem)).await?;
                Ok(accepted)
            }
            _ => {
                store.delete(&theirs).await?;
                Ok(self.sidecar.clone())
            }
        }
    }
}
