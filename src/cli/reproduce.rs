//! `housestyle reproduce SIDECAR [--out FILE]`: makes one asset again from its sidecar and the bundle, and reports how
//! far it is from the image that was left behind.
//!
//! Always holds: only the sidecar, the bundle and the settings decide what is made; the old image is only compared, and
//! whatever is wrong with it is a finding, no reason to stop.

use crate::appearance::picture;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use image::RgbImage;
use serde::Serialize;

use super::{Context, Outcome};
use crate::base::digest::Digest;
use crate::base::error::{Error, Kind, Result};
use crate::base::names::BundleRef;
use crate::campaign::provenance;
use crate::campaign::sidecar::Sidecar;
use crate::io::files;
use crate::pipeline::Request;
use crate::plan::EncoderRef;
use crate::registry::Registry;
use crate::store::Local;
use crate::worker::generator::Generator;

/// Far above any honest file.
const MAX_BYTES: u64 = 256 << 20;
/// Largest difference of a colour value (0 to 255) that another provider's arithmetic may make.
const ACROSS_PROVIDERS: u8 = 8;

const NAME_ONE: &str = "name the .json beside an image in assets/ or rejected/";

/// Arguments of `reproduce`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The asset's sidecar (JSON)
    sidecar: PathBuf,
    /// Where to write the image made again; without it, it is only compared
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Largest difference of a colour value that is still fine [default: 0 on the same provider, 8 on another]
    #[arg(long, value_name = "0-255")]
    tolerance: Option<u8>,
}

/// What `--json` prints.
#[derive(Debug, PartialEq, Serialize)]
struct Report {
    job: String,
    provider_then: String,
    provider_now: String,
    /// What the file beside the sidecar is.
    old_file: OldFile,
    /// Why the old picture cannot be compared.
    damage: Option<String>,
    /// Why nothing came out this time.
    failure: Option<String>,
    /// Whether what came out is the image of the sidecar (whatever lies beside it now), byte for byte.
    identical: bool,
    /// How the pixels differ; `None` if there are none to compare.
    deviation: Option<Deviation>,
    tolerance: u8,
    within_tolerance: bool,
    written: Option<PathBuf>,
}

/// The file beside the sidecar, held against the digest in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum OldFile {
    /// The very bytes that were left behind.
    AsRecorded,
    /// Other bytes.
    Changed,
    /// Not there.
    Gone,
}

/// The old image, as far as it can be had.
struct Old {
    file: OldFile,
    picture: Option<RgbImage>,
    damage: Option<String>,
}

/// How two images differ.
#[derive(Debug, PartialEq, Serialize)]
struct Deviation {
    /// Largest difference of a colour value.
    max: u8,
    /// Share of the colour values that differ.
    differing: f64,
    /// Peak signal-to-noise ratio in dB; `None` for equal images.
    psnr: Option<f64>,
}

/// Makes it again and compares.
pub fn run(args: Args, context: &Context) -> Result<Outcome> {
    let shown = args.sidecar.display().to_string();
    let bytes = read(&args.sidecar)?.ok_or_else(|| Error::invalid(format!("there is no {shown}")).hint(NAME_ONE))?;
    // Any file may have been named here, so never the store's advice to delete it.
    let not_one = |e: Error| if e.kind() == Kind::Invalid { Error::invalid(e.chain()).hint(NAME_ONE) } else { e };
    let sidecar = Sidecar::from_bytes(&bytes, &shown).map_err(not_one)?;
    let (Some(attempt), Some(facts)) = (sidecar.chosen, &sidecar.image) else {
        return Err(Error::invalid(format!("{shown} is of an asset that could not be made")));
    };
    let old_path = args.sidecar.with_extension("png");
    refuse_to_replace(args.out.as_deref(), &[&args.sidecar, &old_path])?;
    let mut old = Old::read(&old_path, facts.sha256)?;
    let name = sidecar.bundle.parse().map_err(|e| Error::invalid(format!("{shown}: the bundle's name {e}")))?;
    let bundle = context.bundle(&BundleRef { name, digest: Some(sidecar.job.bundle.clone()) })?;
    let mut pipeline = context.pipeline(&bundle)?;
    for encoder in sidecar.job.encoders() {
        pipeline.adopt(&encoder.digest, &trained(&args.sidecar, encoder, context)?)?;
    }
    let request = Request { attempt, ..Request::from(&sidecar.job) };
    let made = pipeline.generate(&[request], &mut |_| ControlFlow::Continue(()))?.pop();
    let (image, failure) = match made.ok_or_else(|| Error::internal("no image came back"))? {
        Ok(picture) => (Some(picture.image), None),
        Err(error) if error.is_about_the_input() => (None, Some(error.chain())),
        Err(error) => return Err(error),
    };

    let provider_now = pipeline.describe().provider;
    let other_provider = provider_now != sidecar.provider;
    let tolerance = args.tolerance.unwrap_or(if other_provider { ACROSS_PROVIDERS } else { 0 });
    let deviation = image.as_ref().and_then(|image| old.deviation_of(image));
    let bytes = image.map(|image| provenance::encode(&image, &sidecar.job, attempt)).transpose()?;
    let identical = bytes.as_ref().is_some_and(|bytes| Digest::of(bytes) == facts.sha256);
    let written = args.out.filter(|_| bytes.is_some());
    if let (Some(out), Some(bytes)) = (&written, &bytes) {
        files::write(out, bytes, true).map_err(|e| files::failed("write", out, e))?;
    }
    let report = Report {
        job: sidecar.job.id.to_string(),
        provider_then: sidecar.provider,
        provider_now,
        old_file: old.file,
        damage: old.damage,
        failure,
        identical,
        within_tolerance: deviation.as_ref().map_or(identical, |d| d.max <= tolerance),
        deviation,
        tolerance,
        written,
    };
    tell(&report, context);
    context.emit(&report)?;
    let fine = report.within_tolerance && report.old_file != OldFile::Changed && report.damage.is_none();
    Ok(if fine { Outcome::Done } else { Outcome::SomeFailed })
}

