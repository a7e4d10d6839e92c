//! The pictures that styles were learned from, as evaluation sees them: what a style's images are held against, and
//! what no image may be a copy of.
//!
//! Takes a style set's references and a judge. Returns [`References`], kept in the store under the digests of
//! evaluator and pictures, so that each set is judged once.
//!
//! # Invariants
//!
//! A reference is read only if its bytes are those of its digest.

use image::RgbImage;
use serde::{Deserialize, Serialize};

use super::evaluation::Brief;
use crate::appearance::Appearance;
use crate::appearance::picture;
use crate::base::digest::Digest;
use crate::base::error::{Error, Result};
use crate::pipeline::ScoringTarget;
use crate::pipeline::scores::Scores;
use crate::spec::Reference;
use crate::store::{Key, Store};

/// Version of the cached format; references in another version are scored again.
const VERSION: u32 = 1;

/// Reference pictures with their scores.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct References {
    version: u32,
    /// The entries, in order.
    pub pictures: Vec<ReferencePicture>,
}

/// One reference picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReferencePicture {
    /// The file, as the style set names it.
    pub file: String,
    /// SHA-256 of the file's bytes.
    pub sha256: Digest,
    /// The category and the style.
    pub brief: Brief,
    /// The evaluator's scores.
    pub scores: Scores,
    /// Palette and perceptual hash.
    pub looks: Appearance,
}

impl References {
    /// Reads the references' scores from the store, or scores them; `name` is the style of those that name none.
    pub async fn of(
        store: &dyn Store,
        evaluator: &Digest,
        (references, name): (&[Reference], &str),
        judge: &mut dyn FnMut(ScoringTarget<'_>, &RgbImage) -> Result<Scores>,
    ) -> Result<Self> {
        let key = key(evaluator, references)?;
        if let Some(bytes) = store.get(&key).await?
            && let Ok(known) = serde_json::from_slice::<Self>(&bytes)
            && known.version == VERSION
        {
            return Ok(known);
        }
        let mut pictures = Vec::with_capacity(references.len());
        for reference in references {
            let picture = picture::decode(&reference.read()?, &reference.file)?;
            let style = reference.style.as_ref().map_or(name, |style| style.as_str());
            let wanted = ScoringTarget { style, category: &reference.category, prompt: &reference.category };
            pictures.push(ReferencePicture {
                file: reference.file.clone(),
                sha256: reference.sha256,
                brief: Brief { category: reference.category.clone(), style: style.to_owned() },
                scores: judge(wanted, &picture)?,
                looks: Appearance::of(&picture),
            });
        }
        let found = Self { version: VERSION, pictures };
        let bytes =
            serde_json::to_vec(&found).map_err(|e| Error::internal("cannot write references as JSON").caused_by(e))?;
        store.put(&key, bytes.into()).await?;
        Ok(found)
    }

    /// Joins two sets of references.
    pub fn and(mut self, others: Self) -> Self {
        self.pictures.extend(others.pictures);
        self
    }
}

/// The key of the cached scores. It is a cache and may be deleted at any time.
fn key(evaluator: &Digest, references: &[Reference]) -> Result<Key> {
    let what: Vec<_> = references.iter().map(|r| (r.sha256.hex(), &r.category, &r.style, &r.file)).collect();
    let what = serde_json::to_vec(&(VERSION, evaluator, what));
    let what = what.map_err(|e| Error::internal("cannot describe references").caused_by(e))?;
    Key::new(format!("cache/references/{}.json", Digest::of(what).hex()))
}
