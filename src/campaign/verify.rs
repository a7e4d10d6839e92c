//! Checks that a sidecar belongs to a finished asset.

use crate::base::digest::Digest;
use crate::base::error::{Error, Kind, Result};
use crate::base::stem::Stem;
use crate::campaign::inventory::Inventory;
use crate::campaign::job_name::JobName;
use crate::campaign::layout::{Layout, Shelf};
use crate::campaign::sidecar::{ImageFacts, Sidecar};
use crate::store::{Key, Store};

/// How thoroughly a sidecar is checked before it is accepted.
#[derive(Clone, Copy, Debug)]
pub(super) enum Check<'a> {
    /// Checks that it belongs to the job.
    Job,
    /// Also checks that it is in the folder of its outcome and that the image it names is in the inventory.
    Names(&'a Inventory),
    /// Also checks size and digest of the image it names.
    Image,
}

/// The result of examining a sidecar.
#[derive(Debug)]
pub(super) enum Examined {
    /// There is no sidecar.
    Absent,
    /// It belongs to a finished asset.
    Finished(Box<Sidecar>),
    /// It has no finished asset, for this reason.
    Unusable(String),
}

/// Reads and checks the sidecar of a job on a shelf.
///
/// # Errors
///
/// Fails if the store cannot be read, if the sidecar is another job's, or if another version of the format wrote it.
pub(super) async fn examine(
    store: &dyn Store,
    layout: &Layout,
    shelf: Shelf,
    job: &JobName,
    check: Check<'_>,
) -> Result<Examined> {
    let stem = &job.stem;
    let key = layout.sidecar(shelf, stem);
    let Some(bytes) = store.get(&key).await? else { return Ok(Examined::Absent) };
    let sidecar = match Sidecar::from_bytes(&bytes, key.as_str()) {
        Ok(sidecar) => sidecar,
        Err(error) if error.kind() == Kind::Invalid => return Ok(Examined::Unusable(error.chain())),
        Err(error) => return Err(error),
    };
    if sidecar.job.id != job.id {
        return Err(Error::new(Kind::Permanent, format!("{key} belongs to job {}, not to {}", sidecar.job.id, job.id))
            .hint("two jobs share a file name; give the campaign another name or change output.name"));
    }
    let wrong = match check {
        Check::Job => None,
        Check::Names(inventory) => {
            let is_gone = sidecar.image.is_some() && !inventory.has_image(shelf, stem);
            misplaced(&sidecar, shelf, stem).or(is_gone.then_some(GONE))
        }
        Check::Image => match (misplaced(&sidecar, shelf, stem), &sidecar.image) {
            (None, Some(image)) => another_image(store, &layout.image(shelf, stem), image).await?,
            (wrong, _) => wrong,
        },
    };
    Ok(match wrong {
        None => Examined::Finished(Box::new(sidecar)),
        Some(wrong) => Examined::Unusable(wrong.into()),
    })
}

const GONE: &str = "its image is gone";

/// Returns why a sidecar does not fit its folder or its name; `None` if it does.
fn misplaced(sidecar: &Sidecar, shelf: Shelf, stem: &Stem) -> Option<&'static str> {
    if sidecar.outcome.shelf() != shelf {
        return Some("its outcome is not that of the folder it is in");
    }
    let names_another = |image: &ImageFacts| image.file != format!("{stem}.png");
    sidecar.image.as_ref().is_some_and(names_another).then_some("it names another image")
}

/// Reads an image and returns how it differs from what its sidecar records; `None` if it does not.
async fn another_image(store: &dyn Store, key: &Key, image: &ImageFacts) -> Result<Option<&'static str>> {
    Ok(match store.get(key).await? {
        None => Some(GONE),
        Some(bytes) if bytes.len() as u64 != image.bytes || Digest::of(&bytes) != image.sha256 => {
            Some("its image has changed")
        }
        Some(_) => None,
    })
}
