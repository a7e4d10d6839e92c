//! `housestyle reproduce SIDECAR [--out FILE]`: makes one asset again from its sidecar and the bundle, and reports how
//! far it is from the image that was left behind.
//!
//! Always holds: only the sidecar, the bundle and the settings decide what is made; the old image is only compared.

use std::io::Read as _;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use image::RgbImage;
use serde::Serialize;

use super::{Context, Outcome};
use crate::error::{Context as _, Error, Kind, Result};
use crate::spec::{BundleRef, Digest};
use crate::store::{Sidecar, png};
use crate::worker::engine::{Ask, Generator};

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
    /// Whether it is the image of the sidecar (whatever lies beside it now), byte for byte.
    identical: bool,
    /// How the pixels differ; `None` if the old image is gone.
    deviation: Option<Deviation>,
    tolerance: u8,
    within_tolerance: bool,
    written: Option<PathBuf>,
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
    let bytes = read(&args.sidecar)?.ok_or_else(|| no_file(&shown))?;
    // Any file may have been named here, so never the store's advice to delete it.
    let not_one = |e: Error| if e.kind() == Kind::Invalid { Error::invalid(e.chain()).hint(NAME_ONE) } else { e };
    let sidecar = Sidecar::from_bytes(&bytes, &shown).map_err(not_one)?;
    let (Some(attempt), Some(facts)) = (sidecar.chosen, &sidecar.image) else {
        return Err(Error::invalid(format!("{shown} is of an asset that could not be made")));
    };
    let name = sidecar.bundle.parse().map_err(|e| Error::invalid(format!("{shown}: the bundle's name {e}")))?;
    let bundle = context.bundle(&BundleRef { name, digest: Some(sidecar.job.bundle.clone()) })?;
    let mut pipeline = context.pipeline(&bundle)?;
    let ask = Ask { job: Arc::new(sidecar.job.clone()), attempt };
    let made = Generator::generate(&mut pipeline, &[ask], &mut |_, _| ControlFlow::Continue(()))?.pop();
    let image = made.ok_or_else(|| Error::internal("no image came back"))??.image;
    let bytes = png::encode(&image, &sidecar.job, attempt)?;

    let provider_now = pipeline.describe().provider;
    let other_provider = provider_now != sidecar.provider;
    let tolerance = args.tolerance.unwrap_or(if other_provider { ACROSS_PROVIDERS } else { 0 });
    let old = args.sidecar.with_extension("png");
    let deviation = match read(&old)? {
        Some(old_bytes) => Some(deviation(&png::decode(&old_bytes, &old.display().to_string())?, &image)?),
        None => None,
    };
    let identical = Digest::of(&bytes).hex() == facts.sha256;
    if let Some(out) = &args.out {
        std::fs::write(out, &bytes).context(Kind::Unavailable, || format!("cannot write {}", out.display()))?;
    }
    let report = Report {
        job: sidecar.job.id.to_string(),
        provider_then: sidecar.provider,
        provider_now,
        identical,
        within_tolerance: deviation.as_ref().map_or(identical, |d| d.max <= tolerance),
        deviation,
        tolerance,
        written: args.out,
    };
    tell(&report, context);
    context.emit(&report)?;
    Ok(if report.within_tolerance { Outcome::Done } else { Outcome::SomeFailed })
}

fn tell(report: &Report, context: &Context) {
    let Report { provider_then, provider_now, tolerance, .. } = report;
    if provider_then != provider_now {
        context.say(format!("made on {provider_then}, made again on {provider_now}"));
    }
    context.say(match &report.deviation {
        Some(Deviation { max: 1.., .. }) if report.identical => {
            "the image of the sidecar came out again, byte for byte, but the picture beside the sidecar is another".to_owned()
        }
        _ if report.identical => "identical, byte for byte".to_owned(),
        None => "not identical, and the old image is not beside the sidecar to measure by how much".to_owned(),
        Some(Deviation { max: 0, .. }) => "the pixels are identical; the file differs in what it says about itself".to_owned(),
        Some(d) => format!(
            "differs by at most {} of 255 (tolerance {tolerance}), PSNR {:.1} dB, {:.2} % of the values",
            d.max,
            d.psnr.unwrap_or(f64::INFINITY),
            100.0 * d.differing,
        ),
    });
    if let Some(written) = &report.written {
        context.say(format!("written to {}", written.display()));
    }
}

/// A file's bytes, `None` if it is not there, never more than [`MAX_BYTES`].
fn read(path: &Path) -> Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    match std::fs::metadata(path) {
        Ok(meta) if meta.is_file() => {}
        // Reading a pipe would wait for ever.
        Ok(_) => return Err(Error::invalid(format!("{} is not a plain file", path.display())).hint(NAME_ONE)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(Error::invalid(format!("cannot read {}", path.display())).caused_by(e)),
    }
    let file = std::fs::File::open(path).context(Kind::Invalid, || format!("cannot read {}", path.display()))?;
    file.take(MAX_BYTES).read_to_end(&mut bytes).context(Kind::Invalid, || format!("cannot read {}", path.display()))?;
    Ok(Some(bytes))
}

fn no_file(shown: &str) -> Error {
    Error::invalid(format!("there is no {shown}")).hint(NAME_ONE)
}

fn deviation(old: &RgbImage, new: &RgbImage) -> Result<Deviation> {
    if old.dimensions() != new.dimensions() {
        return Err(Error::invalid(format!(
            "the old image is {:?}, the sidecar asks for {:?}",
            old.dimensions(),
            new.dimensions()
        )));
    }
    let differences = || old.as_raw().iter().zip(new.as_raw()).map(|(a, b)| a.abs_diff(*b));
    let count = old.as_raw().len().max(1) as f64;
    let square: f64 = differences().map(|d| f64::from(d).powi(2)).sum::<f64>() / count;
    Ok(Deviation {
        max: differences().max().unwrap_or(0),
        differing: differences().filter(|d| *d > 0).count() as f64 / count,
        psnr: (square > 0.0).then(|| 10.0 * (255.0f64.powi(2) / square).log10()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deviation_by_hand() {
        let old = RgbImage::from_pixel(2, 1, image::Rgb([10, 10, 10]));
        let mut new = old.clone();
        assert_eq!(deviation(&old, &new).unwrap(), Deviation { max: 0, differing: 0.0, psnr: None });
        new.put_pixel(1, 0, image::Rgb([10, 13, 10]));
        let found = deviation(&old, &new).unwrap(); // mean square 9/6 = 1.5
        assert_eq!((found.max, found.differing), (3, 1.0 / 6.0));
        assert!((found.psnr.unwrap() - 46.37).abs() < 0.01);
        assert!(deviation(&old, &RgbImage::new(1, 1)).is_err());
    }
}
