//! A bundle on disk: base CLIP, frozen UNet, decoder, tokenizer, schedule and evaluator, with digests.
//!
//! Takes a folder with a `bundle.yaml`; returns a [`Bundle`] whose every listed file has been found, measured and
//! hashed, and the [`BundleFacts`] that planning needs.
//!
//! # Invariants
//!
//! A bundle is untrusted until verified. No symlink is followed, nothing outside the folder is read, and the bytes
//! handed to the runtime are the bytes that were hashed: files are read into memory, verified there, and never used
//! unverified.

pub mod manifest;
pub mod onnx;

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use self::manifest::{MAX_MANIFEST_BYTES, Manifest};
use crate::base::digest::Digest;
use crate::base::error::{Context, Error, Kind, Result};
use crate::pipeline::schedule::Schedule;
use crate::plan::{BundleFacts, StyleFacts};

/// The tokenizer's file.
pub(crate) const TOKENIZER: &str = "tokenizer/tokenizer.json";
/// The file of the noise schedule.
pub(crate) const SCHEDULER: &str = "scheduler/scheduler_config.json";
/// The text encoder's file.
pub(crate) const TEXT_ENCODER: &str = "text_encoder/model.onnx";
/// The UNet's file.
pub(crate) const UNET: &str = "unet/model.onnx";
/// The VAE decoder's file.
pub(crate) const VAE_DECODER: &str = "vae_decoder/model.onnx";
/// The evaluator's file; needed when the bundle has an evaluator.
pub(crate) const EVALUATOR: &str = "evaluator/model.onnx";

/// The image encoder's file; needed for few-shot training (see [`crate::train`]).
pub(crate) const IMAGE_ENCODER: &str = "image_encoder/model.onnx";
/// The VAE encoder's file; needed for few-shot training.
pub(crate) const VAE_ENCODER: &str = "vae_encoder/model.onnx";
/// The file of the training step; needed for few-shot training.
pub(crate) const TRAIN_STEP: &str = "train_step/model.onnx";
/// The file of the training step with the denoising loss through the UNet.
pub(crate) const TRAIN_STEP_DENOISING: &str = "train_step_denoising/model.onnx";

const RESTORE: &str = "restore the bundle's folder from where it came from";

/// A verified bundle.
#[derive(Clone, Debug)]
pub struct Bundle {
    root: PathBuf,
    manifest: Manifest,
    digest: Digest,
    schedule: Schedule,
}

impl Bundle {
    /// Opens and verifies the bundle in `dir`.
    ///
    /// # Errors
    ///
    /// [`Kind::Invalid`] for a `bundle.yaml` or model that is wrong in itself; [`Kind::Unavailable`] for missing or
    /// changed files, because the bundle can be restored.
    pub fn open(dir: &Path) -> Result<Self> {
        let root = dir.canonicalize().map_err(|e| {
            Error::unavailable(format!("no bundle at {}", dir.display()))
                .hint("check the bundle's name and the setting `bundles`")
                .caused_by(e)
        })?;
        let text = read(&root, "bundle.yaml", MAX_MANIFEST_BYTES)?;
        let digest = Digest::of(&text);
        let text = String::from_utf8(text).context(Kind::Invalid, || "bundle.yaml is not UTF-8 text")?;
        let manifest = Manifest::parse(&text)?;
        let needed = [TOKENIZER, SCHEDULER, TEXT_ENCODER, UNET, VAE_DECODER];
        for path in needed.into_iter().chain(manifest.spec.evaluator.is_some().then_some(EVALUATOR)) {
            if !manifest.spec.files.contains_key(path) {
                return Err(Error::invalid(format!("bundle.yaml: spec.files does not list {path}")));
            }
        }
        let schedule = Schedule::parse(&verified(&root, &manifest, SCHEDULER)?)?;
        for path in manifest.spec.files.keys().filter(|path| *path != SCHEDULER) {
            let bytes = verified(&root, &manifest, path)?;
            if path.ends_with(".onnx") {
                onnx::inspect(path, &bytes)?;
            }
        }
        Ok(Self { root, manifest, digest, schedule })
    }

    /// Returns the digest of the bundle in `dir`, without verifying the rest.
    ///
    /// # Errors
    ///
    /// [`Kind::Unavailable`] if there is no readable `bundle.yaml`.
    pub(crate) fn digest_in(dir: &Path) -> Result<Digest> {
        read(dir, "bundle.yaml", MAX_MANIFEST_BYTES).map(Digest::of)
    }

