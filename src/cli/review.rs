//! `housestyle review sheet|import|show`: runs a blind review of the campaign's images and bought ones.
//!
//! `sheet` writes a page to vote on, `import` imports the votes that the page saved, `show` prints the result.

use std::path::PathBuf;

use super::context::CommandContext;
use super::eval::EvaluationArgs;
use super::lang::PageLanguage;
use super::out::Out;
use super::outcome::CommandOutcome;
use super::table::Table;
use crate::app::AppResult;
use crate::app::review::{ReviewRequest, SheetRequest, VotesFile};
use crate::base::names::Name;
use crate::eval::evaluation::ComparisonVerdict;
use crate::review::VoteTally;

/// Arguments of `review`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Write a review sheet: one HTML page, with the sides hidden and shuffled
    Sheet(SheetArgs),
    /// Import the votes that a sheet saved
    Import(ImportArgs),
    /// Show which side is preferred, with confidence interval, and how far the raters agree
    Show(ReviewArgs),
}

/// Arguments of `review sheet`.
#[derive(Debug, clap::Args)]
struct SheetArgs {
    #[command(flatten)]
    evaluation: EvaluationArgs,
    /// The person who votes
    #[arg(long, value_name = "NAME")]
    rater: String,
    /// Number of pairs on the sheet, at most
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pairs: u32,
    /// The sheet's language
    #[arg(long, value_enum, default_value_t)]
    lang: PageLanguage,
    /// The HTML page to write
    #[arg(long, default_value = "review.html", value_name = "FILE")]
    to: PathBuf,
}

/// The arguments that name a review.
#[derive(Debug, clap::Args)]
struct ReviewArgs {
    /// The campaign: its file (YAML), its id, or its name if no other campaign has it
    campaign: String,
    /// The baseline that the campaign is compared with
    #[arg(long, value_name = "NAME")]
    baseline: Name,
    #[command(flatten)]
    out: Out,
}

impl From<ReviewArgs> for ReviewRequest {
    fn from(args: ReviewArgs) -> Self {
        Self { campaign: args.campaign, baseline: args.baseline, out: args.out.place }
    }
}

/// Arguments of `review import`.
#[derive(Debug, clap::Args)]
struct ImportArgs {
    #[command(flatten)]
    review: ReviewArgs,
    /// The JSON files that sheets saved
    #[arg(required = true, value_name = "FILE")]
    votes: Vec<PathBuf>,
}

/// Runs the subcommand.
///
/// # Errors
/// Returns the error of the use case, or an error if the JSON document cannot be serialised.
pub async fn run(args: Args, context: &CommandContext) -> AppResult<CommandOutcome> {
    match args.command {
        Command::Sheet(args) => sheet(args, context).await,
        Command::Import(args) => import(args, context).await,
        Command::Show(args) => show(args, context).await,
    }
}

async fn sheet(args: SheetArgs, context: &CommandContext) -> AppResult<CommandOutcome> {
    let SheetArgs { evaluation, rater, pairs, lang, to } = args;
    let out = evaluation.out.place.clone();
    let request = SheetRequest { evaluation: evaluation.into(), rater, pairs: pairs as usize, lang: lang.into(), to };
    let sheet = context.app.write_sheet(request).await?;
    context.say(format!("{} pairs for {}: {}", sheet.pairs, sheet.rater, sheet.file));
    context.say(format!(
        "then: housestyle review import {} votes-{}.json --baseline {} --out {}",
        sheet.campaign,
        sheet.sheet,
        sheet.baseline,
        context.app.place(out.as_deref())
    ));
    context.emit(&sheet)?;
    Ok(CommandOutcome::Done)
}

async fn import(args: ImportArgs, context: &CommandContext) -> AppResult<CommandOutcome> {
    let (mut sheets, mut refused) = (Vec::new(), Vec::new());
    for VotesFile { file, result } in context.app.import_votes(args.review.into(), args.votes).await? {
        match result {
            Ok(cast) => {
                context.say(format!("{file}: {} votes of {} imported", cast.votes.len(), cast.rater));
                sheets.push(cast.sheet);
            }
            Err(error) => {
                context.say(format!("{file}: refused: {}", error.chain()));
                refused.push(error);
            }
        }
    }
    let count = refused.len();
    if let Some(error) = refused.pop().filter(|_| sheets.is_empty()) {
        return Err(error.into());
    }
    context.emit(&serde_json::json!({ "sheets": sheets, "refused": count }))?;
    Ok(if count > 0 { CommandOutcome::SomeFailed } else { CommandOutcome::Done })
}

async fn show(args: ReviewArgs, context: &CommandContext) -> AppResult<CommandOutcome> {
    match context.app.count_votes(args.into()).await? {
        Some(tally) => {
            context.say_text(describe(&tally).to_string());
            context.emit(&tally)?;
        }
        None => {
            context.say("there are no votes yet");
            context.emit(&serde_json::json!({ "votes": 0 }))?;
        }
    }
    Ok(CommandOutcome::Done)
}

fn describe(tally: &VoteTally) -> Table {
    let percent = |share: f64| format!("{:.0} %", 100.0 * share);
    let verdict = match tally.verdict {
        ComparisonVerdict::InHouse => "the in-house images are preferred",
        ComparisonVerdict::Outsourced => "the bought images are preferred",
        ComparisonVerdict::NotEnoughEvidence => "not enough evidence",
    };
    let mut table = Table::plain();
    let counts = format!("{} house, {} neither, {} bought", tally.in_house, tally.ties, tally.outsourced);
    table.pair("votes", format!("{} on {} pairs: {counts}", tally.votes, tally.pairs));
    table.pair("win rate", format!("{} ({} to {})", percent(tally.win_rate), percent(tally.low), percent(tally.high)));
    table.pair("verdict", format!("{verdict} (p = {:.3})", tally.p));
    let agreement = tally.agreement.map_or_else(|| "one rater per pair".into(), |alpha| format!("alpha = {alpha:.2}"));
    table.pair("agreement", agreement);
    if let Some(p) = tally.preferred {
        table.pair("preferred", format!("{} ({} to {})", percent(p.value), percent(p.low), percent(p.high)));
    }
    for rater in &tally.raters {
        let quality = rater.quality.map_or_else(String::new, |q| format!(", reliability {}", percent(q)));
        table.pair(&rater.name, format!("{} votes{quality}", rater.votes));
    }
    table
}
