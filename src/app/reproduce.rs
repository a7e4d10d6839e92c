//! Makes one asset again from its sidecar and the bundle, and measures the deviation from the stored image.
//!
//! # Invariants
//! Only sidecar, bundle and settings determine the new image. The old image is only compared with it: if it is
//! missing or damaged, that is part of the report and not an error.

use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use image::RgbImage;
use serde::Serialize;

use super::failure::AppResult;
use super::resources::App;
use crate::appearance::picture;
use crate::base::digest::Digest;
use crate::base::error::{self, Error, Kind};
use crate::base::names::BundleRef;
use crate::campaign::provenance;
use crate::campaign::sidecar::Sidecar;
use crate::io::{blocking, files};
use crate::pipeline::{Bundle, Request};
use crate::plan::EncoderRef;
use crate::registry::Registry;
use crate::store::Local;
use crate::worker::generator::Generator as _;

/// Size limit of the files read, in bytes; far above any real image or sidecar.
const MAX_BYTES: u64 = 256 << 20;
/// Default tolerance in colour values (0 to 255) between two execution providers, whose arithmetic differs.
const ACROSS_PROVIDERS: u8 = 8;

const NAME_ONE: &str = "name the .json beside an image in assets/ or rejected/";

/// The request to reproduce an asset.
#[derive(Clone, Debug)]
pub(crate) struct ReproduceRequest {
    /// The asset's sidecar (JSON).
    pub sidecar: PathBuf,
    /// The file that the new image is written to; `None`: the new image is only compared.
    pub to: Option<PathBuf>,
    /// Largest allowed difference of a colour value; `None`: 0 on the same execution provider, 8 on another.
    pub tolerance: Option<u8>,
}

/// The result of a reproduction.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct ReproduceReport {
    /// The job's id.
    pub job: String,
    /// The execution provider that made the old image.
    pub provider_then: String,
    /// The execution provider that made the new image.
    pub provider_now: String,
    /// Whether the file beside the sidecar is the recorded one.
    pub old_file: OldFile,
    /// The reason why the old image cannot be compared; `None` if it can.
    pub damage: Option<String>,
    /// The reason why no new image could be made; `None` if one was made.
    pub failure: Option<String>,
    /// Whether the new image has the digest in the sidecar, whatever file lies beside the sidecar now.
    pub identical: bool,
    /// The difference of the pixels; `None` if there are not two images to compare.
    pub deviation: Option<Deviation>,
    /// Largest allowed difference of a colour value.
    pub tolerance: u8,
    /// Whether the difference is within the tolerance.
    pub within_tolerance: bool,
    /// The file that was written.
    pub written: Option<PathBuf>,
}

/// The state of the file beside the sidecar, compared with the digest in the sidecar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OldFile {
    /// The file has the recorded digest.
    AsRecorded,
    /// The file has another digest.
    Changed,
    /// The file is missing.
    Gone,
}

/// The old image, as far as it can be read.
struct OldImage {
    file: OldFile,
    picture: Option<RgbImage>,
    damage: Option<String>,
}

/// The difference between two images.
#[derive(Debug, PartialEq, Serialize)]
pub struct Deviation {
    /// Largest difference of a colour value.
    pub max: u8,
    /// Share of the colour values that differ, 0 to 1.
    pub differing: f64,
    /// Peak signal-to-noise ratio in dB; `None` for equal images.
    pub psnr: Option<f64>,
}

impl App {
    /// Makes an asset again and compares it with the stored image.
    ///
    /// # Errors
    /// Returns an error if the file is not a sidecar, its bundle or encoders are missing, or the image cannot be
    /// written.
    pub async fn reproduce(&self, request: ReproduceRequest) -> AppResult<ReproduceReport> {
        let (named, asked) = (request.clone(), request.clone());
        let old_asset = blocking(move || OldAsset::read(&named)).await?;
        let sidecar = &old_asset.sidecar;
        let reference = BundleRef { name: sidecar.bundle.clone(), digest: Some(sidecar.job.bundle) };
        let bundle = self.bundle(&reference).await?;
        let mut trained = Vec::new();
        for encoder in sidecar.job.encoders() {
            trained.push((encoder.digest, weights(&request.sidecar, encoder).await?));
        }
        let app = self.clone();
        let report = blocking(move || {
            let request = Request { attempt: old_asset.attempt, ..Request::from(&old_asset.sidecar.job) };
            let made = app.make_again(&bundle, &trained, request)?;
            compare(asked, old_asset, made)
        });
        Ok(report.await?)
    }

