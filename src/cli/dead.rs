//! `housestyle dead list|show|requeue`: what was given up on, with the reason and what it was about.
//!
//! Always holds: looking changes nothing; what cannot be read is shown escaped, and stays where it is.

use serde::Serialize;

use super::{Context, Out, Outcome, table};
use crate::base::error::{Error, Result};
use crate::broker::DeadLetter;
use crate::campaign::layout::Layout;

/// Arguments of `dead`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Everything that was given up on, oldest first
    List,
    /// One message: the reason, and what it says
    Show {
        /// Its id, as `list` prints it
        id: String,
    },
    /// Put messages back to work, their failures forgotten
    Requeue {
        /// Their ids, as `list` prints them
        #[arg(required_unless_present_any = ["all", "campaign"])]
        ids: Vec<String>,
        /// All of one campaign
        #[arg(long, value_name = "CAMPAIGN")]
        campaign: Option<String>,
        /// All
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        out: Out,
    },
}

/// How much of a message `show` shows.
const SHOWN: usize = 20_000;

#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    letter: &'a DeadLetter,
    body: String,
}

#[derive(Serialize)]
struct Requeued {
    requeued: Vec<DeadLetter>,
}

/// Runs the subcommand.
pub fn run(args: Args, context: &Context) -> Result<Outcome> {
    match args.command {
        Command::List => list(context),
        Command::Show { id } => show(&id, context),
        Command::Requeue { ids, campaign, all, out } => requeue(&ids, campaign.as_deref(), all, &out, context),
    }
}

fn letters(context: &Context) -> Result<Vec<DeadLetter>> {
    context.block_on(async { context.broker(1).await?.dead_letters().await })
}

fn list(context: &Context) -> Result<Outcome> {
    let letters = letters(context)?;
    let mut rows = vec![["id", "campaign", "job", "reason"].map(String::from).to_vec()];
    rows.extend(letters.iter().map(|letter| {
        let or_none = |what: &Option<String>| what.clone().unwrap_or_else(|| "-".into());
        let reason = letter.reason.chars().take(100).collect();
        vec![letter.id.clone(), or_none(&letter.campaign), or_none(&letter.job), reason]
    }));
    match letters.is_empty() {
        true => context.say("nothing was given up on"),
        false => context.say_text(table::table(&rows)),
    }
    context.emit(&letters)?;
    Ok(Outcome::Done)
}

fn show(id: &str, context: &Context) -> Result<Outcome> {
    let letters = letters(context)?;
    let letter = letters.iter().find(|letter| letter.id == id).ok_or_else(|| unknown(id))?;
    context.say(format!("id        {}", letter.id));
    context.say(format!("campaign  {}", letter.campaign.as_deref().unwrap_or("-")));
    context.say(format!("job       {}", letter.job.as_deref().unwrap_or("-")));
    context.say(format!("reason    {}", letter.reason));
    let body = letter.shown(SHOWN);
    context.say(&body);
    context.emit(&Shown { letter, body })?;
    Ok(Outcome::Done)
}

fn requeue(ids: &[String], campaign: Option<&str>, all: bool, out: &Out, context: &Context) -> Result<Outcome> {
    let store = context.store(out)?;
    let requeued = context.block_on(async {
        let queue = context.broker(1).await?;
        let there = queue.dead_letters().await?;
        if let Some(id) = ids.iter().find(|id| !there.iter().any(|letter| letter.id == **id)) {
            return Err(unknown(id));
        }
        let wanted = |letter: &DeadLetter| {
            all || ids.contains(&letter.id) || (campaign.is_some() && letter.campaign.as_deref() == campaign)
        };
        // The notes go first: a job that is made again and dies again writes its own.
        for message in there.iter().filter(|letter| wanted(letter)).filter_map(DeadLetter::message) {
            store.delete(&Layout::new(message.job.campaign.as_str())?.grave(&message.job.stem)?).await?;
        }
        queue.requeue(wanted).await
    })?;
    context.say(format!("{} put back to work", requeued.len()));
    context.emit(&Requeued { requeued })?;
    Ok(Outcome::Done)
}

fn unknown(id: &str) -> Error {
    Error::invalid(format!("nothing that was given up on has the id {id:?}")).hint("`housestyle dead list` shows every id")
}
