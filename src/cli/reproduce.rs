//! `housestyle reproduce SIDECAR [--to FILE]`: makes one asset again from its sidecar and the bundle, and reports the
//! deviation from the stored image.

use std::path::PathBuf;

use super::context::CommandContext;
use super::outcome::CommandOutcome;
use crate::app::AppResult;
use crate::app::reproduce::{Deviation, OldFile, ReproduceReport, ReproduceRequest};

/// Arguments of `reproduce`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The asset's sidecar (JSON)
    sidecar: PathBuf,
    /// File to write the new image to; without it, the image is only compared
    #[arg(long, alias = "out", value_name = "FILE")]
    to: Option<PathBuf>,
    /// Largest allowed difference of a colour value [default: 0 on the same provider, 8 on another]
    #[arg(long, value_name = "0-255")]
    tolerance: Option<u8>,
}

/// Makes the asset again and prints the comparison.
///
/// # Errors
/// As [`App::reproduce`](crate::app::App::reproduce), and if the JSON document cannot be serialised.
pub async fn run(args: Args, context: &CommandContext) -> AppResult<CommandOutcome> {
    let request = ReproduceRequest { sidecar: args.sidecar, to: args.to, tolerance: args.tolerance };
    let report = context.app.reproduce(request).await?;
    describe(&report, context);
    context.emit(&report)?;
    let fine = report.within_tolerance && report.old_file != OldFile::Changed && report.damage.is_none();
    Ok(if fine { CommandOutcome::Done } else { CommandOutcome::SomeFailed })
}

fn describe(report: &ReproduceReport, context: &CommandContext) {
    let ReproduceReport { provider_then, provider_now, tolerance, .. } = report;
    if provider_then != provider_now {
        context.say(format!("made on {provider_then}, made again on {provider_now}"));
    }
    context.say(match (report.old_file, &report.damage) {
        (OldFile::Gone, _) => "the old image is missing beside the sidecar".to_owned(),
        (OldFile::AsRecorded, None) => "the old image is the recorded file".to_owned(),
        (OldFile::Changed, None) => "the old image is not the recorded file: its digest differs".to_owned(),
        (_, Some(damage)) => format!("the old image is damaged: {damage}"),
    });
    context.say(match (&report.failure, &report.deviation) {
        (Some(failure), _) => format!("no image was made this time: {failure}"),
        _ if report.identical => "the new image is identical to the recorded one, byte for byte".to_owned(),
        (_, None) => "the new image is not identical, and there is no old image to compare it with".to_owned(),
        (_, Some(Deviation { max: 0, .. })) => {
            "the pixels of the new image are identical; only the metadata of the file differs".to_owned()
        }
        (_, Some(d)) => format!(
            "the new image differs by at most {} of 255 (tolerance {tolerance}), PSNR {:.1} dB, {:.2} % of the values",
            d.max,
            d.psnr.unwrap_or(f64::INFINITY),
            100.0 * d.differing,
        ),
    });
    if let Some(written) = &report.written {
        context.say(format!("written to {}", written.display()));
    }
}
