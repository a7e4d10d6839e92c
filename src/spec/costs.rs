//! Cost models: what a house pays for machines, people and vendors, as somebody of that house says.
//!
//! In: the text of a cost model file. Out: a [`CostModel`], or every [`Problem`] of the file at once. What always holds: every
//! amount is finite, inside [`limits`], and its range holds its value; what was left out is known to be left out, so that a
//! report can tell an assumption from silence. What follows from the amounts is for the report to say.

use super::{Problem, parse, problem, source};
use crate::base::currency::Currency;
use crate::base::limits;
use crate::base::names::Name;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::path::Path;

/// A cost model, checked.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CostModel {
    /// Its name.
    pub name: Name,
    /// Who answers for the amounts.
    pub owner: Option<String>,
    /// In which currency all of them are: three capital letters.
    pub currency: Currency,
    /// Images a month that the house needs and takes.
    pub volume: Amount,
    /// What the time of people is worth.
    pub people: People,
    /// Making images in the house.
    pub in_house: InHouse,
    /// Buying them.
    pub outsourced: Outsourced,
    /// The YAML as written.
    #[serde(skip)]
    pub source: String,
    #[serde(skip)]
    pub(super) places: problem::Places,
}

impl CostModel {
    /// Reads a cost model; `file` is how problems call it.
    pub fn parse(yaml: &str, file: &str) -> Result<Self, Vec<Problem>> {
        parse::costs(yaml, file)
    }

    /// Reads a cost model's bytes, which must be UTF-8.
    pub fn parse_bytes(yaml: &[u8], file: &str) -> Result<Self, Vec<Problem>> {
        source::utf8(yaml, file).and_then(|yaml| Self::parse(yaml, file))
    }

    /// Reads a cost model file, never more of it than [`limits::FILE_BYTES`].
    pub fn load(path: &Path) -> Result<Self, Vec<Problem>> {
        Self::parse_bytes(&source::read(path)?, &path.display().to_string())
    }

    /// The line of a key path such as `spec.people.hourly_rate`; `None` if that key was left out.
    pub fn line(&self, path: &str) -> Option<u32> {
        self.places.exact(path).map(|(line, _)| line)
    }

    /// A problem with this model that was found later.
    pub fn problem(&self, path: &str, reason: impl Into<String>, suggestion: Option<String>) -> Problem {
        self.places.problem(path, reason, suggestion)
    }
}

/// A number and, where it is not known exactly, between which two it lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Amount {
    /// The likeliest value.
    pub value: f64,
    /// The least it may be.
    pub low: f64,
    /// The most it may be.
    pub high: f64,
}

impl Amount {
    /// A number that is known exactly.
    pub const fn exact(value: f64) -> Self {
        Self { value, low: value, high: value }
    }

    /// Whether there is no doubt about it.
    pub fn is_exact(self) -> bool {
        self.low == self.value && self.high == self.value
    }
}

/// An [`Amount`] with its ends, as it is written.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code, reason = "only its schema is used; the values live in `Amount`")]
struct Range {
    /// The likeliest value.
    #[schemars(range(min = 0.0, max = limits::COST))]
    value: f64,
    /// The least it may be.
    #[schemars(range(min = 0.0, max = limits::COST))]
    low: f64,
    /// The most it may be.
    #[schemars(range(min = 0.0, max = limits::COST))]
    high: f64,
}

impl JsonSchema for Amount {
    fn schema_name() -> Cow<'static, str> {
        "Amount".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let range = generator.subschema_for::<Range>();
        let number = json_schema!({"type": "number", "minimum": 0.0, "maximum": limits::COST});
        json_schema!({"anyOf": [number, range], "description": "A number or, if it is not known exactly, value, low and high."})
    }
}

/// What the time of people is worth.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct People {
    /// An hour of those who brief and review, all costs of employment included.
    pub hourly_rate: Amount,
    /// Hours a day in which they do that.
    #[schemars(default = "day")]
    pub hours_per_day: Amount,
}

/// Making images in the house. What is left out costs nothing.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, default)]
pub struct InHouse {
    /// An hour of the machine or GPU, without its energy if `watts` is given.
    pub machine_per_hour: Amount,
    /// What it draws while it works.
    pub watts: Amount,
    /// A kilowatt-hour.
    pub energy_per_kwh: Amount,
    /// Share of the hours paid for in which it works: 1 for machines that are paid by the second.
    pub utilisation: Amount,
    /// Megabytes an image and its sidecar take.
    pub megabytes: Amount,
    /// A gigabyte for a month.
    pub storage_per_gb_month: Amount,
    /// Months that images are kept.
    pub months_kept: Amount,
    /// Licences of models and software, a month.
    pub licences_per_month: Amount,
    /// One training of a style, the people's time and the references' licences included.
    pub training: Amount,
    /// Trainings a year.
    pub trainings_per_year: Amount,
    /// What it costs once: setting up, teaching people.
    pub setup: Amount,
    /// Minutes of people for the brief of one image that is taken in the end.
    pub brief_minutes: Amount,
    /// Minutes of people for looking at one image that passed the gate.
    pub review_minutes: Amount,
    /// Share of the images that passed the gate that people take.
    pub approval: Amount,
}

impl Default for InHouse {
    fn default() -> Self {
        let none = Amount::exact(0.0);
        Self {
            machine_per_hour: none,
            watts: none,
            energy_per_kwh: none,
            utilisation: Amount::exact(1.0),
            megabytes: none,
            storage_per_gb_month: none,
            months_kept: none,
            licences_per_month: none,
            training: none,
            trainings_per_year: none,
            setup: none,
            brief_minutes: none,
            review_minutes: none,
            approval: Amount::exact(1.0),
        }
    }
}

/// Buying images. Price, rounds and days are what the baseline says, unless they are given here.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, default)]
pub struct Outsourced {
    /// One image.
    pub price: Option<Amount>,
    /// Rounds of revision an image takes.
    pub revision_rounds: Option<Amount>,
    /// Days from order to delivery.
    pub lead_days: Option<Amount>,
    /// One round of revision of one image, where the price does not include it.
    pub revision_price: Amount,
    /// What is paid a month whatever is ordered.
    pub retainer_per_month: Amount,
    /// Minutes of people for the brief of one image that is taken in the end.
    pub brief_minutes: Amount,
    /// Minutes of people for looking at one image, each round.
    pub review_minutes: Amount,
    /// Share of the delivered images that people take in the end.
    pub approval: Amount,
}

impl Default for Outsourced {
    fn default() -> Self {
        let none = Amount::exact(0.0);
        Self {
            price: None,
            revision_rounds: None,
            lead_days: None,
            revision_price: none,
            retainer_per_month: none,
            brief_minutes: none,
            review_minutes: none,
            approval: Amount::exact(1.0),
        }
    }
}

/// Hours a day, where none are given.
pub(super) fn day() -> Amount {
    Amount::exact(8.0)
}
