//! Progress of a run: a bar on a terminal, plain lines elsewhere; always on standard error.
//!
//! In: the worker's events. Out: how far, how fast, how long still.

use std::io::{IsTerminal as _, Write as _};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::plan::duration;
use crate::store::sidecar::Outcome;
use crate::worker::Event;

/// Plain lines come no more often than this.
const PAUSE: Duration = Duration::from_secs(2);
const BAR: &str = "{bar:32} {pos}/{len} {msg}";

/// Shows progress until [`Progress::end`].
pub struct Progress {
    bar: Option<ProgressBar>,
    state: Mutex<State>,
}

struct State {
    total: usize,
    /// Finished before this run.
    found: usize,
    made: usize,
    rejected: usize,
    started: Instant,
    /// When the last plain line was printed; `None` before the first.
    told: Option<Instant>,
}

impl Progress {
    /// Starts with `found` of `total` finished.
    pub fn start(total: usize, found: usize) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template(BAR).unwrap_or_else(|_| ProgressStyle::default_bar());
            let bar = ProgressBar::with_draw_target(Some(total as u64), ProgressDrawTarget::stderr()).with_style(style);
            bar.set_position(found as u64);
            bar
        });
        let state = State { total, found, made: 0, rejected: 0, started: Instant::now(), told: None };
        Self { bar, state: Mutex::new(state) }
    }

    /// Takes in an event.
    pub fn hear(&self, event: &Event<'_>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Step { images, done, total } => {
                if let Some(bar) = &self.bar {
                    bar.set_message(format!("{} · step {done}/{total} of {images} images", state.pace()));
                }
                return;
            }
            Event::Skipped(_) => state.found += 1,
            Event::Finished(sidecar) => {
                state.made += 1;
                state.rejected += usize::from(sidecar.outcome != Outcome::Accepted);
            }
        }
        let here = state.found + state.made;
        match &self.bar {
            Some(bar) => bar.set_position(here as u64),
            None if state.told.is_none_or(|told| told.elapsed() >= PAUSE) || here == state.total => {
                state.told = Some(Instant::now());
                let line = format!("{here}/{} finished, {}", state.total, state.pace());
                let _ = writeln!(std::io::stderr().lock(), "{line}");
            }
            None => {}
        }
    }

    /// Takes the bar away.
    pub fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl State {
    /// Rejections, rate and what remains, in words.
    fn pace(&self) -> String {
        let rejected = if self.rejected > 0 { format!("{} rejected, ", self.rejected) } else { String::new() };
        if self.made == 0 {
            return format!("{rejected}starting");
        }
        let rate = self.made as f64 / self.started.elapsed().as_secs_f64().max(1e-3);
        let left = (self.total.saturating_sub(self.found + self.made)) as f64 / rate;
        format!("{rejected}{rate:.1} images/s, about {} left", duration(left))
    }
}
