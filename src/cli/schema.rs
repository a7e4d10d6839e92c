//! `housestyle schema [campaign|styleset]`: prints the JSON Schema of a kind of file, with or without `--json`.

use super::{Context, Outcome};
use crate::error::Result;
use crate::spec::{Kind, schema};
use std::io::Write as _;

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The kind of file
    #[arg(value_enum, default_value_t = Of::Campaign)]
    kind: Of,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Of {
    /// What to make
    Campaign,
    /// What to learn from
    #[value(name = "styleset")]
    StyleSet,
}

/// Prints the schema. A reader that went away is not an error.
pub fn run(args: Args, _context: &Context) -> Result<Outcome> {
    let kind = match args.kind {
        Of::Campaign => Kind::Campaign,
        Of::StyleSet => Kind::StyleSet,
    };
    let _ = std::io::stdout().lock().write_all(schema::text(kind).as_bytes());
    Ok(Outcome::Done)
}
