//! `housestyle baseline import SOURCE --name NAME --campaign CAMPAIGN`: what an agency delivered, judged and paired with a
//! campaign's briefs.
//!
//! Always holds: what is refused is named with its reason, and makes the exit code 3; the baseline is there whole or not at all.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use image::RgbImage;
use serde::Serialize;

use super::table::{shortened, table};
use super::{Context, Out, Outcome};
use crate::base::error::{Error, Kind, Result};
use crate::base::names::{BundleRef, Name};
use crate::coordinator::scoring::ClusterScorer;
use crate::eval::baseline::index::{IndexDefaults, MAX_BYTES};
use crate::eval::baseline::{Baseline, DeliveryIndex, DeliverySource, Import, Refused, RequestedBriefs, ScoringBackend};
use crate::io::files;
use crate::pipeline::{Expected, Scorer};
use crate::store::{Key, Store};

/// Pictures refused that are told one by one.
const TOLD: usize = 20;

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
    /// The campaign whose briefs it answers: its file (YAML), its id, or its name where only one has it
    #[arg(long)]
    campaign: String,
    /// CSV or YAML with one row a picture; without it, index.csv or index.yaml in the source
    #[arg(long, value_name = "FILE")]
    index: Option<PathBuf>,
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

/// What `--json` prints.
#[derive(Serialize)]
struct Report<'a> {
    baseline: &'a Name,
    campaign: &'a str,
    imported: usize,
    /// Briefs of the campaign that are answered.
    briefs: usize,
    refused: &'a [Refused],
}

/// Runs the subcommand.
pub fn run(args: Args, context: &Context) -> Result<Outcome> {
    match args.command {
        Command::Import(args) => import(args, context),
    }
}

fn import(args: ImportArgs, context: &Context) -> Result<Outcome> {
    let store: Arc<dyn Store> = context.store(&args.out)?;
    // Of the plan only its briefs stay: all its jobs beside the models would be the most memory that an import takes.
    let asked = RequestedBriefs::of(
        &context.block_on(context.plan_of(&args.campaign, &store)).map_err(|failure| context.failed(failure))?,
    );
    let mut source = match args.source.strip_prefix("store:") {
        Some(prefix) => DeliverySource::Prefix(Arc::clone(&store), Key::new(prefix)?),
        None => DeliverySource::open(Path::new(&args.source))?,
    };
    let defaults = IndexDefaults {
        vendor: args.vendor.clone(),
        currency: args.currency.clone(),
        licence: args.licence.clone(),
        holder: args.holder.clone(),
        source: None,
    };
    let baseline = context.block_on(async {
        let (name, bytes) = match &args.index {
            Some(path) => (path.display().to_string(), read_index(path)?),
            None => source.own_index(MAX_BYTES).await?,
        };
        let index = DeliveryIndex::parse(&bytes, &name, &defaults)?;
        let listed = index.rows.len() + index.refused.len();
        let mut bench = Bench::new(&args, &asked, &store, context).await?;
        context.say(format!("{listed} pictures listed"));
        let policy = context.policy();
        let mut here;
        let judge = match &mut bench {
            Bench::Here(scorer) => {
                here = |expected: Expected<'_>, picture: &RgbImage| scorer.score(expected, picture);
                ScoringBackend::Here(&mut here)
            }
            Bench::Workers(workers) => ScoringBackend::Remote(&**workers),
        };
        let work = Import { store: &*store, name: &args.name, asked: &asked, policy: &policy, judge };
        context.shutdown.on_signals();
        let step = &mut |_: usize, _: usize| match context.shutdown.requested() {
            true => Err(Error::new(Kind::Transient, "asked to stop; nothing was imported")),
            false => Ok(()),
        };
        work.run(&mut source, index, step).await
    });
    let baseline = match baseline {
        Err(_) if context.shutdown.requested() => return Ok(Outcome::Stopped),
        baseline => baseline?,
    };
    tell(&baseline, context)
}

/// Who judges.
enum Bench {
    Here(Box<Scorer>),
    Workers(Box<ClusterScorer>),
}

impl Bench {
    async fn new(args: &ImportArgs, asked: &RequestedBriefs, store: &Arc<dyn Store>, context: &Context) -> Result<Self> {
        if args.queue {
            let speaker = context.clone();
            return Ok(Self::Workers(Box::new(ClusterScorer {
                orders: context.broker(1).await?.orders(),
                store: Arc::clone(store),
                baseline: args.name.clone(),
                bundle: asked.digest,
                shutdown: context.shutdown.clone(),
                say: Box::new(move |text| speaker.say(text)),
            })));
        }
        let reference = BundleRef { name: asked.bundle.parse().map_err(Error::invalid)?, digest: Some(asked.digest) };
        let bundle = context.bundle(&reference)?;
        Ok(Self::Here(Box::new(Scorer::load(&context.app.loader(bundle)?)?)))
    }
}

fn tell(baseline: &Baseline, context: &Context) -> Result<Outcome> {
    let refused: Vec<Vec<String>> = baseline.refused.iter().map(|r| vec![r.file.clone(), r.reason.clone()]).collect();
    if !refused.is_empty() {
        context.say(format!("{} refused:", refused.len()));
        let lines = table(&refused).lines().map(ToOwned::to_owned).collect();
        shortened(lines, TOLD).into_iter().for_each(|line| context.say(format!("  {line}")));
    }
    let Baseline { pictures: imported, briefs, ref name, .. } = *baseline;
    context.say(format!("{imported} pictures for {briefs} briefs of {} imported as {name}", baseline.campaign));
    context.emit(&Report { baseline: name, campaign: &baseline.campaign, imported, briefs, refused: &baseline.refused })?;
    Ok(if baseline.refused.is_empty() { Outcome::Done } else { Outcome::SomeFailed })
}

fn read_index(path: &Path) -> Result<Vec<u8>> {
    files::read(path, MAX_BYTES).map_err(|e| {
        Error::invalid(format!("cannot read the index {}", path.display()))
            .caused_by(e)
            .hint("name a CSV or YAML file with --index")
    })
}
