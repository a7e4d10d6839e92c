//! `housestyle review sheet|import|show`: people vote blind on the house's images beside bought ones.
//!
//! `sheet` writes a page to vote on, `import` takes in what the page saved, `show` says who wins. Always holds: whose image was
//! on which side stays in the store; votes are only ever added.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use crate::base::digest::Digest;
use serde::Serialize;

use super::table::table;
use super::{Context, Out, Outcome, eval, report};
use crate::base::error::{Error, Result};
use crate::base::names::Name;
use crate::base::time::Timestamp;
use crate::eval::evaluation::{Arm, AssetScore, ComparisonVerdict};
use crate::eval::{Evaluation, baseline};
use crate::html::{Lang, thumbnail};
use crate::io::files;
use crate::review::{Ballot, BallotQuestion, Handout, Reviews, VoteTally, ballot_page, tally};
use crate::store::{Key, Store};

/// A ballot is a few kilobytes.
const MAX_BYTES: u64 = 1 << 20;
/// Largest side of a picture on a sheet.
const SIDE: u32 = 384;

/// Arguments of `review`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Write a sheet to vote on: one page, sides hidden and shuffled
    Sheet(SheetArgs),
    /// Take in the votes that a sheet saved
    Import(ImportArgs),
    /// Say who wins, how surely, and whether the raters agree
    Show(Of),
}

/// Arguments of `review sheet`.
#[derive(Debug, clap::Args)]
struct SheetArgs {
    #[command(flatten)]
    what: eval::What,
    /// Who votes on it
    #[arg(long, value_name = "NAME")]
    rater: String,
    /// Pairs on the sheet, at most
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pairs: u32,
    /// The sheet's language
    #[arg(long, value_enum, default_value_t)]
    lang: Lang,
    /// The page that is written
    #[arg(long, default_value = "review.html", value_name = "FILE")]
    to: PathBuf,
}

/// Which review.
#[derive(Debug, clap::Args)]
struct Of {
    /// The campaign: its file (YAML), its id, or its name where only one has it
    campaign: String,
    /// The baseline it is held against
    #[arg(long, value_name = "NAME")]
    baseline: Name,
    #[command(flatten)]
    out: Out,
}

/// Arguments of `review import`.
#[derive(Debug, clap::Args)]
struct ImportArgs {
    #[command(flatten)]
    of: Of,
    /// The JSON files that sheets saved
    #[arg(required = true, value_name = "FILE")]
    votes: Vec<PathBuf>,
}

/// What `--json` prints of a sheet; nothing that tells the sides.
#[derive(Serialize)]
struct Written<'a> {
    sheet: &'a str,
    rater: &'a str,
    pairs: usize,
    file: String,
}

/// Runs the subcommand.
pub fn run(args: Args, context: &Context) -> Result<Outcome> {
    match args.command {
        Command::Sheet(args) => hand_out(&args, context),
        Command::Import(args) => import(&args, context),
        Command::Show(of) => show(&of, context),
    }
}

fn hand_out(args: &SheetArgs, context: &Context) -> Result<Outcome> {
    if args.what.baseline.is_none() {
        return Err(Error::invalid("a review needs something to compare with").hint("name a baseline with --baseline NAME"));
    }
    let evaluation = eval::look(&args.what, context)?;
    let store: Arc<dyn Store> = context.store(&args.what.out)?;
    let baseline = evaluation.outsourced.as_ref().map(|facts| facts.name.clone()).unwrap_or_default();
    let reviews = Reviews::new(&*store, &evaluation.campaign, &baseline)?;
    let handout = context.block_on(reviews.hand_out(&evaluation, &args.rater, args.pairs as usize, &secret()?))?;
    let pictures = pictures(&handout, &evaluation, &*store, context)?;
    let page = ballot_page::page(&handout, args.lang, |arm, id| {
        pictures.iter().find(|(of, name, _)| *of == arm && name == id).map(|(.., picture)| picture.clone())
    });
    let file = report::write(&args.to, &page)?;
    context.say(format!("{} pairs for {}: {file}", handout.questions.len(), handout.rater));
    context.say(format!(
        "then: housestyle review import {} votes-{}.json --baseline {baseline} --out {}",
        evaluation.campaign,
        handout.sheet,
        context.place(&args.what.out)
    ));
    context.emit(&Written { sheet: &handout.sheet, rater: &handout.rater, pairs: handout.questions.len(), file })?;
    Ok(Outcome::Done)
}

/// What shuffles a sheet: random names that only this process saw.
fn secret() -> Result<String> {
    let folder = tempfile::tempdir().map_err(|e| Error::unavailable("cannot make a folder for a moment").caused_by(e))?;
    let seen = format!("{} {} {}", folder.path().display(), std::process::id(), Timestamp::now());
    Ok(Digest::of(seen).hex())
}

type Pictures = Vec<(Arm, String, crate::html::Thumbnail)>;

