//! Prometheus metrics: one table that lists them all, and the registry that counts them. Dashboards and alerts are
//! tested against [`TABLE`].
//!
//! # Invariants
//!
//! Units are base units (seconds, ratios, counts). A label takes only the values that the table lists (any other counts
//! as `other`), so that no input can create series without limit. Every series exists from the start, at zero, so that
//! a rate over the first failure is not missing.

use std::time::Duration;

use prometheus::core::Collector;
use prometheus::{GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry, TextEncoder};

use crate::base::error::{Context as _, Kind, Result};

/// A metric: one row of the table.
#[derive(Debug)]
pub struct Metric {
    /// The metric's name, which ends with its unit.
    pub name: &'static str,
    /// The metric's type.
    pub form: MetricForm,
    /// The metric's unit.
    pub unit: MetricUnit,
    /// The metric's labels.
    pub labels: &'static [MetricLabel],
    /// The help text that Prometheus shows.
    pub help: &'static str,
}

/// The type of a metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum MetricForm {
    /// A count that only grows.
    Counter,
    /// A current value.
    Gauge,
    /// A distribution over buckets with these upper bounds.
    Histogram(&'static [f64]),
}

/// The unit of a metric; base units only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricUnit {
    /// A number of things.
    Count,
    /// Seconds.
    Seconds,
    /// A share from 0 to 1.
    Ratio,
    /// 0 or 1: no or yes.
    Flag,
}

/// A label and every value it may take, besides `other`.
#[derive(Debug)]
pub struct MetricLabel {
    /// The label's name.
    pub name: &'static str,
    /// The values that the label may take.
    pub values: &'static [&'static str],
}

/// The label value that stands for every value that the table does not list.
const OTHER: &str = "other";

const LANE: MetricLabel = MetricLabel { name: "lane", values: &["high", "normal", "low"] };
const STAGE: MetricLabel = MetricLabel { name: "stage", values: &["encode", "unet", "decode", "score"] };
const OUTCOME: MetricLabel =
    MetricLabel { name: "outcome", values: &["accepted", "rejected", "failed", "dead", "skipped"] };
const VERDICT: MetricLabel = MetricLabel { name: "verdict", values: &["passed", "refused", "failed"] };
const AXIS: MetricLabel = MetricLabel { name: "axis", values: &["style", "category"] };
const PROVIDER: MetricLabel = MetricLabel { name: "provider", values: &["cpu", "openvino", "cuda", "tensorrt"] };
const KIND: MetricLabel =
    MetricLabel { name: "kind", values: &["invalid", "unavailable", "transient", "permanent", "internal"] };
const RESULT: MetricLabel = MetricLabel { name: "result", values: &["delivered", "refused", "failed"] };

/// Bucket bounds in seconds, from an empty queue to one that no worker serves.
const WAITS: &[f64] = &[0.01, 0.1, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14400.0];
/// Bucket bounds in seconds for one image, from a text encoder on a GPU to fifty steps of a large model on a CPU.
const STAGES: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];
const SHARES: &[f64] = &[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0];

