//! Logging: structured, lower-case lines on standard error, for people or as JSON.
//!
//! # Invariants
//!
//! Logged text is escaped, so it can neither start a new line nor control the terminal. As JSON, every line is one
//! document.

use std::io::{self, Write};

use serde::{Deserialize, Serialize};
use tracing::Subscriber;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Registry, fmt};

use super::trace::SpanExport;
use crate::base::error::{Error, Result};
use crate::base::text;
use crate::io::http::Url;

/// The format of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One readable line per event.
    #[default]
    Human,
    /// One JSON object per line.
    Json,
}

/// Starts logging: warnings only, more with `-v`, or what `HOUSESTYLE_LOG` (a `tracing` filter) selects. Where a
/// collector is named, also sends spans to it until the returned export is dropped.
///
/// # Errors
///
/// If the filter cannot be parsed, or logging was started before.
pub fn start(verbosity: u8, format: LogFormat, collector: Option<&Url>) -> Result<Option<SpanExport>> {
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
    let export = collector.map(SpanExport::start).transpose()?;
    // Which spans are sent does not depend on what is logged.
    let ours = Targets::new().with_target("housestyle", tracing::Level::INFO);
    let spans = export.as_ref().map(|e| tracing_opentelemetry::layer().with_tracer(e.tracer()).with_filter(ours));
    let started = subscriber(filter, format, io::stderr).with(spans).try_init();
    started.map_err(|e| Error::internal("cannot start logging").caused_by(e))?;
    Ok(export)
}

/// Creates a subscriber that writes log lines to the writers that `sink` makes.
fn subscriber<W: Write + 'static>(
    filter: EnvFilter,
    format: LogFormat,
    sink: impl Fn() -> W + Send + Sync + 'static,
) -> impl Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a> + Send + Sync {
    let layer = fmt::layer().with_ansi(false).with_writer(MakeEscapedWriter { format, sink });
    let lines: Box<dyn Layer<Registry> + Send + Sync> = match format {
        LogFormat::Human => Box::new(layer.compact().with_target(false).with_filter(filter)),
        LogFormat::Json => Box::new(layer.json().flatten_event(true).with_filter(filter)),
    };
    tracing_subscriber::registry().with(lines)
}

/// Creates the [`EscapedWriter`] of each event.
struct MakeEscapedWriter<S> {
    format: LogFormat,
    sink: S,
}

impl<'a, W: Write, S: Fn() -> W + 'a> MakeWriter<'a> for MakeEscapedWriter<S> {
    type Writer = EscapedWriter<W>;

    fn make_writer(&'a self) -> EscapedWriter<W> {
        EscapedWriter { format: self.format, sink: (self.sink)() }
    }
}

/// Writes whole lines through [`text::escape`]; the formatter calls it once per event.
struct EscapedWriter<W> {
    format: LogFormat,
    sink: W,
}

impl<W: Write> Write for EscapedWriter<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let line = String::from_utf8_lossy(event);
        let line = line.strip_suffix('\n').unwrap_or(&line);
        let line = match self.format {
            LogFormat::Human => text::escape(line),
            LogFormat::Json => text::escape_json(line),
        };
        // Written in one call, or another thread's line could come between.
        self.sink.write_all((line + "\n").as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Returns the log line of an event that quotes this text.
    fn logged(format: LogFormat, text: &str) -> String {
        let kept = Kept::default();
        let sink = kept.clone();
        tracing::subscriber::with_default(subscriber(EnvFilter::new("info"), format, move || sink.clone()), || {
            tracing::info!(text, shown = ?text, "it said {text}");
        });
        let bytes = kept.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_line_is_one_line_and_json_is_json_whatever_the_text() {
        for text in ["\u{1b}[31mred\r\nforged", "\u{202e}gpj.exe", "\u{7f}\u{85}\u{2028}", "\u{e0041}", "\"}\\", "狐"]
        {
            for format in [LogFormat::Human, LogFormat::Json] {
                let lines = logged(format, text);
                let line = lines.strip_suffix('\n').unwrap();
                assert!(!line.contains(text::is_unsafe), "{line:?}");
                if matches!(format, LogFormat::Json) {
                    let read: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
                    assert_eq!((&read["text"], &read["message"]), (&text.into(), &format!("it said {text}").into()));
                }
            }
        }
    }
}
