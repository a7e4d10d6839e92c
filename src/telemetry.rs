//! Logging: structured, lower-case lines on standard error, for people or as JSON.
//!
//! In: events, some of which quote untrusted text. Out: lines.
//! Always holds: no text, whoever wrote it, can start a new line or steer the terminal.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write};

use tracing_subscriber::EnvFilter;

use crate::config::LogFormat;
use crate::error::{Error, Result};

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

/// `text` with every character made visible that could break a line, steer a terminal or reorder what is read.
pub fn clean(text: &str) -> Cow<'_, str> {
    escape(text, |_| false)
}

/// As [`clean`], for text of ours that spans lines.
pub fn clean_lines(text: &str) -> Cow<'_, str> {
    escape(text, |c| c == '\n')
}

fn escape(text: &str, keep: impl Fn(char) -> bool) -> Cow<'_, str> {
    let bad = |c: char| (c.is_control() || is_invisible_steering(c)) && !keep(c);
    if !text.contains(bad) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if bad(c) {
            let _ = write!(out, "{}", c.escape_default());
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// Line and paragraph separators, and the marks that reorder bidirectional text.
fn is_invisible_steering(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Standard error behind [`clean`]; the formatter hands over one whole event a call.
struct Cleaned;

impl Write for Cleaned {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let line = clean(text.strip_suffix('\n').unwrap_or(&text));
        writeln!(io::stderr().lock(), "{line}")?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_stays_on_its_line() {
        assert_eq!(clean("a\r\nb\x1b[31mc\u{202e}d\0"), "a\\r\\nb\\u{1b}[31mc\\u{202e}d\\u{0}");
        assert_eq!(clean_lines("a\nb\x07"), "a\nb\\u{7}");
        assert!(matches!(clean("plain é 狐"), Cow::Borrowed(_)));
    }
}
