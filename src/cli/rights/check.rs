//! `housestyle rights check STYLESET…`: checks for every picture whether it may be used for training. Any that may
//! not makes the exit code 2.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::app::AppResult;
use crate::app::rights::check::{PictureRights, RightsCheckRequest};
use crate::base::error::Error;
use crate::cli::context::CommandContext;
use crate::cli::out::Out;
use crate::cli::outcome::CommandOutcome;
use crate::cli::table::{Table, shortened};
use crate::cli::words::ruling;

/// Number of refused pictures that are listed.
const NAMED: usize = 50;

/// Arguments of `rights check`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Style set files
    #[arg(required = true, value_name = "STYLESET")]
    sets: Vec<PathBuf>,
    #[command(flatten)]
    out: Out,
}

/// Checks the rights in every picture and prints the result.
///
/// # Errors
/// As [`App::check_rights`](crate::app::App::check_rights), and if a picture may not be used for training.
pub async fn run(args: Args, context: &CommandContext) -> AppResult<CommandOutcome> {
    let report = context.app.check_rights(RightsCheckRequest { sets: args.sets, out: args.out.place }).await?;
    context.say_text(describe(&report.pictures).to_string());
    let refused: Vec<String> = report
        .refused()
        .map(|picture| format!("refused: {}: {} {}", picture.set, picture.file, picture.reason))
        .collect();
    let count = refused.len();
    for line in shortened(refused, NAMED) {
        context.say(line);
    }
    context.emit(&report)?;
    if count == 0 {
        return Ok(CommandOutcome::Done);
    }
    let error = Error::invalid(format!("{count} picture(s) may not be used for training"));
    let hint = "remove them from the style set, complete their rights, or add the licence to `allowed_licences`";
    Err(error.hint(hint).into())
}

/// Tabulates the pictures by set, source, licence, holder and ruling.
fn describe(pictures: &[PictureRights]) -> Table {
    let mut groups: BTreeMap<[String; 5], usize> = BTreeMap::new();
    let shown = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".into());
    for picture in pictures {
        let (source, licence, holder) = (shown(&picture.source), shown(&picture.licence), shown(&picture.holder));
        *groups.entry([picture.set.clone(), source, licence, holder, ruling(picture.ruling).into()]).or_default() += 1;
    }
    let mut table = Table::new(["style set", "pictures", "source", "licence", "holder", "use"]);
    for ([set, source, licence, holder, ruling], count) in groups {
        table.push([set, count.to_string(), source, licence, holder, ruling]);
    }
    table
}
