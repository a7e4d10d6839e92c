//! Shows progress events on a terminal: messages with the other output, and a progress bar (plain lines if there is
//! no terminal) on standard error.

use std::io::{IsTerminal as _, Write as _};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::output::Output;
use super::status;
use super::words::duration;
use crate::app::findings::{CheckedContents, CheckedFile, SystemCheck};
use crate::app::{Progress, ProgressSink};
use crate::campaign::sidecar::Outcome;
use crate::plan::{Estimate, amount};
use crate::registry::ledger::Target;
use crate::train::fit::CurvePoint;
use crate::worker::WorkerEvent;

/// Shortest interval between two plain lines about finished assets.
const PAUSE: Duration = Duration::from_secs(2);
/// Interval without a finished asset after which a plain line reports the denoising step of the current batch.
const SILENCE: Duration = Duration::from_secs(5);
const RUN_BAR: &str = "{bar:32} {pos}/{len} {msg}";
const TRAINING_BAR: &str = "{bar:32} {pos}/{len} {msg} · {eta} left";

/// Shows the progress events of use cases.
#[derive(Debug)]
pub(crate) struct Terminal {
    output: Output,
    bar: Mutex<Bar>,
}

impl Terminal {
    /// Creates a sink that prints to `output`.
    pub fn new(output: Output) -> Self {
        Self { output, bar: Mutex::default() }
    }

    fn bar(&self) -> MutexGuard<'_, Bar> {
        self.bar.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn say(&self, line: impl AsRef<str>) {
        self.output.line(line.as_ref());
    }

    fn checked_file(&self, checked: &CheckedFile) {
        let CheckedFile { file, contents, problems, unchecked } = checked;
        match contents {
            Some(CheckedContents::Campaign { images }) => self.say(format!("{file}: ok, {images} image(s)")),
            Some(CheckedContents::StyleSet { pictures }) => self.say(format!("{file}: ok, {pictures} picture(s)")),
            Some(CheckedContents::CostModel { currency }) => {
                self.say(format!("{file}: ok, a cost model in {currency}"))
            }
            None => {}
        }
        if *problems > 0 {
            self.say(format!("{file}: {problems} problem(s)"));
        }
        if let Some(reason) = unchecked {
            self.say(format!("{file}: what depends on the bundle was not checked: {reason}"));
        }
    }

    fn checked(&self, check: &SystemCheck) {
        self.say(format!("{}  {}: {}", if check.ok { "ok    " } else { "not ok" }, check.what, check.detail));
        if let Some(fix) = &check.fix {
            self.say(format!("        fix: {fix}"));
        }
    }

    fn planned(&self, total: usize, found: usize, failed: usize, estimate: &Estimate) {
        let pending = total.saturating_sub(found);
        if found > 0 {
            self.say(format!("{found} of {total} are finished already; making {pending}"));
        }
        if failed > 0 {
            self.say(format!("{failed} failed before and are retried"));
        }
        if pending > 0 {
            let share = pending as f64 / total.max(1) as f64;
            let (time, cost) = (duration(estimate.seconds * share), amount(estimate.cost * share));
            let currency = &estimate.currency;
            self.say(format!("{pending} images to make, about {time}, {cost} {currency}; loading the models"));
        }
    }
}

impl ProgressSink for Terminal {
    fn report(&self, progress: &Progress<'_>) {
        match progress {
            Progress::BuildingEngines { cache } => {
                let kept = cache.map_or("nowhere".into(), |folder| folder.display().to_string());
                self.say(format!(
                    "TensorRT builds an engine for every new model and shape, which takes minutes; kept in {kept}"
                ));
            }
            Progress::FileChecked(checked) => self.checked_file(checked),
            Progress::Checked(check) => self.checked(check),
            Progress::RunPlanned { total, found, failed, estimate } => self.planned(*total, *found, *failed, estimate),
            Progress::RunStarted { total, found } => self.bar().start_run(*total, *found),
            Progress::Worker(event) => self.bar().event(event),
            Progress::RunEnded | Progress::TrainingEnded => self.bar().end(),
            Progress::WorkerReady { bundle, provider } => self.say(format!("ready: bundle {bundle} on {provider}")),
            Progress::CampaignAccepted { campaign, jobs, known } => {
                let before = if *known { "; it was submitted before" } else { "" };
                self.say(format!("campaign  {campaign}  ({jobs} images{before})"));
            }
            Progress::Status(report) => self.say(status::line(report)),
            Progress::ReadingPictures { count, set } => self.say(format!("encoding {count} pictures of {set}")),
            Progress::TermsChanged(terms) => {
                self.say(format!("the terms of a picture change, for every version trained on it: {terms}"));
            }
            Progress::TrainingResumed { step } => self.say(format!("resuming from step {step}")),
            Progress::TrainingStarted { steps } => self.bar().start(u64::from(*steps), TRAINING_BAR),
            Progress::TrainingPoint { point, steps } => self.bar().point(point, *steps),
            Progress::Evaluating => self.say("drawing with the new version, for the evaluator"),
            Progress::ComparingVersions { briefs, candidate, other } => {
                let other = other.map_or_else(|| "the stock encoder".to_owned(), ToString::to_string);
                self.say(format!("drawing {briefs} briefs with {candidate} and with {other}, for the evaluator"));
            }
            Progress::Revoked(Target::Picture(digest)) => self.say(format!("revoked: picture {digest}")),
            Progress::Revoked(Target::Source(source)) => self.say(format!("revoked: everything from {source}")),
            Progress::DeliveryListed { pictures, encoding: "UTF-8" } => self.say(format!("{pictures} pictures listed")),
            Progress::DeliveryListed { pictures, encoding } => {
                self.say(format!("{pictures} pictures listed, read as {encoding}; --encoding names another"));
            }
            Progress::ScoringDelayed { reason } => self.say(reason),
            Progress::PictureLeftOut { reason } => self.say(format!("left out: {reason}")),
        }
    }
}

