//! Progress of a run: a bar on a terminal, plain lines elsewhere; always on standard error.
//!
//! In: the worker's events. Out: how far, how fast, how long still.

use std::io::{IsTerminal as _, Write as _};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::output::Output;
use super::plan::duration;
use crate::app::{Progress as AppProgress, ProgressSink};
use crate::campaign::sidecar::Outcome;
use crate::worker::WorkerEvent;

/// Plain lines about finished assets come no more often than this.
const PAUSE: Duration = Duration::from_secs(2);
/// Where none is finished for so long, a plain line says at which step its batch is.
const SILENCE: Duration = Duration::from_secs(5);
const BAR: &str = "{bar:32} {pos}/{len} {msg}";

/// Shows what use cases report: as lines.
#[derive(Debug)]
pub struct Terminal {
    output: Output,
}

impl Terminal {
    /// Shows on this output.
    pub fn new(output: Output) -> Self {
        Self { output }
    }
}

impl ProgressSink for Terminal {
    fn report(&self, progress: &AppProgress<'_>) {
        let line = match progress {
            AppProgress::BuildingEngines { cache } => {
                let kept = cache.map_or("nowhere".into(), |folder| folder.display().to_string());
                format!("TensorRT builds an engine for every new model and shape, which takes minutes; kept in {kept}")
            }
            AppProgress::WorkerReady { bundle, provider } => format!("ready: bundle {bundle} on {provider}"),
        };
        self.output.line(&line);
    }
}

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
    pub fn hear(&self, event: &WorkerEvent<'_>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (what, due) = state.take_in(event, Instant::now());
        let here = state.found + state.made;
        match &self.bar {
            Some(bar) => {
                bar.set_position(here as u64);
                bar.set_message(what);
            }
            None if due => drop(writeln!(std::io::stderr().lock(), "{here}/{} finished, {what}", state.total)),
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
    /// Takes in an event; gives back what there is to say, and whether it is time for a plain line.
    fn take_in(&mut self, event: &WorkerEvent<'_>, now: Instant) -> (String, bool) {
        let silent = now.saturating_duration_since(self.told.unwrap_or(self.started));
        let due = match event {
            WorkerEvent::Step { .. } => silent >= SILENCE,
            WorkerEvent::Skipped(_) => {
                self.found += 1;
                self.told.is_none() || silent >= PAUSE
            }
            WorkerEvent::Finished(sidecar) => {
                self.made += 1;
                self.rejected += usize::from(sidecar.outcome != Outcome::Accepted);
                self.told.is_none() || silent >= PAUSE || self.found + self.made == self.total
            }
            _ => false,
        };
        if due {
            self.told = Some(now);
        }
        let what = match event {
            WorkerEvent::Step { images, done, total } => format!("{} · step {done}/{total} of {images} images", self.pace()),
            _ => self.pace(),
        };
        (what, due)
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_batch_is_not_silent_and_a_quick_one_not_chatty() {
        let started = Instant::now();
        let mut state = State { total: 8, found: 0, made: 0, rejected: 0, started, told: None };
        let told: Vec<(usize, String)> = (1..=40)
            .filter_map(|done| {
                let event = WorkerEvent::Step { images: 8, done, total: 40 };
                let (what, due) = state.take_in(&event, started + Duration::from_millis(500 * done as u64));
                due.then_some((done, what))
            })
            .collect();
        assert_eq!(told.iter().map(|(done, _)| *done).collect::<Vec<_>>(), [10, 20, 30, 40]);
        assert!(told[0].1.contains("step 10/40 of 8 images"), "{told:?}");
    }
}