/// The time that jobs wait in the queue.
pub(crate) const QUEUE_WAIT: Metric = Metric {
    name: "housestyle_queue_wait_seconds",
    form: MetricForm::Histogram(WAITS),
    unit: MetricUnit::Seconds,
    labels: &[LANE],
    help: "From a job's first publication until a worker receives it.",
};
/// The fill of batches, as a share of what fits into one.
pub(crate) const BATCH_FILL: Metric = Metric {
    name: "housestyle_batch_fill_ratio",
    form: MetricForm::Histogram(SHARES),
    unit: MetricUnit::Ratio,
    labels: &[],
    help: "Images in a batch, as a share of what fits into one.",
};
/// The time that assets spend in each stage.
pub(crate) const STAGE_TIME: Metric = Metric {
    name: "housestyle_stage_seconds",
    form: MetricForm::Histogram(STAGES),
    unit: MetricUnit::Seconds,
    labels: &[STAGE],
    help: "Time an asset took in a stage, over all its attempts; of work shared with a batch, its share.",
};
/// The number of jobs, by outcome.
pub const ASSETS: Metric = Metric {
    name: "housestyle_assets_total",
    form: MetricForm::Counter,
    unit: MetricUnit::Count,
    labels: &[OUTCOME],
    help: "Jobs by outcome; skipped ones were found finished, dead ones were given up on without an outcome.",
};
/// The number of attempts, by the gate's verdict.
pub(crate) const ATTEMPTS: Metric = Metric {
    name: "housestyle_attempts_total",
    form: MetricForm::Counter,
    unit: MetricUnit::Count,
    labels: &[VERDICT],
    help: "Attempts at finished jobs, by what the gate said; failed ones gave no image.",
};
/// The evaluator's scores of first attempts.
pub(crate) const GATE_SCORE: Metric = Metric {
    name: "housestyle_gate_score_ratio",
    form: MetricForm::Histogram(SHARES),
    unit: MetricUnit::Ratio,
    labels: &[AXIS],
    help: "The evaluator's probability of what was asked for, at first attempts: what generation gives without a gate.",
};
/// The execution provider in use.
pub(crate) const PROVIDER_USED: Metric = Metric {
    name: "housestyle_provider_used",
    form: MetricForm::Gauge,
    unit: MetricUnit::Flag,
    labels: &[PROVIDER],
    help: "1 for the execution provider that models really run on.",
};
/// The number of errors, by kind.
pub(crate) const ERRORS: Metric = Metric {
    name: "housestyle_errors_total",
    form: MetricForm::Counter,
    unit: MetricUnit::Count,
    labels: &[KIND],
    help: "Errors met while working, by kind: only transient ones are worth another try.",
};
/// The number of webhook deliveries, by result.
pub(crate) const WEBHOOKS: Metric = Metric {
    name: "housestyle_webhooks_total",
    form: MetricForm::Counter,
    unit: MetricUnit::Count,
    labels: &[RESULT],
    help: "Webhook deliveries: refused ones never will be (address forbidden, endpoint gone), failed ones may.",
};
/// Whether the worker takes work.
pub(crate) const READY: Metric = Metric {
    name: "housestyle_ready",
    form: MetricForm::Gauge,
    unit: MetricUnit::Flag,
    labels: &[],
    help: "1 once everything needed was verified and while it was not asked to stop.",
};

/// All metrics.
pub const TABLE: [&Metric; 10] = [
    &QUEUE_WAIT,
    &BATCH_FILL,
    &STAGE_TIME,
    &ASSETS,
    &ATTEMPTS,
    &GATE_SCORE,
    &PROVIDER_USED,
    &ERRORS,
    &WEBHOOKS,
    &READY,
];

/// Counts the metrics of the table; cheap to share behind an `Arc`.
pub struct Metrics {
    registry: Registry,
    families: Vec<(&'static Metric, Family)>,
}

enum Family {
    Counter(IntCounterVec),
    Gauge(GaugeVec),
    Histogram(HistogramVec),
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics").field("families", &self.families.len()).finish_non_exhaustive()
    }
}

impl Metrics {
    /// Creates every series at zero.
    ///
    /// # Errors
    ///
    /// If the table is inconsistent.
    pub fn new() -> Result<Self> {
        let (registry, mut families) = (Registry::new(), Vec::new());
        for metric in TABLE {
            let family = metric.family().context(Kind::Internal, || format!("cannot set up {}", metric.name))?;
            registry
                .register(family.collector())
                .context(Kind::Internal, || format!("cannot register {}", metric.name))?;
            for values in metric.combinations() {
                family.touch(&values);
            }
            families.push((metric, family));
        }
        Ok(Self { registry, families })
    }