    /// Generates the image again. Blocks.
    fn make_again(&self, bundle: &Bundle, trained: &[(Digest, Bytes)], request: Request) -> error::Result<MadeAgain> {
        let mut pipeline = self.load_pipeline(bundle)?;
        for (digest, weights) in trained {
            pipeline.adopt(digest, weights)?;
        }
        let provider = pipeline.describe().provider;
        let made = pipeline.generate(&[request], &mut |_| ControlFlow::Continue(()))?.pop();
        match made.ok_or_else(|| Error::internal("the pipeline returned no image"))? {
            Ok(picture) => Ok(MadeAgain { provider, image: Some(picture.image), failure: None }),
            Err(error) if error.is_about_the_input() => {
                Ok(MadeAgain { provider, image: None, failure: Some(error.chain()) })
            }
            Err(error) => Err(error),
        }
    }
}

/// The recorded asset to compare with.
struct OldAsset {
    sidecar: Sidecar,
    attempt: u32,
    /// The digest of the old image, from the sidecar.
    sha256: Digest,
    old: OldImage,
}

/// The result of generating the image again.
struct MadeAgain {
    provider: String,
    image: Option<RgbImage>,
    failure: Option<String>,
}

impl OldAsset {
    /// Reads a sidecar and the image beside it. Blocks.
    fn read(request: &ReproduceRequest) -> error::Result<Self> {
        let shown = request.sidecar.display().to_string();
        let bytes =
            read(&request.sidecar)?.ok_or_else(|| Error::invalid(format!("there is no {shown}")).hint(NAME_ONE))?;
        // The error drops the store's hint to delete a damaged sidecar, as any file may have been named here.
        let not_one = |e: Error| if e.kind() == Kind::Invalid { Error::invalid(e.chain()).hint(NAME_ONE) } else { e };
        let sidecar = Sidecar::from_bytes(&bytes, &shown).map_err(not_one)?;
        let (Some(attempt), Some(facts)) = (sidecar.chosen, &sidecar.image) else {
            return Err(Error::invalid(format!("{shown} belongs to a failed job, which has no image")));
        };
        let image = request.sidecar.with_extension("png");
        refuse_to_replace(request.to.as_deref(), &[&request.sidecar, &image])?;
        let old = OldImage::read(&image, &facts.sha256)?;
        Ok(Self { attempt, sha256: facts.sha256, old, sidecar })
    }
}

/// Compares the new image with the old one, and writes it if that is asked for. Blocks.
fn compare(request: ReproduceRequest, old_asset: OldAsset, made: MadeAgain) -> error::Result<ReproduceReport> {
    let OldAsset { sidecar, attempt, sha256, mut old } = old_asset;
    let other_provider = made.provider != sidecar.provider;
    let tolerance = request.tolerance.unwrap_or(if other_provider { ACROSS_PROVIDERS } else { 0 });
    let deviation = made.image.as_ref().and_then(|image| old.deviation_of(image));
    let bytes = made.image.map(|image| provenance::encode(&image, &sidecar.job, attempt)).transpose()?;
    let identical = bytes.as_ref().is_some_and(|bytes| Digest::of(bytes) == sha256);
    let written = request.to.filter(|_| bytes.is_some());
    if let (Some(to), Some(bytes)) = (&written, &bytes) {
        files::write(to, bytes, true).map_err(|e| files::failed("write", to, e))?;
    }
    Ok(ReproduceReport {
        job: sidecar.job.id.to_string(),
        provider_then: sidecar.provider,
        provider_now: made.provider,
        old_file: old.file,
        damage: old.damage,
        failure: made.failure,
        identical,
        within_tolerance: deviation.as_ref().map_or(identical, |d| d.max <= tolerance),
        deviation,
        tolerance,
        written,
    })
}