fn pictures(handout: &Handout, evaluation: &Evaluation, store: &dyn Store, context: &Context) -> Result<Pictures> {
    let asked =
        |question: &BallotQuestion| [(Arm::InHouse, question.in_house.clone()), (Arm::Outsourced, question.outsourced.clone())];
    let asked: BTreeSet<(Arm, String)> = handout.questions.iter().flat_map(asked).collect();
    let mut shown = Vec::new();
    for asset in evaluation.assets.iter() {
        let AssetScore { arm, id, image, .. } = asset?;
        let Some(name) = image.filter(|_| asked.contains(&(arm, id.clone()))) else { continue };
        if let Some(bytes) = context.block_on(store.get(&Key::new(&name)?))? {
            shown.push((arm, id, thumbnail(&bytes, &name, SIDE)?));
        }
    }
    Ok(shown)
}

/// The campaign's id; that the baseline is there, too.
fn campaign(of: &Of, store: &Arc<dyn Store>, context: &Context) -> Result<String> {
    context.block_on(baseline::Baseline::load(&**store, &of.baseline))?;
    Ok(context.block_on(context.plan_of(&of.campaign, store)).map_err(|failure| context.failed(failure))?.campaign.to_string())
}

fn import(args: &ImportArgs, context: &Context) -> Result<Outcome> {
    let store: Arc<dyn Store> = context.store(&args.of.out)?;
    let campaign = campaign(&args.of, &store, context)?;
    let reviews = Reviews::new(&*store, &campaign, args.of.baseline.as_str())?;
    let (mut added, mut refused) = (Vec::new(), Vec::new());
    for path in &args.votes {
        let file = path.display().to_string();
        match ballot(path).and_then(|ballot| context.block_on(reviews.cast(&ballot))) {
            Ok(cast) => {
                context.say(format!("{file}: {} votes of {} taken in", cast.votes.len(), cast.rater));
                added.push(cast.sheet);
            }
            Err(error) if error.is_about_the_input() => {
                context.say(format!("{file}: refused: {}", error.chain()));
                refused.push(error);
            }
            Err(error) => return Err(error),
        }
    }
    match (added.is_empty(), refused.pop()) {
        (true, Some(error)) => Err(error),
        (_, error) => {
            context.emit(&serde_json::json!({ "sheets": added, "refused": args.votes.len() - added.len() }))?;
            Ok(if error.is_some() { Outcome::SomeFailed } else { Outcome::Done })
        }
    }
}

fn ballot(path: &std::path::Path) -> Result<Ballot> {
    let shown = path.display();
    let bytes = files::read(path, MAX_BYTES).map_err(|e| Error::invalid(format!("cannot read {shown}")).caused_by(e))?;
    serde_json::from_slice(&bytes).map_err(|e| {
        Error::invalid(format!("{shown} does not hold the votes of a sheet"))
            .caused_by(e)
            .hint("name the JSON file that the sheet's button saved")
    })
}

fn show(of: &Of, context: &Context) -> Result<Outcome> {
    let store: Arc<dyn Store> = context.store(&of.out)?;
    let campaign = campaign(of, &store, context)?;
    let ballots = context.block_on(Reviews::new(&*store, &campaign, of.baseline.as_str())?.all())?;
    let usual = crate::eval::run::settings();
    match tally(&ballots, usual.least_briefs, usual.seed) {
        Some(tally) => {
            context.say_text(describe(&tally));
            context.emit(&tally)?;
        }
        None => {
            context.say("nobody has voted yet");
            context.emit(&serde_json::json!({ "votes": 0 }))?;
        }
    }
    Ok(Outcome::Done)
}

fn describe(tally: &VoteTally) -> String {
    let percent = |share: f64| format!("{:.0} %", 100.0 * share);
    let verdict = match tally.verdict {
        ComparisonVerdict::InHouse => "the house is preferred",
        ComparisonVerdict::Outsourced => "what was bought is preferred",
        ComparisonVerdict::NotEnoughEvidence => "not enough evidence",
    };
    let row = |name: &str, value: String| vec![name.to_owned(), value];
    let mut rows = vec![
        row(
            "votes",
            format!(
                "{} on {} pairs: {} house, {} neither, {} bought",
                tally.votes, tally.pairs, tally.in_house, tally.ties, tally.outsourced
            ),
        ),
        row("win rate", format!("{} ({} to {})", percent(tally.win_rate), percent(tally.low), percent(tally.high))),
        row("verdict", format!("{verdict} (p = {:.3})", tally.p)),
        row("agreement", tally.agreement.map_or_else(|| "one rater a pair".into(), |alpha| format!("alpha = {alpha:.2}"))),
    ];
    if let Some(p) = tally.preferred {
        rows.push(row("preferred", format!("{} ({} to {})", percent(p.value), percent(p.low), percent(p.high))));
    }
    for rater in &tally.raters {
        let quality = rater.quality.map_or_else(String::new, |q| format!(", reliability {}", percent(q)));
        rows.push(row(&rater.name, format!("{} votes{quality}", rater.votes)));
    }
    table(&rows)
}
