//! Logging: structured, lower-case lines on standard error, for people or as JSON.
//!
//! In: events, some of which quote untrusted text. Out: lines.
//! Always holds: no text, whoever wrote it, can start a new line or steer the terminal.

use std::io::{self, Write};

use tracing_subscriber::EnvFilter;

use crate::config::LogFormat;
use crate::error::{Error, Result};
use crate::spec::text;

/// Starts logging: warnings only, more with `-v`, or what `HOUSESTYLE_LOG` (a `tracing` filter) says.
pub fn start(verbosity: u8, format: LogFormat) -> Result<()> {
    let default = match verbosity {
        0 => "warn",
        1 => "housestyle=info,warn",
        2 => "housestyle=debug,info",
        _ => "trace",
    };
    let filter = match std::env::var("HOUSESTYLE_LOG") {
        Ok(wanted) if !wanted.is_empty() => EnvFilter::try_new(&wanted)
            .map_err(|e| Error::invalid(format!("HOUSESTYLE_LOG {wanted:?} is not a log filter")).caused_by(e))?,
        _ => EnvFilter::new(default),
    };
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(|| Cleaned);
    let started = match format {
        LogFormat::Human => builder.compact().with_target(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    started.map_err(|e| Error::internal("cannot start logging").caused_by(e))
}

/// Standard error behind [`text::escape`]; the formatter hands over one whole event a call.
struct Cleaned;

impl Write for Cleaned {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let line = String::from_utf8_lossy(event);
        let line = text::escape(line.strip_suffix('\n').unwrap_or(&line));
        writeln!(io::stderr().lock(), "{line}")?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
