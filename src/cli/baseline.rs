//! `housestyle baseline import SOURCE --name NAME --campaign CAMPAIGN`: what an agency delivered, scored and paired
//! with a campaign's briefs. What is refused is named with its reason, and makes the exit code 3.

use std::path::PathBuf;

use super::context::CommandContext;
use super::out::Out;
use super::outcome::CommandOutcome;
use super::table::{Table, shortened};
use crate::app::AppResult;
use crate::app::import_baseline::ImportBaselineRequest;
use crate::base::names::Name;
use crate::eval::baseline::index::IndexDefaults;

/// Pictures refused that are named one by one.
const NAMED: usize = 20;

/// Arguments of `baseline`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Import what was delivered: pictures and an index of briefs, vendors, prices and dates
    Import(ImportArgs),
}

/// Arguments of `baseline import`.
#[derive(Debug, clap::Args)]
struct ImportArgs {
    /// A folder, a zip file, or `store:PREFIX` for keys of the store that --out names
    source: String,
    /// How the baseline is called from then on
    #[arg(long)]
    name: Name,
    /// The campaign whose briefs it answers: its file (YAML), its id, or its name if no other campaign has it
    #[arg(long)]
    campaign: String,
    /// CSV or YAML with one row a picture; without it, index.csv or index.yaml in the source
    #[arg(long, value_name = "FILE")]
    index: Option<PathBuf>,
    /// Encoding of a CSV index, such as shift_jis or windows-1252, where it is not recognised
    #[arg(long, value_name = "NAME")]
    encoding: Option<String>,
    /// Who delivered, where the index does not say
    #[arg(long)]
    vendor: Option<String>,
    /// The licence (SPDX, or LicenseRef-… if the settings allow it), where the index does not say
    #[arg(long)]
    licence: Option<String>,
    /// Who holds the rights, where the index does not say
    #[arg(long)]
    holder: Option<String>,
    /// Let the workers behind the broker judge the pictures; they must share the store
    #[arg(long)]
    queue: bool,
    /// Currency of the prices, where the index does not say
    #[arg(long)]
    currency: Option<String>,
    #[command(flatten)]
    out: Out,
}

/// Runs the subcommand.
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