/// Reads the weights of the encoder that drew the asset from the output folder that the sidecar lies in. Revoked ones
/// are read too, as a reproduction is not new work.
async fn weights(sidecar: &Path, encoder: &EncoderRef) -> error::Result<Bytes> {
    let absolute = std::path::absolute(sidecar).map_err(|e| files::failed("find", sidecar, e))?;
    // <out>/campaigns/<campaign>/<shelf>/<name>.json
    let out = absolute.ancestors().nth(4).unwrap_or(Path::new("/"));
    let registry = Registry::new(Arc::new(Local::new(out)));
    let card = registry.card(&encoder.version).await?;
    if card.weights == encoder.digest {
        return registry.weights(&card).await;
    }
    Err(Error::unavailable(format!("{} in {} is not the version that drew the asset", card.id, out.display()))
        .hint("restore the output folder that the sidecar comes from"))
}

impl OldImage {
    /// Reads the old image; a missing or damaged image is recorded and is not an error.
    fn read(path: &Path, sha256: &Digest) -> error::Result<Self> {
        let Some(bytes) = read(path)? else { return Ok(Self { file: OldFile::Gone, picture: None, damage: None }) };
        let file = if Digest::of(&bytes) == *sha256 { OldFile::AsRecorded } else { OldFile::Changed };
        Ok(match picture::decode(&bytes, &path.display().to_string()) {
            Ok(picture) => Self { file, picture: Some(picture), damage: None },
            Err(error) => Self { file, picture: None, damage: Some(error.chain()) },
        })
    }

    /// Measures the difference between the old image and `new`. Another size counts as damage, as the sidecar records
    /// the size.
    fn deviation_of(&mut self, new: &RgbImage) -> Option<Deviation> {
        let old = self.picture.as_ref()?;
        if old.dimensions() != new.dimensions() {
            self.damage = Some(format!("it is {:?} pixels large, not {:?}", old.dimensions(), new.dimensions()));
            return None;
        }
        Some(deviation(old, new))
    }
}

/// Reads a file; returns `None` if it does not exist.
fn read(path: &Path) -> error::Result<Option<Vec<u8>>> {
    match files::read(path, MAX_BYTES) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(Error::invalid(format!("cannot read {}", path.display())).hint(NAME_ONE).caused_by(e)),
    }
}

/// Returns an error if `to` is one of the files that are compared, so that they are not overwritten.
fn refuse_to_replace(to: Option<&Path>, inputs: &[&Path]) -> error::Result<()> {
    let real = |path: &Path| path.canonicalize().ok();
    let Some(place) = to.and_then(real) else { return Ok(()) };
    if inputs.iter().any(|input| real(input).as_ref() == Some(&place)) {
        return Err(Error::invalid(format!("writing to {} would overwrite a file that is compared", place.display()))
            .hint("name another file with --to"));
    }
    Ok(())
}

/// Measures the difference between two images of the same size.
fn deviation(old: &RgbImage, new: &RgbImage) -> Deviation {
    let differences = || old.as_raw().iter().zip(new.as_raw()).map(|(a, b)| a.abs_diff(*b));
    let count = old.as_raw().len().max(1) as f64;
    let square: f64 = differences().map(|d| f64::from(d).powi(2)).sum::<f64>() / count;
    Deviation {
        max: differences().max().unwrap_or(0),
        differing: differences().filter(|d| *d > 0).count() as f64 / count,
        psnr: (square > 0.0).then(|| 10.0 * (255.0f64.powi(2) / square).log10()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deviation_agrees_with_a_calculation_by_hand() {
        let old = RgbImage::from_pixel(2, 1, image::Rgb([10, 10, 10]));
        let mut new = old.clone();
        assert_eq!(deviation(&old, &new), Deviation { max: 0, differing: 0.0, psnr: None });
        new.put_pixel(1, 0, image::Rgb([10, 13, 10]));
        let found = deviation(&old, &new); // mean square 9/6 = 1.5
        assert_eq!((found.max, found.differing), (3, 1.0 / 6.0));
        assert!((found.psnr.unwrap() - 46.37).abs() < 0.01);
        let mut old = OldImage { file: OldFile::Changed, picture: Some(old), damage: None };
        assert_eq!(old.deviation_of(&RgbImage::new(1, 1)), None);
        assert!(old.damage.unwrap().contains("(1, 1)"));
    }
}