    /// Returns the metrics in Prometheus' text format.
    ///
    /// # Errors
    ///
    /// If the metrics cannot be written.
    pub fn text(&self) -> Result<String> {
        TextEncoder::new()
            .encode_to_string(&self.registry.gather())
            .context(Kind::Internal, || "cannot write the metrics")
    }

    /// Records the time from a job's publication to its receipt.
    pub fn waited(&self, lane: &str, wait: Duration) {
        self.observe(&QUEUE_WAIT, &[lane], wait.as_secs_f64());
    }

    /// Records the fill of a batch: `images` where `room` would fit.
    pub fn batch(&self, images: usize, room: usize) {
        self.observe(&BATCH_FILL, &[], images as f64 / room.max(1) as f64);
    }

    /// Records the time that an asset spent in a stage.
    pub fn stage(&self, stage: &str, seconds: f64) {
        self.observe(&STAGE_TIME, &[stage], seconds);
    }

    /// Counts the outcome of a job.
    pub fn asset(&self, outcome: &str) {
        self.add(&ASSETS, &[outcome]);
    }

    /// Counts the gate's verdict on an attempt.
    pub fn attempt(&self, verdict: &str) {
        self.add(&ATTEMPTS, &[verdict]);
    }

    /// Records the score of a first attempt, if it is a number.
    pub fn score(&self, axis: &str, score: f64) {
        if score.is_finite() {
            self.observe(&GATE_SCORE, &[axis], score);
        }
    }

    /// Records the execution provider in use.
    pub fn provider(&self, provider: &str) {
        self.set(&PROVIDER_USED, &[provider], 1.0);
    }

    /// Counts an error.
    pub fn error(&self, kind: Kind) {
        self.add(&ERRORS, &[kind.as_str()]);
    }

    /// Counts the result of a webhook delivery.
    pub fn webhook(&self, result: &str) {
        self.add(&WEBHOOKS, &[result]);
    }

    /// Records whether work is taken.
    pub fn ready(&self, ready: bool) {
        self.set(&READY, &[], if ready { 1.0 } else { 0.0 });
    }

    fn add(&self, metric: &'static Metric, labels: &[&str]) {
        if let Some(Family::Counter(family)) = self.family(metric) {
            let _ = family.get_metric_with_label_values(&metric.listed(labels)).map(|counter| counter.inc());
        }
    }

    fn set(&self, metric: &'static Metric, labels: &[&str], value: f64) {
        if let Some(Family::Gauge(family)) = self.family(metric) {
            let _ = family.get_metric_with_label_values(&metric.listed(labels)).map(|gauge| gauge.set(value));
        }
    }

    fn observe(&self, metric: &'static Metric, labels: &[&str], value: f64) {
        if let Some(Family::Histogram(family)) = self.family(metric) {
            let _ =
                family.get_metric_with_label_values(&metric.listed(labels)).map(|histogram| histogram.observe(value));
        }
    }

    fn family(&self, metric: &Metric) -> Option<&Family> {
        self.families.iter().find(|(there, _)| there.name == metric.name).map(|(_, family)| family)
    }
}

impl Metric {
    fn family(&self) -> prometheus::Result<Family> {
        let names: Vec<&str> = self.labels.iter().map(|label| label.name).collect();
        let opts = Opts::new(self.name, self.help);
        Ok(match self.form {
            MetricForm::Counter => Family::Counter(IntCounterVec::new(opts, &names)?),
            MetricForm::Gauge => Family::Gauge(GaugeVec::new(opts, &names)?),
            MetricForm::Histogram(buckets) => {
                let opts = HistogramOpts::new(self.name, self.help).buckets(buckets.to_vec());
                Family::Histogram(HistogramVec::new(opts, &names)?)
            }
        })
    }

