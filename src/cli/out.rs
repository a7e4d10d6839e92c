//! The flag `--out`, which names the store.

/// The place that a command writes to and reads from.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Out {
    /// The store of campaigns and trained styles: a folder, or s3://BUCKET/PREFIX [default: the setting `out`, or
    /// ./out]
    #[arg(long = "out", value_name = "PLACE")]
    pub(super) place: Option<String>,
}
