//! Cost models: the prices of machines, people and vendors, as their owner states them.
//!
//! # Invariants
//!
//! Every amount is finite, inside [`limits`], and its range holds its value; what was left out is known to be left out,
//! so that a report can tell an assumption from silence. What follows from the amounts is for the report to say.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::problem::{Places, Problem};
use crate::base::currency::Currency;
use crate::base::limits;
use crate::base::names::Name;

/// A cost model, checked: the prices of machines, people and vendors.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CostModel {
    /// Its name.
    pub name: Name,
    /// Who answers for the amounts.
    pub owner: Option<String>,
    /// In which currency all of them are.
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
    pub(super) places: Places,
}

impl CostModel {
    /// Returns the line of a key path such as `spec.people.hourly_rate`; `None` if that key was left out.
    pub fn line(&self, path: &str) -> Option<u32> {
        self.places.exact(path).map(|(line, _)| line)
    }

    /// Returns the amount at a key path such as `spec.people.hourly_rate`, its default if that key was left out; `None`
    /// for an amount that has no default, and for other paths.
    pub(crate) fn amount(&self, path: &str) -> Option<Amount> {
        let path = path.strip_prefix("spec.")?;
        match path.split_once('.') {
            None => (path == "volume").then_some(self.volume),
            Some(("people", key)) => self.people.amount(key),
            Some(("in_house", key)) => self.in_house.amount(key),
            Some(("outsourced", key)) => self.outsourced.amount(key),
            Some(_) => None,
        }
    }

    /// Makes a problem of this model that was found after reading.
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
    /// Makes a number that is known exactly.
    pub const fn exact(value: f64) -> Self {
        Self { value, low: value, high: value }
    }

    /// Tells whether its range is the value alone.
    pub(crate) fn is_exact(self) -> bool {
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
        json_schema!({"anyOf": [number, range], "description": "A number or, if it is not known exactly, value, low \
            and high."})
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

impl People {
    /// Its keys, for the reader.
    pub(super) const KEYS: &[&str] = &["hourly_rate", "hours_per_day"];

    fn amount(&self, key: &str) -> Option<Amount> {
        match key {
            "hourly_rate" => Some(self.hourly_rate),
            "hours_per_day" => Some(self.hours_per_day),
            _ => None,
        }
    }
}

/// Hours a day, where none are given.
pub(super) fn day() -> Amount {
    Amount::exact(8.0)
}

/// The least and the greatest value that a file may give.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bounds {
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Bounds {
    /// Of amounts of any kind.
    const ANY: Self = Self { low: 0.0, high: limits::COST };
    /// Of shares, which are divided by: a hundredth is far below honest use and far above what would overflow.
    const SHARE: Self = Self { low: 0.01, high: 1.0 };
}

/// A field of a cost model: an amount that has a default, or one that may be absent.
trait AmountField {
    /// Returns the amount that was read, or the default.
    fn or_default(read: Option<Amount>, default: Self) -> Self;
}

impl AmountField for Amount {
    fn or_default(read: Option<Amount>, default: Self) -> Self {
        read.unwrap_or(default)
    }
}

impl AmountField for Option<Amount> {
    fn or_default(read: Option<Amount>, default: Self) -> Self {
        read.or(default)
    }
}

/// Declares a mapping of amounts once: its type with each field's bounds, default and words, its keys, how it is read,
/// and the amount by key.
macro_rules! amounts {
    ($(#[$about:meta])* $type:ident { $($(#[$words:meta])* $field:ident: $of:ty, $bounds:ident, $default:expr;)* }) => {
        $(#[$about])*
        #[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
        #[schemars(deny_unknown_fields, default)]
        pub struct $type { $($(#[$words])* pub $field: $of,)* }

        impl Default for $type {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }

        impl $type {
            /// Its keys, for the reader.
            pub(super) const KEYS: &[&str] = &[$(stringify!($field)),*];

            /// Reads every field by `read`, which returns `None` where one is wrong and `Some(None)` where it is left
            /// out; all fields are read even if one is wrong.
            pub(super) fn read(mut read: impl FnMut(&str, Bounds) -> Option<Option<Amount>>) -> Option<Self> {
                $(let $field = read(stringify!($field), Bounds::$bounds);)*
                Some(Self { $($field: AmountField::or_default($field?, $default),)* })
            }

            fn amount(&self, key: &str) -> Option<Amount> {
                match key {
                    $(stringify!($field) => self.$field.into(),)*
                    _ => None,
                }
            }
        }
    };
}

const NOTHING: Amount = Amount::exact(0.0);
const ALL: Amount = Amount::exact(1.0);

amounts! {
    /// Making images in the house. What is left out costs nothing.
    InHouse {
        /// An hour of the machine or GPU, without its energy if `watts` is given.
        machine_per_hour: Amount, ANY, NOTHING;
        /// What it draws while it works.
        watts: Amount, ANY, NOTHING;
        /// A kilowatt-hour.
        energy_per_kwh: Amount, ANY, NOTHING;
        /// Share of the hours paid for in which it works: 1 for machines that are paid by the second.
        utilisation: Amount, SHARE, ALL;
        /// Megabytes an image and its sidecar take.
        megabytes: Amount, ANY, NOTHING;
        /// A gigabyte for a month.
        storage_per_gb_month: Amount, ANY, NOTHING;
        /// Months that images are kept.
        months_kept: Amount, ANY, NOTHING;
        /// Licences of models and software, a month.
        licences_per_month: Amount, ANY, NOTHING;
        /// One training of a style, the people's time and the references' licences included.
        training: Amount, ANY, NOTHING;
        /// Trainings a year.
        trainings_per_year: Amount, ANY, NOTHING;
        /// What it costs once: setting up, teaching people.
        setup: Amount, ANY, NOTHING;
        /// Minutes of people for the brief of one image that is taken in the end.
        brief_minutes: Amount, ANY, NOTHING;
        /// Minutes of people for looking at one image that passed the gate.
        review_minutes: Amount, ANY, NOTHING;
        /// Share of the images that passed the gate that people take.
        approval: Amount, SHARE, ALL;
    }
}

amounts! {
    /// Buying images. Price, rounds and days are what the baseline says, unless they are given here.
    Outsourced {
        /// One image.
        price: Option<Amount>, ANY, None;
        /// Rounds of revision an image takes.
        revision_rounds: Option<Amount>, ANY, None;
        /// Days from order to delivery.
        lead_days: Option<Amount>, ANY, None;
        /// One round of revision of one image, where the price does not include it.
        revision_price: Amount, ANY, NOTHING;
        /// What is paid a month whatever is ordered.
        retainer_per_month: Amount, ANY, NOTHING;
        /// Minutes of people for the brief of one image that is taken in the end.
        brief_minutes: Amount, ANY, NOTHING;
        /// Minutes of people for looking at one image, each round.
        review_minutes: Amount, ANY, NOTHING;
        /// Share of the delivered images that people take in the end.
        approval: Amount, SHARE, ALL;
    }
}
