//! The flag that says who decides.

use std::env;

use crate::base::actor::Actor;
use crate::base::error::Result;

/// Who decides something that is recorded for good.
#[derive(Debug, clap::Args)]
pub(super) struct By {
    /// Who decided it; without it, the name of whoever is logged in
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

impl By {
    /// The name that is recorded.
    ///
    /// # Errors
    /// For a name that is no plain text.
    pub(super) fn actor(self) -> Result<Actor> {
        let login = || env::var("USER").or_else(|_| env::var("USERNAME")).unwrap_or_else(|_| "unknown".into());
        Actor::new("--by", &self.by.unwrap_or_else(login))
    }
}
