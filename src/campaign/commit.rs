//! From a judged picture to something finished in the store.
//!
//! In: a job, its attempts and the picture chosen. Out: an image and, after it, its sidecar.
//! Always holds: the sidecar comes last, so a process killed anywhere leaves an asset finished or not begun; whoever
//! finds the sidecar (and the image it names) need do nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use image::RgbImage;

use crate::appearance::Looks;
use crate::base::digest::Digest;
use crate::base::error::{Error, Kind, Result};
use crate::campaign::layout::{Layout, Shelf};
use crate::campaign::provenance;
use crate::campaign::sidecar::{Attempt, ImageFacts, Outcome, Sidecar};
use crate::plan::Job;
use crate::store::{Key, Store};

/// What makes the pictures, as sidecars name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GeneratorInfo {
    /// The bundle's name.
    pub bundle: String,
    /// Its digest; jobs for another bundle are refused.
    pub digest: Digest,
    /// The execution provider really used.
    pub provider: String,
}

/// Everything known about a job once no attempt is left to make.
#[derive(Debug)]
pub struct Verdict {
    /// The job.
    pub job: Arc<Job>,
    /// Every attempt.
    pub attempts: Vec<Attempt>,
    /// The attempt chosen and its picture; `None` if nothing could be made.
    pub chosen: Option<(u32, RgbImage)>,
    /// Seconds by stage.
    pub timings: BTreeMap<String, f64>,
}

impl Verdict {
    fn outcome(&self) -> Outcome {
        match self.attempts.last() {
            Some(last) if last.passed => Outcome::Accepted,
            _ if self.chosen.is_some() => Outcome::Rejected,
            _ => Outcome::Failed,
        }
    }

    fn reasons(&self) -> Vec<String> {
        let refused = self.attempts.iter().filter(|a| !a.passed);
        let said = |a: &Attempt| a.reasons.iter().map(|r| format!("attempt {}: {r}", a.number)).collect::<Vec<_>>();
        if self.outcome() == Outcome::Accepted { Vec::new() } else { refused.flat_map(said).collect() }
    }
}

/// The shelf that an outcome belongs on.
pub fn shelf(outcome: Outcome) -> Shelf {
    match outcome {
        Outcome::Accepted => Shelf::Assets,
        Outcome::Rejected | Outcome::Failed => Shelf::Rejected,
    }
}

/// A finished asset on its way into the store.
#[derive(Debug)]
pub struct Asset {
    sidecar: Sidecar,
    /// The encoded image; `None` if nothing could be made.
    image: Option<Vec<u8>>,
}

/// Encodes what is to be committed.
pub async fn prepare(by: &GeneratorInfo, verdict: Verdict) -> Result<Asset> {
    let outcome = verdict.outcome();
    let stem = verdict.job.stem.clone();
    let mut sidecar = Sidecar::new((*verdict.job).clone(), &by.bundle, &by.provider, outcome);
    sidecar.reasons = verdict.reasons();
    sidecar.attempts = verdict.attempts;
    sidecar.timings = verdict.timings;
    let Some((number, image)) = verdict.chosen else { return Ok(Asset { sidecar, image: None }) };
    let (width, height) = image.dimensions();
    let job = verdict.job;
    let (bytes, looks) =
        tokio::task::spawn_blocking(move || provenance::encode(&image, &job, number).map(|bytes| (bytes, Looks::of(&image))))
            .await
            .map_err(|e| Error::internal("encoding was cut short").caused_by(e))??;
    sidecar.chosen = Some(number);
    let others = sidecar.attempts.iter_mut().filter(|attempt| attempt.number != number);
    others.filter_map(|attempt| attempt.scores.as_mut()).for_each(|scores| scores.fingerprint = None);
    sidecar.image = Some(ImageFacts {
        file: format!("{stem}.png"),
        sha256: Digest::of(&bytes),
        bytes: bytes.len() as u64,
        width,
        height,
        looks: Some(looks),
    });
    Ok(Asset { sidecar, image: Some(bytes) })
}

/// How often somebody else's half-finished commit is cleared away before giving up.
const ROUNDS: usize = 5;

