//! `housestyle schema`: prints the JSON Schema of campaign files, with or without `--json`.

use super::{Context, Outcome};
use crate::error::Result;
use crate::spec::schema;
use std::io::Write as _;

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Prints the schema. A reader that went away is not an error.
pub fn run(_args: Args, _context: &Context) -> Result<Outcome> {
    let _ = std::io::stdout().lock().write_all(schema::text().as_bytes());
    Ok(Outcome::Done)
}