    /// Returns the SHA-256 of `bundle.yaml`, which holds the digest of every other file.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// Returns the bundle's manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Returns the noise schedule of the bundle's UNet.
    pub fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// Reads a listed file and verifies it again.
    ///
    /// # Errors
    ///
    /// [`Kind::Unavailable`] if the file is missing or has changed; [`Kind::Invalid`] if it is not listed.
    pub fn read(&self, path: &str) -> Result<Vec<u8>> {
        let bytes = verified(&self.root, &self.manifest, path)?;
        if path.ends_with(".onnx") {
            onnx::inspect(path, &bytes)?;
        }
        Ok(bytes)
    }

    /// Returns the facts that planning needs.
    pub fn facts(&self) -> BundleFacts {
        let spec = &self.manifest.spec;
        BundleFacts {
            name: self.manifest.name.clone(),
            digest: self.digest,
            styles: spec
                .styles
                .iter()
                .map(|style| StyleFacts {
                    name: style.name.to_string(),
                    look: style.look.clone(),
                    licence: style.licence.to_string(),
                    holder: style.holder.clone(),
                    source: style.source.clone(),
                    attribution: style.attribution.clone(),
                    encoder: None,
                    grants: Vec::new(),
                })
                .collect(),
            // Planning reads "no categories" as "nothing can be scored".
            categories: spec.evaluator.as_ref().map(|_| spec.categories.clone()).unwrap_or_default(),
            scored_styles: spec.evaluator.as_ref().map(|evaluator| evaluator.styles.clone()).unwrap_or_default(),
            sizes: spec.sizes.clone(),
            cross_attention_layers: spec.cross_attention_layers,
            prompt_category: spec.prompt.category.clone(),
            prompt_style: spec.prompt.style.clone(),
            seconds_per_step: spec.seconds_per_step,
            bytes_per_image: spec.bytes_per_image,
        }
    }
}

/// Reads a listed file and checks it against its size and digest in `bundle.yaml`.
fn verified(root: &Path, manifest: &Manifest, path: &str) -> Result<Vec<u8>> {
    let listed = manifest.spec.files.get(path);
    let listed = listed.ok_or_else(|| Error::invalid(format!("bundle.yaml: spec.files does not list {path}")))?;
    let bytes = read(root, path, listed.bytes)?;
    let changed = |what: String| Error::unavailable(format!("{path} of bundle {} {what}", manifest.name)).hint(RESTORE);
    if bytes.len() as u64 != listed.bytes {
        return Err(changed(format!("has {} bytes; bundle.yaml says {}", bytes.len(), listed.bytes)));
    }
    let digest = Digest::of(&bytes);
    if digest != listed.sha256 {
        let (found, listed) = (digest.hex(), listed.sha256.hex());
        return Err(changed(format!("has changed: its sha256 is {found}, bundle.yaml says {listed}")));
    }
    Ok(bytes)
}

/// Reads at most `limit` bytes of a plain file inside `root`, following no symlink below it.
fn read(root: &Path, path: &str, limit: u64) -> Result<Vec<u8>> {
    let missing =
        |e| Error::unavailable(format!("{path} is missing from {}", root.display())).hint(RESTORE).caused_by(e);
    let refuse = |what: String| Error::unavailable(format!("{path} in {} {what}", root.display())).hint(RESTORE);
    let mut place = root.to_path_buf();
    for part in path.split('/') {
        place.push(part);
        if fs::symlink_metadata(&place).map_err(missing)?.is_symlink() {
            return Err(refuse("is or lies behind a symlink; bundles hold plain files".into()));
        }
    }
    let meta = fs::symlink_metadata(&place).map_err(missing)?;
    if !meta.is_file() {
        return Err(refuse("is not a plain file".into()));
    }
    if meta.len() > limit {
        return Err(refuse(format!("has {} bytes; expected at most {limit}", meta.len())));
    }
    let mut bytes = Vec::with_capacity(meta.len() as usize);
    // One byte more than allowed, so that a file that grew meanwhile is noticed, not read to the end.
    File::open(&place).and_then(|file| file.take(limit + 1).read_to_end(&mut bytes)).map_err(missing)?;
    Ok(bytes)
}
