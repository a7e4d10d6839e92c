//! `housestyle baseline import SOURCE --name NAME --campaign CAMPAIGN`: imports an agency's delivery, scored and
//! paired with a campaign's briefs. Every refused picture is listed with its reason, and any makes the exit code 3.

use std::path::PathBuf;

use super::context::CommandContext;
use super::out::Out;
use super::outcome::CommandOutcome;
use super::table::{Table, shortened};
use crate::app::AppResult;
use crate::app::import_baseline::ImportBaselineRequest;
use crate::base::names::Name;
use crate::eval::baseline::index::IndexDefaults;

/// Number of refused pictures that are listed.
const NAMED: usize = 20;

/// Arguments of `baseline`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Import a delivery: pictures and an index of briefs, vendors, prices and dates
    Import(ImportArgs),
}

/// Arguments of `baseline import`.
#[derive(Debug, clap::Args)]
struct ImportArgs {
    /// A folder, a zip file, or `store:PREFIX` for keys of the store that --out names
    source: String,
    /// The baseline's name
    #[arg(long)]
    name: Name,
    /// The campaign whose briefs the pictures answer: its file (YAML), its id, or its name if no other campaign has
    /// it
    #[arg(long)]
    campaign: String,
    /// Index file (CSV or YAML) with one row per picture; without it, index.csv or index.yaml in the source
    #[arg(long, value_name = "FILE")]
    index: Option<PathBuf>,
    /// Encoding of a CSV index, such as shift_jis or windows-1252; without it, it is detected
    #[arg(long, value_name = "NAME")]
    encoding: Option<String>,
    /// Vendor of pictures for which the index names none
    #[arg(long)]
    vendor: Option<String>,
    /// Licence (SPDX, or LicenseRef-… if the settings allow it) of pictures for which the index names none
    #[arg(long)]
    licence: Option<String>,
    /// Rights holder of pictures for which the index names none
    #[arg(long)]
    holder: Option<String>,
    /// Let the workers behind the broker score the pictures; they must share the store
    #[arg(long)]
    queue: bool,
    /// Currency of prices for which the index names none
    #[arg(long)]
    currency: Option<String>,
    #[command(flatten)]
    out: Out,
}

/// Runs the subcommand.
///
/// # Errors
/// As [`App::import_baseline`](crate::app::App::import_baseline), and if the JSON document cannot be serialised.
pub async fn run(args: Args, context: &CommandContext) -> AppResult<CommandOutcome> {
    match args.command {
        Command::Import(args) => import(args, context).await,
    }
}

async fn import(args: ImportArgs, context: &CommandContext) -> AppResult<CommandOutcome> {
    context.app.shutdown.on_signals();
    let ImportArgs { vendor, currency, licence, holder, .. } = args;
    let request = ImportBaselineRequest {
        source: args.source,
        name: args.name,
        campaign: args.campaign,
        index: args.index,
        encoding: args.encoding,
        defaults: IndexDefaults { vendor, currency, licence, holder, source: None },
        by_workers: args.queue,
        out: args.out.place,
    };
    let Some(report) = context.app.import_baseline(request).await? else { return Ok(CommandOutcome::Stopped) };
    if !report.refused.is_empty() {
        context.say(format!("{} refused:", report.refused.len()));
        let mut table = Table::plain();
        for refused in &report.refused {
            table.pair(&refused.file, refused.reason.clone());
        }
        let lines = table.to_string().lines().map(ToOwned::to_owned).collect();
        shortened(lines, NAMED).into_iter().for_each(|line| context.say(format!("  {line}")));
    }
    let (imported, briefs) = (report.imported, report.briefs);
    context
        .say(format!("{imported} pictures for {briefs} briefs of {} imported as {}", report.campaign, report.baseline));
    context.emit(&report)?;
    Ok(if report.refused.is_empty() { CommandOutcome::Done } else { CommandOutcome::SomeFailed })
}