impl Asset {
    /// Writes the image, then the sidecar; gives back the sidecar that is in the store then, which is another worker's if
    /// that one was first. May be called again after an error.
    pub async fn keep(&self, store: &dyn Store) -> Result<Sidecar> {
        let Self { sidecar, image } = self;
        let (layout, stem) = (Layout::new(sidecar.job.campaign.as_str())?, &sidecar.job.stem);
        let shelf = shelf(sidecar.outcome);
        for _ in 0..ROUNDS {
            if let Some(image) = image {
                store.put(&layout.image(shelf, stem)?, image.clone()).await?;
            }
            if store.put_if_absent(&layout.sidecar(shelf, stem)?, sidecar.to_bytes()?).await? {
                return self.prevail(store, &layout).await;
            }
            // Theirs stands, if image and sidecar still fit: ours may have come between, from another provider, and then
            // theirs is taken away here.
            if let Some(theirs) = find_finished(store, &sidecar.job).await? {
                return Ok(theirs);
            }
        }
        Err(Error::new(Kind::Transient, format!("others keep writing {stem}")))
    }

    /// Sees to it that only one of two outcomes stays, should another worker have come to the other one: the accepted one.
    /// Whoever writes later sees both, and both decide alike.
    async fn prevail(&self, store: &dyn Store, layout: &Layout) -> Result<Sidecar> {
        let (stem, ours) = (&self.sidecar.job.stem, shelf(self.sidecar.outcome));
        let other = if ours == Shelf::Assets { Shelf::Rejected } else { Shelf::Assets };
        let theirs = layout.sidecar(other, stem)?;
        let Some(bytes) = store.get(&theirs).await? else { return Ok(self.sidecar.clone()) };
        match (ours, Sidecar::from_bytes(&bytes, theirs.as_str())) {
            (Shelf::Rejected, Ok(accepted)) => {
                store.delete(&layout.sidecar(ours, stem)?).await?;
                Ok(accepted)
            }
            _ => {
                store.delete(&theirs).await?;
                Ok(self.sidecar.clone())
            }
        }
    }
}

/// The job's sidecar, if it is finished. A sidecar that is damaged, or whose image is gone or another, is removed.
pub async fn find_finished(store: &dyn Store, job: &Job) -> Result<Option<Sidecar>> {
    let layout = Layout::new(job.campaign.as_str())?;
    for shelf in Shelf::ALL {
        let key = layout.sidecar(shelf, &job.stem)?;
        let Some(bytes) = store.get(&key).await? else { continue };
        let lack = match Sidecar::from_bytes(&bytes, key.as_str()) {
            Ok(sidecar) if sidecar.job.id != job.id => {
                let message = format!("{key} belongs to job {}, not to {}", sidecar.job.id, job.id);
                return Err(Error::new(Kind::Permanent, message)
                    .hint("two jobs share a file name; give the campaign another name or change output.name"));
            }
            Ok(sidecar) if self::shelf(sidecar.outcome) != shelf => {
                "it says another outcome than the folder it is in".to_owned()
            }
            Ok(sidecar) => match image_lack(store, &layout.image(shelf, &job.stem)?, &sidecar, &job.stem).await? {
                None => return Ok(Some(sidecar)),
                Some(lack) => lack.to_owned(),
            },
            Err(error) if error.kind() == Kind::Invalid => error.chain(),
            Err(error) => return Err(error),
        };
        tracing::warn!(key = %key, lack, "sidecar is no good; the asset is made again");
        // Gone before the image comes back: it must not vouch for another image, nor stay beside another outcome.
        store.delete(&key).await?;
    }
    Ok(None)
}

/// Takes back the outcome of jobs that failed, so that they are made again; what was accepted or rejected stays.
pub async fn forget_failed(store: &dyn Store, sidecars: &[Sidecar]) -> Result<()> {
    for sidecar in sidecars.iter().filter(|sidecar| sidecar.outcome == Outcome::Failed) {
        let layout = Layout::new(sidecar.job.campaign.as_str())?;
        store.delete(&layout.sidecar(shelf(sidecar.outcome), &sidecar.job.stem)?).await?;
    }
    Ok(())
}

/// What keeps the image under `key` from being the one its sidecar vouches for.
async fn image_lack(store: &dyn Store, key: &Key, sidecar: &Sidecar, stem: &str) -> Result<Option<&'static str>> {
    let Some(image) = &sidecar.image else { return Ok(None) };
    if image.file != format!("{stem}.png") {
        return Ok(Some("it names another image"));
    }
    // The size first: it is the cheaper question.
    match store.size(key).await? {
        None => return Ok(Some("its image is gone")),
        Some(size) if size != image.bytes => return Ok(Some("its image has changed")),
        Some(_) => {}
    }
    let same = store.get(key).await?.is_some_and(|bytes| Digest::of(&bytes) == image.sha256);
    Ok((!same).then_some("its image has changed"))
}
