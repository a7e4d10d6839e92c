//! Suites: an evaluation that can be repeated, and that passes or fails.
//!
//! Takes YAML (`kind: Suite`) that pins evaluator, references, palettes and settings, and says what is enough.
//! Returns a [`SuiteResult`].
//!
//! # Invariants
//!
//! What could not be measured fails; an input that is not the pinned one is an error, never a comparison with another
//! world.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::evaluation::{Compared, Evaluation, Measure, StatisticsSettings, SuiteCheck, SuiteResult};
use crate::appearance::palette::HexColour;
use crate::base::digest::Digest;
use crate::base::error::{Context as _, Error, Kind, Result};
use crate::base::names::Name;
use crate::base::{limits, yaml};
use crate::eval::run::{TOLERANCE, settings};
use crate::io::files;
use crate::plan::CampaignId;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "apiVersion")]
    api_version: String,
    kind: String,
    metadata: Metadata,
    spec: Suite,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Metadata {
    name: Name,
}

/// A suite: settings, thresholds and expected values of an evaluation.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Suite {
    /// Its name; `metadata.name`.
    #[serde(skip)]
    pub name: String,
    /// The digest of the bundle whose evaluator the thresholds are for; any, if nothing is said.
    pub evaluator: Option<Digest>,
    /// The campaign's id that the expected values are for; any, if nothing is said.
    pub campaign: Option<CampaignId>,
    /// The baseline, unless another is named.
    pub baseline: Option<Name>,
    /// Style sets with the references, relative to the suite's folder.
    pub references: Vec<String>,
    /// The brand's colours by style.
    pub palettes: BTreeMap<String, Vec<HexColour>>,
    /// ΔE2000 within which a colour counts as the brand's.
    pub tolerance: Option<f64>,
    /// Resamples of every interval and test.
    pub resamples: Option<u32>,
    /// Key of their random numbers.
    pub seed: Option<u64>,
    /// Fewest shared briefs from which anything is concluded.
    pub least_briefs: Option<usize>,
    /// The thresholds.
    pub thresholds: Vec<Threshold>,
    /// What was found when the suite was recorded, and with which command.
    pub expected: Expected,
}

/// One threshold and its result.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Threshold {
    /// A measure, or a distribution's metric (`kid`, `cmmd`, `fid`).
    pub measure: String,
    /// The images that it is taken of.
    #[serde(default)]
    pub of: Of,
    /// The style, where only one is meant.
    pub style: Option<String>,
    /// The category, where only one is meant.
    pub category: Option<String>,
    /// The smallest value that passes.
    pub least: Option<f64>,
    /// The largest value that passes.
    pub most: Option<f64>,
    /// Whether the whole interval has to hold, not only the mean.
    #[serde(default)]
    pub surely: bool,
}

/// The images or difference that a threshold applies to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Of {
    /// The house's accepted images (of a distance: from them to the bought ones).
    #[default]
    InHouse,
    /// The house's first attempts.
    FirstAttempts,
    /// The bought images.
    Outsourced,
    /// House minus vendor.
    Difference,
    /// Of a distance: from the house's images to the references.
    References,
}

/// The values measured when the suite was recorded.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Expected {
    /// The command that measured them.
    pub command: String,
    /// How far a value may lie from the recorded one.
    pub within: f64,
    /// The values.
    pub values: Vec<SuiteValue>,
}

/// One recorded value.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SuiteValue {
    /// See [`Threshold::measure`].
    pub measure: String,
    /// See [`Threshold::of`].
    #[serde(default)]
    pub of: Of,
    /// See [`Threshold::style`].
    pub style: Option<String>,
    /// See [`Threshold::category`].
    pub category: Option<String>,
    /// The recorded value.
    pub is: f64,
}

impl Suite {
    /// Reads a suite file.
    pub fn load(path: &Path) -> Result<Self> {
        let bytes = files::read(path, limits::FILE_BYTES as u64)
            .map_err(|e| Error::invalid(format!("cannot read {}", path.display())).caused_by(e))?;
        let text =
            String::from_utf8(bytes).context(Kind::Invalid, || format!("{} is not UTF-8 text", path.display()))?;
        Self::parse(&text).map_err(|e| Error::invalid(format!("{} is not a suite", path.display())).caused_by(e))
    }

    /// Reads a suite's text.
    pub fn parse(text: &str) -> Result<Self> {
        let file: File = yaml::parse(text)?;
        if (file.api_version.as_str(), file.kind.as_str()) != ("housestyle/v1", "Suite") {
            return Err(Error::invalid("expected apiVersion housestyle/v1 and kind Suite"));
        }
        let mut suite = file.spec;
        suite.name = file.metadata.name.to_string();
        suite.check().map_err(Error::invalid)?;
        Ok(suite)
    }

    fn check(&self) -> Result<(), String> {
        if self.thresholds.is_empty() && self.expected.values.is_empty() {
            return Err("a suite without thresholds and expected values checks nothing".into());
        }
        for threshold in &self.thresholds {
            known(&threshold.measure)?;
            let ends = [threshold.least, threshold.most];
            if ends.iter().all(Option::is_none) || ends.iter().flatten().any(|end| !end.is_finite()) {
                return Err(format!("the threshold of {} needs a number as `least` or `most`", threshold.measure));
            }
        }
        self.expected.values.iter().try_for_each(|value| known(&value.measure))?;
        let within = |value: Option<f64>, low: f64, high: f64| value.is_none_or(|v| (low..=high).contains(&v));
        let fine = [
            ("tolerance", within(self.tolerance, 0.0, 100.0)),
            ("resamples", within(self.resamples.map(f64::from), 100.0, 1e6)),
            ("expected.within", within(Some(self.expected.within), 0.0, 1e6)),
        ];
        match fine.iter().find(|(_, fine)| !fine) {
            Some((key, _)) => Err(format!("{key} is out of range")),
            None => Ok(()),
        }
    }

