//! The flag that names the store.

/// Where a command writes, and looks for what was written.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Out {
    /// Where everything goes, trained styles too: a folder, or s3://BUCKET/PREFIX [default: the setting `out`, or
    /// ./out]
    #[arg(long = "out", value_name = "PLACE")]
    pub(super) place: Option<String>,
}
