//! Reads one layer of settings from a file or from the environment.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::settings::{Layer, VARIABLES};
use crate::base::error::{Context as _, Error, Kind, Result};
use crate::base::yaml;
use crate::io::files;

/// Largest size of a settings file in bytes.
const MAX_BYTES: u64 = 1 << 20;
/// The prefix of every variable.
pub(super) const PREFIX: &str = "HOUSESTYLE_";
/// The variable that names the settings file.
const FILE: &str = "CONFIG";
/// The variable that filters the log; it is read where the log starts.
const LOG_FILTER: &str = "LOG";

/// Reads a settings file (YAML).
///
/// # Errors
///
/// Fails with [`Kind::Invalid`] if the file cannot be read, is not UTF-8 YAML, or has an unknown key.
pub(super) fn from_file(path: &Path) -> Result<Layer> {
    let shown = path.display();
    let bytes = files::read(path, MAX_BYTES).context(Kind::Invalid, || format!("cannot read settings {shown}"))?;
    let text = String::from_utf8(bytes).context(Kind::Invalid, || format!("settings {shown} are not UTF-8 text"))?;
    if text.trim().is_empty() {
        return Ok(Layer::default());
    }
    yaml::parse(&text).context(Kind::Invalid, || format!("settings {shown}"))
}

/// The settings layer of the environment.
#[derive(Debug, Default)]
pub(super) struct EnvironmentLayer {
    /// The settings that variables set.
    pub(super) layer: Layer,
    /// The settings file that `HOUSESTYLE_CONFIG` names.
    pub(super) file: Option<PathBuf>,
}

impl EnvironmentLayer {
    /// Reads the variables that have the prefix.
    ///
    /// Other variables with the prefix are ignored, because orchestrators inject such names, unless the name looks like
    /// a misspelt setting, which must not be ignored silently.
    ///
    /// # Errors
    ///
    /// Fails with [`Kind::Invalid`] for an invalid value, and for a name that looks like a misspelt setting.
    pub(super) fn read(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Result<Self> {
        let mut read = Self::default();
        for (key, value) in variables {
            let Some(name) = key.to_str().and_then(|key| key.strip_prefix(PREFIX)) else { continue };
            if value.is_empty() && names().any(|known| known == name) {
                continue; // how compose files and shells say "not set"
            }
            match read.layer.set_variable(name, &value) {
                Some(set) => set.map_err(|why| Error::invalid(format!("{PREFIX}{name} {why}")))?,
                None if name == FILE => read.file = Some(value.into()),
                None => check_slip(name)?,
            }
        }
        Ok(read)
    }
}

/// Returns the names of all variables, without their prefix.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    VARIABLES.iter().copied().chain([FILE, LOG_FILTER])
}

/// Refuses a name that looks like a misspelt setting: an edit distance of at most one per four letters, because short
/// names are soon similar to unrelated ones.
fn check_slip(name: &str) -> Result<()> {
    let slips = |known: &str| strsim::osa_distance(known, name);
    match names().find(|known| slips(known) <= (known.len() / 4).max(1)) {
        Some(near) if near != name => {
            Err(Error::invalid(format!("{PREFIX}{name} is not a setting"))
                .hint(format!("did you mean {PREFIX}{near}?")))
        }
        _ => Ok(()),
    }
}