    /// Returns every combination of the values that the labels may take.
    fn combinations(&self) -> Vec<Vec<&'static str>> {
        self.labels.iter().fold(vec![Vec::new()], |made, label| {
            let with = |values: &Vec<&'static str>| {
                let values = values.clone();
                label.values.iter().map(move |value| [values.clone(), vec![*value]].concat())
            };
            made.iter().flat_map(with).collect()
        })
    }

    /// Returns the label values, with `other` in place of each one that the table does not list.
    fn listed(&self, values: &[&str]) -> Vec<&'static str> {
        let listed = |(label, value): (&MetricLabel, &&str)| label.values.iter().find(|known| *known == value).copied();
        self.labels.iter().zip(values).map(|pair| listed(pair).unwrap_or(OTHER)).collect()
    }
}

impl Family {
    fn collector(&self) -> Box<dyn Collector> {
        match self {
            Self::Counter(family) => Box::new(family.clone()),
            Self::Gauge(family) => Box::new(family.clone()),
            Self::Histogram(family) => Box::new(family.clone()),
        }
    }

    /// Creates a series at zero.
    fn touch(&self, values: &[&str]) {
        match self {
            Self::Counter(family) => drop(family.get_metric_with_label_values(values)),
            Self::Gauge(family) => drop(family.get_metric_with_label_values(values)),
            Self::Histogram(family) => drop(family.get_metric_with_label_values(values)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_end_with_unit_and_form() {
        for metric in TABLE {
            let suffix = match (metric.form, metric.unit) {
                (MetricForm::Counter, MetricUnit::Count) => "_total",
                (MetricForm::Histogram(_), MetricUnit::Seconds) => "_seconds",
                (MetricForm::Histogram(_), MetricUnit::Ratio) => "_ratio",
                (MetricForm::Gauge, MetricUnit::Flag) => "",
                other => panic!("{}: {other:?}", metric.name),
            };
            assert!(metric.name.starts_with("housestyle_") && metric.name.ends_with(suffix), "{}", metric.name);
            if let MetricForm::Histogram(buckets) = metric.form {
                assert!(buckets.is_sorted_by(|a, b| a < b), "{}", metric.name);
            }
        }
    }

    #[test]
    fn every_series_is_there_from_the_start() {
        let text = Metrics::new().unwrap().text().unwrap();
        for metric in TABLE {
            assert!(text.contains(&format!("# HELP {} ", metric.name)), "{text}");
        }
        for line in ["housestyle_assets_total{outcome=\"dead\"} 0", "housestyle_ready 0"] {
            assert!(text.lines().any(|l| l == line), "{text}");
        }
    }

    #[test]
    fn counts_are_shown_and_unlisted_values_make_no_series() {
        let metrics = Metrics::new().unwrap();
        metrics.waited("low", Duration::from_millis(1500));
        metrics.batch(3, 4);
        metrics.asset("accepted");
        metrics.error(Kind::Transient);
        metrics.provider("cpu");
        metrics.score("style", f64::NAN);
        let series = |metrics: &Metrics| metrics.text().unwrap().lines().count();
        metrics.stage("an unlisted stage", 1.0);
        let before = series(&metrics);
        (0..100).for_each(|n| metrics.stage(&format!("{n}\"}} 1\nforged 1"), 1.0));
        assert_eq!(series(&metrics), before);
        let text = metrics.text().unwrap();
        for line in [
            "housestyle_queue_wait_seconds_sum{lane=\"low\"} 1.5",
            "housestyle_queue_wait_seconds_bucket{lane=\"low\",le=\"5\"} 1",
            "housestyle_batch_fill_ratio_sum 0.75",
            "housestyle_assets_total{outcome=\"accepted\"} 1",
            "housestyle_errors_total{kind=\"transient\"} 1",
            "housestyle_provider_used{provider=\"cpu\"} 1",
            "housestyle_gate_score_ratio_count{axis=\"style\"} 0",
            "housestyle_stage_seconds_count{stage=\"other\"} 101",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
        }
        let another = Metrics::new().unwrap().text().unwrap();
        assert!(another.contains("housestyle_assets_total{outcome=\"accepted\"} 0"), "no two share a count");
    }
}