    /// Returns the statistics settings of the suite.
    pub fn settings(&self) -> StatisticsSettings {
        let usual = settings();
        StatisticsSettings {
            resamples: self.resamples.unwrap_or(usual.resamples),
            seed: self.seed.unwrap_or(usual.seed),
            least_briefs: self.least_briefs.unwrap_or(usual.least_briefs),
            ..usual
        }
    }

    /// Returns the colour tolerance (ΔE2000).
    pub fn tolerance(&self) -> f64 {
        self.tolerance.unwrap_or(TOLERANCE)
    }

    /// Refuses an evaluation of another bundle or campaign than the suite names.
    pub fn pinned(&self, evaluation: &Evaluation) -> Result<()> {
        if let Some(digest) = &self.evaluator
            && *digest != evaluation.evaluator.digest
        {
            return Err(Error::invalid(format!(
                "suite {} is for the evaluator of bundle {digest}, not of {}",
                self.name, evaluation.evaluator.digest
            ))
            .hint("record the suite again for this bundle"));
        }
        match &self.campaign {
            Some(campaign) if *campaign != evaluation.campaign => {
                Err(Error::invalid(format!("suite {} is for {campaign}, not for {}", self.name, evaluation.campaign)))
            }
            _ => Ok(()),
        }
    }

    /// Checks an evaluation against every threshold.
    pub fn judge(&self, evaluation: &Evaluation) -> SuiteResult {
        let mut checks: Vec<SuiteCheck> = self.thresholds.iter().map(|threshold| threshold.check(evaluation)).collect();
        checks.extend(self.expected.values.iter().map(|value| value.check(evaluation, self.expected.within)));
        SuiteResult { name: self.name.clone(), passed: checks.iter().all(|check| check.passed), checks }
    }
}

fn known(measure: &str) -> Result<(), String> {
    let names = Measure::ALL.map(Measure::name);
    match names.contains(&measure) || ["kid", "cmmd", "fid"].contains(&measure) {
        true => Ok(()),
        false => Err(format!("there is no measure {measure}: {}, kid, cmmd, fid", names.join(", "))),
    }
}

/// Returns the mean and the interval of the value that a threshold names.
type Found = (f64, Option<f64>, Option<f64>);

fn find(e: &Evaluation, measure: &str, of: Of, style: Option<&str>, category: Option<&str>) -> Option<Found> {
    if let Some(row) = e.distributions.iter().find(|row| {
        let to = if of == Of::References { "references" } else { "outsourced" };
        row.metric == measure && row.from == "in_house" && row.to == to
    }) {
        return Some((row.value?, row.low, row.high));
    }
    let rows: &[Compared] = match (style, category) {
        (None, None) => &e.measures,
        (Some(style), None) => &e.styles.iter().find(|group| group.name == style)?.measures,
        (None, Some(category)) => &e.categories.iter().find(|group| group.name == category)?.measures,
        (Some(_), Some(_)) => return None,
    };
    let row = rows.iter().find(|row| row.measure.name() == measure)?;
    let estimate = match of {
        Of::InHouse => row.in_house?,
        Of::FirstAttempts => row.first_attempts?,
        Of::Outsourced => row.outsourced?,
        Of::Difference => return row.difference.as_ref().map(|d| (d.mean, Some(d.low), Some(d.high))),
        Of::References => return None,
    };
    Some((estimate.mean, estimate.low, estimate.high))
}

fn what(measure: &str, of: Of, style: Option<&str>, category: Option<&str>) -> String {
    let of = match of {
        Of::InHouse => "the house",
        Of::FirstAttempts => "the house's first attempts",
        Of::Outsourced => "the vendor",
        Of::Difference => "house minus vendor",
        Of::References => "the house, from the references",
    };
    let group = style.or(category).map(|name| format!(", {name}")).unwrap_or_default();
    format!("{measure} of {of}{group}")
}

impl Threshold {
    fn check(&self, evaluation: &Evaluation) -> SuiteCheck {
        let (style, category) = (self.style.as_deref(), self.category.as_deref());
        let found = find(evaluation, &self.measure, self.of, style, category);
        let holds = |(mean, low, high): Found| {
            let (low, high) = if self.surely { (low?, high?) } else { (mean, mean) };
            Some(self.least.is_none_or(|least| low >= least) && self.most.is_none_or(|most| high <= most))
        };
        SuiteCheck {
            what: what(&self.measure, self.of, style, category) + if self.surely { " (whole interval)" } else { "" },
            found: found.map(|(mean, ..)| mean),
            least: self.least,
            most: self.most,
            passed: found.and_then(holds).unwrap_or(false),
        }
    }
}

impl SuiteValue {
    fn check(&self, evaluation: &Evaluation, within: f64) -> SuiteCheck {
        let (style, category) = (self.style.as_deref(), self.category.as_deref());
        let found = find(evaluation, &self.measure, self.of, style, category).map(|(mean, ..)| mean);
        let (least, most) = (self.is - within, self.is + within);
        SuiteCheck {
            what: what(&self.measure, self.of, style, category) + ", as recorded",
            found,
            least: Some(least),
            most: Some(most),
            passed: found.is_some_and(|found| (least..=most).contains(&found)),
        }
    }
}
