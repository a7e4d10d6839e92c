//! `housestyle encoders list`: prints every version in one table.

use crate::app::AppResult;
use crate::app::encoders::list::{EncoderRow, ListEncodersRequest};
use crate::cli::context::CommandContext;
use crate::cli::out::Out;
use crate::cli::outcome::CommandOutcome;
use crate::cli::table::Table;

/// Arguments of `encoders list`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    out: Out,
}

/// Prints the table of versions.
///
/// # Errors
/// As [`App::list_encoders`](crate::app::App::list_encoders), and if the JSON document cannot be serialised.
pub async fn run(args: Args, context: &CommandContext) -> AppResult<CommandOutcome> {
    let list = context.app.list_encoders(ListEncodersRequest { out: args.out.place }).await?;
    if list.versions.is_empty() {
        context.say("the store has no trained encoder; `housestyle train STYLESET` trains one");
    } else {
        context.say_text(describe(&list.versions).to_string());
    }
    for reason in &list.unreadable {
        context.say(format!("cannot be read: {reason}"));
    }
    context.emit(&list)?;
    Ok(CommandOutcome::Done)
}

fn describe(versions: &[EncoderRow]) -> Table {
    let score = |score: Option<f64>| score.map_or_else(|| "-".into(), |score| format!("{score:.3}"));
    let mut table = Table::new(["version", "trained", "bundle", "pictures", "style", "category", "state", ""]);
    for row in versions {
        let note = match (&row.unusable, row.due.is_empty()) {
            (Some(reason), _) => reason.clone(),
            (None, false) => format!("due: {}", row.due.join(", ")),
            (None, true) => String::new(),
        };
        let (version, trained, pictures) = (row.version.to_string(), row.trained.to_string(), row.pictures.to_string());
        let (style, category) = (score(row.style), score(row.category));
        table.push([version, trained, row.bundle.to_string(), pictures, style, category, row.state.into(), note]);
    }
    table
}
