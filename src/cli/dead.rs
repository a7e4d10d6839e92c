//! `housestyle dead list|show|requeue`: manages dead letters, messages that were set aside after repeated failures.

use serde::Serialize;

use super::context::CommandContext;
use super::out::Out;
use super::outcome::CommandOutcome;
use super::table::Table;
use crate::app::AppResult;
use crate::app::dead_letters::RequeueRequest;
use crate::broker::DeadLetter;

/// Arguments of `dead`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List every dead letter, oldest first
    List,
    /// Show one dead letter: its reason and its content
    Show {
        /// The dead letter's id, as `list` prints it
        id: String,
    },
    /// Requeue dead letters, with their failure counts reset
    Requeue {
        /// Ids of dead letters, as `list` prints them
        #[arg(required_unless_present_any = ["all", "campaign"])]
        ids: Vec<String>,
        /// Requeue every dead letter of one campaign
        #[arg(long, value_name = "CAMPAIGN")]
        campaign: Option<String>,
        /// Requeue every dead letter
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        out: Out,
    },
}

/// Characters of a message that `show` prints, at most.
const SHOWN: usize = 20_000;
/// Characters of a reason that `list` prints, at most.
const REASON: usize = 100;

#[derive(Serialize)]
struct DeadLetterDocument<'a> {
    #[serde(flatten)]
    letter: &'a DeadLetter,
    body: String,
}

/// Runs the subcommand.
///
/// # Errors
/// Returns the error of the use case, or an error if the JSON document cannot be serialised.
pub async fn run(args: Args, context: &CommandContext) -> AppResult<CommandOutcome> {
    match args.command {
        Command::List => list(context).await,
        Command::Show { id } => show(&id, context).await,
        Command::Requeue { ids, campaign, all, out } => {
            let report = context.app.requeue(RequeueRequest { ids, campaign, all, out: out.place }).await?;
            context.say(format!("{} requeued", report.requeued.len()));
            context.emit(&report)?;
            Ok(CommandOutcome::Done)
        }
    }
}

async fn list(context: &CommandContext) -> AppResult<CommandOutcome> {
    let letters = context.app.dead_letters().await?;
    if letters.is_empty() {
        context.say("there are no dead letters");
    } else {
        let mut table = Table::new(["id", "campaign", "job", "reason"]);
        for letter in &letters {
            let or_none = |what: &Option<String>| what.clone().unwrap_or_else(|| "-".into());
            let reason = letter.reason.chars().take(REASON).collect();
            table.push([letter.id.clone(), or_none(&letter.campaign), or_none(&letter.job), reason]);
        }
        context.say_text(table.to_string());
    }
    context.emit(&letters)?;
    Ok(CommandOutcome::Done)
}

async fn show(id: &str, context: &CommandContext) -> AppResult<CommandOutcome> {
    let letter = context.app.dead_letter(id).await?;
    context.say(format!("id        {}", letter.id));
    context.say(format!("campaign  {}", letter.campaign.as_deref().unwrap_or("-")));
    context.say(format!("job       {}", letter.job.as_deref().unwrap_or("-")));
    context.say(format!("reason    {}", letter.reason));
    let body = letter.shown(SHOWN);
    context.say(&body);
    context.emit(&DeadLetterDocument { letter: &letter, body })?;
    Ok(CommandOutcome::Done)
}
