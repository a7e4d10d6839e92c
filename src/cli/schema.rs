//! `housestyle schema [campaign|styleset|costs]`: prints the JSON Schema of a kind of file, with or without `--json`.

use super::{Context, Outcome};
use crate::base::error::Result;
use crate::spec::{DocumentKind, schema};

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
    /// What it costs
    Costs,
}

/// Prints the schema.
pub fn run(args: Args, context: &Context) -> Result<Outcome> {
    let kind = match args.kind {
        Of::Campaign => DocumentKind::Campaign,
        Of::StyleSet => DocumentKind::StyleSet,
        Of::Costs => DocumentKind::CostModel,
    };
    context.print(&schema::text(kind));
    Ok(Outcome::Done)
}