fn tell(report: &Report, context: &Context) {
    let Report { provider_then, provider_now, tolerance, .. } = report;
    if provider_then != provider_now {
        context.say(format!("made on {provider_then}, made again on {provider_now}"));
    }
    context.say(match (report.old_file, &report.damage) {
        (OldFile::Gone, _) => "the old image is not beside the sidecar".to_owned(),
        (OldFile::AsRecorded, None) => "the old image is the file that was left behind".to_owned(),
        (OldFile::Changed, None) => "the old image is not the file that was left behind: its digest is another".to_owned(),
        (_, Some(damage)) => format!("the old image is damaged: {damage}"),
    });
    context.say(match (&report.failure, &report.deviation) {
        (Some(failure), _) => format!("nothing came out this time: {failure}"),
        _ if report.identical => "made again it is identical to what was left behind, byte for byte".to_owned(),
        (_, None) => "made again it is not identical, and there is no old image to measure by how much".to_owned(),
        (_, Some(Deviation { max: 0, .. })) => {
            "made again the pixels are identical; the file differs in what it says about itself".to_owned()
        }
        (_, Some(d)) => format!(
            "made again it differs by at most {} of 255 (tolerance {tolerance}), PSNR {:.1} dB, {:.2} % of the values",
            d.max,
            d.psnr.unwrap_or(f64::INFINITY),
            100.0 * d.differing,
        ),
    });
    if let Some(written) = &report.written {
        context.say(format!("written to {}", written.display()));
    }
}

/// The weights that drew it, from the output folder that the sidecar lies in. Revoked ones too: proving is no new work.
fn trained(sidecar: &Path, encoder: &EncoderRef, context: &Context) -> Result<Vec<u8>> {
    let absolute = std::path::absolute(sidecar).map_err(|e| files::failed("find", sidecar, e))?;
    // <out>/campaigns/<campaign>/<shelf>/<name>.json
    let out = absolute.ancestors().nth(4).unwrap_or(Path::new("/"));
    let registry = Registry::new(Arc::new(Local::new(out)));
    context.block_on(async {
        let card = registry.card(&encoder.version).await?;
        match card.weights == encoder.digest {
            true => registry.weights(&card).await,
            false => Err(Error::unavailable(format!("{} in {} is another one than drew the asset", card.id, out.display()))
                .hint("put the sidecar's output folder back together")),
        }
    })
}

impl Old {
    /// Reads the old image; that it is gone or damaged is a finding.
    fn read(path: &Path, sha256: Digest) -> Result<Self> {
        let Some(bytes) = read(path)? else { return Ok(Self { file: OldFile::Gone, picture: None, damage: None }) };
        let file = if Digest::of(&bytes) == sha256 { OldFile::AsRecorded } else { OldFile::Changed };
        Ok(match picture::decode(&bytes, &path.display().to_string()) {
            Ok(picture) => Self { file, picture: Some(picture), damage: None },
            Err(error) => Self { file, picture: None, damage: Some(error.chain()) },
        })
    }

    /// How far `new` is from it; another size is damage, as the sidecar says which one it had.
    fn deviation_of(&mut self, new: &RgbImage) -> Option<Deviation> {
        let old = self.picture.as_ref()?;
        if old.dimensions() != new.dimensions() {
            self.damage = Some(format!("it is {:?} pixels large, not {:?}", old.dimensions(), new.dimensions()));
            return None;
        }
        Some(deviation(old, new))
    }
}

/// A file's bytes, `None` if it is not there.
fn read(path: &Path) -> Result<Option<Vec<u8>>> {
    match files::read(path, MAX_BYTES) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(Error::invalid(format!("cannot read {}", path.display())).hint(NAME_ONE).caused_by(e)),
    }
}

/// The evidence stays: what is compared is never overwritten.
fn refuse_to_replace(out: Option<&Path>, inputs: &[&Path]) -> Result<()> {
    let real = |path: &Path| path.canonicalize().ok();
    let Some(place) = out.and_then(real) else { return Ok(()) };
    match inputs.iter().any(|input| real(input).as_ref() == Some(&place)) {
        true => Err(Error::invalid(format!("--out {} would replace what is compared", place.display()))
            .hint("name another file with --out")),
        false => Ok(()),
    }
}

/// How two pictures of one size differ.
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
    fn deviation_by_hand() {
        let old = RgbImage::from_pixel(2, 1, image::Rgb([10, 10, 10]));
        let mut new = old.clone();
        assert_eq!(deviation(&old, &new), Deviation { max: 0, differing: 0.0, psnr: None });
        new.put_pixel(1, 0, image::Rgb([10, 13, 10]));
        let found = deviation(&old, &new); // mean square 9/6 = 1.5
        assert_eq!((found.max, found.differing), (3, 1.0 / 6.0));
        assert!((found.psnr.unwrap() - 46.37).abs() < 0.01);
        let mut old = Old { file: OldFile::Changed, picture: Some(old), damage: None };
        assert_eq!(old.deviation_of(&RgbImage::new(1, 1)), None);
        assert!(old.damage.unwrap().contains("(1, 1)"));
    }
}
