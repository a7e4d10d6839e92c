//! The flag `--by`, which names the person who decided.

use std::env;

use crate::base::actor::Actor;
use crate::base::error::Result;

/// The person whose decision is recorded.
#[derive(Debug, clap::Args)]
pub(super) struct By {
    /// Name of the person who decided; without it, the name of the user who is logged in
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

impl By {
    /// Returns the name to record.
    ///
    /// # Errors
    /// Returns an error for a name that is not plain text.
    pub(super) fn actor(self) -> Result<Actor> {
        let login = || env::var("USER").or_else(|_| env::var("USERNAME")).unwrap_or_else(|_| "unknown".into());
        Actor::new("--by", &self.by.unwrap_or_else(login))
    }
}