/// The progress of a run or a training: a bar on a terminal, plain lines elsewhere.
#[derive(Debug, Default)]
struct Bar {
    drawn: Option<ProgressBar>,
    run: Option<RunPace>,
}

impl Bar {
    fn start(&mut self, length: u64, template: &str) {
        self.drawn = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr()).with_style(style)
        });
    }

    fn start_run(&mut self, total: usize, found: usize) {
        self.start(total as u64, RUN_BAR);
        if let Some(bar) = &self.drawn {
            bar.set_position(found as u64);
        }
        self.run = Some(RunPace { total, found, made: 0, rejected: 0, started: Instant::now(), last_line: None });
    }

    fn event(&mut self, event: &WorkerEvent<'_>) {
        let Some(run) = &mut self.run else { return };
        let PaceLine { text, due } = run.take_in(event, Instant::now());
        let finished = run.found + run.made;
        match &self.drawn {
            Some(bar) => {
                bar.set_position(finished as u64);
                bar.set_message(text);
            }
            None if due => plain(&format!("{finished}/{} finished, {text}", run.total)),
            None => {}
        }
    }

    fn point(&mut self, point: &CurvePoint, steps: u32) {
        let held = point
            .validation
            .map_or(String::new(), |v| format!(", held out {:.3} ({:.0} %)", v.loss, 100.0 * v.accuracy));
        let message = format!("loss {:.3} ({:.0} % found){held}", point.training.loss, 100.0 * point.training.accuracy);
        match &self.drawn {
            Some(bar) => {
                bar.set_position(u64::from(point.step));
                bar.set_message(message);
            }
            None => plain(&format!("step {}/{steps}: {message}", point.step)),
        }
    }

    fn end(&mut self) {
        if let Some(bar) = self.drawn.take() {
            bar.finish_and_clear();
        }
    }
}

/// Writes a line to standard error, which may be closed.
fn plain(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// The counts and start of a run, from which its rate is computed.
#[derive(Debug)]
struct RunPace {
    total: usize,
    /// Jobs that were finished before this run.
    found: usize,
    made: usize,
    rejected: usize,
    started: Instant,
    /// Time of the last plain line; `None` before the first.
    last_line: Option<Instant>,
}

/// The text of a run's progress.
struct PaceLine {
    text: String,
    /// Whether a plain line is due.
    due: bool,
}

impl RunPace {
    /// Updates the counts with an event and returns the text to show.
    fn take_in(&mut self, event: &WorkerEvent<'_>, now: Instant) -> PaceLine {
        let silent = now.saturating_duration_since(self.last_line.unwrap_or(self.started));
        let due = match event {
            WorkerEvent::Step { .. } => silent >= SILENCE,
            WorkerEvent::Skipped(_) => {
                self.found += 1;
                self.last_line.is_none() || silent >= PAUSE
            }
            WorkerEvent::Finished(sidecar) => {
                self.made += 1;
                self.rejected += usize::from(sidecar.outcome != Outcome::Accepted);
                self.last_line.is_none() || silent >= PAUSE || self.found + self.made == self.total
            }
            _ => false,
        };
        if due {
            self.last_line = Some(now);
        }
        let text = match event {
            WorkerEvent::Step { images, done, total } => {
                format!("{} · step {done}/{total} of {images} images", self.pace())
            }
            _ => self.pace(),
        };
        PaceLine { text, due }
    }

    /// Returns the number of rejections, the rate and the time left as text.
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
        let mut run = RunPace { total: 8, found: 0, made: 0, rejected: 0, started, last_line: None };
        let lines: Vec<(usize, String)> = (1..=40)
            .filter_map(|done| {
                let event = WorkerEvent::Step { images: 8, done, total: 40 };
                let line = run.take_in(&event, started + Duration::from_millis(500 * done as u64));
                line.due.then_some((done, line.text))
            })
            .collect();
        assert_eq!(lines.iter().map(|(done, _)| *done).collect::<Vec<_>>(), [10, 20, 30, 40]);
        assert!(lines[0].1.contains("step 10/40 of 8 images"), "{lines:?}");
    }
}
