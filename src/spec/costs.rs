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

/// The unit of an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "their names say it")]
pub enum AmountUnit {
    Money,
    Share,
    Images,
    Times,
    Days,
    Hours,
    Minutes,
    Seconds,
    Months,
    Megabytes,
    Watts,
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
    /// Of the images a month, which are divided by.
    const VOLUME: Self = Self { low: 1.0, high: limits::COST };
    /// Of hours of a day, which are divided by.
    const DAY: Self = Self { low: 0.1, high: 24.0 };
}

/// A field of the cost model: all that the reader and the report need to know of it.
#[derive(Debug)]
pub(crate) struct CostField {
    /// Its key in its mapping.
    pub(super) key: &'static str,
    /// What its amount must lie in.
    pub(super) bounds: Bounds,
    /// Whether a file must give it.
    pub(super) required: bool,
    /// Its name in formulas and files: the key, unless two mappings have the same key.
    pub(crate) name: &'static str,
    /// Its key path, such as `spec.people.hourly_rate`.
    pub(crate) path: &'static str,
    /// Its unit.
    pub(crate) unit: AmountUnit,
    /// What it is, in the words of the report.
    pub(crate) about: &'static str,
    /// Returns the amount of a model, its default if the key was left out; `None` if it has no default.
    pub(crate) amount: fn(&CostModel) -> Option<Amount>,
}

/// Declares one field: a function of its name that returns its [`CostField`]. In brackets stands the mapping that holds
/// it, if not the model itself; a default of `None` means that the field is required.
macro_rules! field {
    ([$($section:ident)?] $field:ident $(as $name:literal)?: $of:ty = $default:expr, $bounds:ident, $unit:ident,
        $about:literal) => {
        #[doc = concat!("Describes the field `", stringify!($field), "`.")]
        pub(crate) fn $field() -> &'static CostField {
            const DEFAULT: Option<$of> = $default;
            static FIELD: CostField = CostField {
                key: stringify!($field),
                bounds: Bounds::$bounds,
                required: DEFAULT.is_none(),
                name: [$($name,)? stringify!($field)][0],
                path: concat!("spec.", $(stringify!($section), ".",)? stringify!($field)),
                unit: AmountUnit::$unit,
                about: $about,
                amount: |model| model.$($section.)?$field.into(),
            };
            &FIELD
        }
    };
}

/// Declares a mapping of amounts once: its place, its type, and each field with its type, default, bounds, unit and
/// words (those of the JSON Schema above it, those of the report at its end). From this follow the type, its keys, its
/// [`CostField`]s and how it is read. A default of `None` means that the field is required; in a mapping `with
/// defaults` no field is, and `None` is the value of what is left out.
macro_rules! amounts {
    ($(#[$about:meta])* $section:ident: $type:ident with defaults {
        $($(#[$words:meta])* $field:ident $(as $name:literal)?: $of:ty = $default:expr, $bounds:ident, $unit:ident,
            $text:literal;)*
    }) => {
        amounts! {
            $(#[$about])*
            #[schemars(default)]
            $section: $type {
                $($(#[$words])* $field $(as $name)?: $of = Some($default), $bounds, $unit, $text;)*
            }
        }

        impl Default for $type {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }
    };
    ($(#[$about:meta])* $section:ident: $type:ident {
        $($(#[$words:meta])* $field:ident $(as $name:literal)?: $of:ty = $default:expr, $bounds:ident, $unit:ident,
            $text:literal;)*
    }) => {
        #[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
        $(#[$about])*
        #[schemars(deny_unknown_fields)]
        pub struct $type { $($(#[$words])* pub $field: $of,)* }

        impl $type {
            /// Its keys, for the reader.
            pub(super) const KEYS: &[&str] = &[$(stringify!($field)),*];

            /// Reads every field by `read`, which returns `None` where one is wrong or missing and `Some(None)` where
            /// it is left out; all fields are read even if one is wrong.
            pub(super) fn read(mut read: impl FnMut(&CostField) -> Option<Option<Amount>>) -> Option<Self> {
                $(let $field = read(Self::$field());)*
                Some(Self { $($field: $field?.map(<$of>::from).or($default)?,)* })
            }

            $(field! { [$section] $field $(as $name)?: $of = $default, $bounds, $unit, $text })*
        }
    };
}

const NOTHING: Amount = Amount::exact(0.0);
const ALL: Amount = Amount::exact(1.0);

/// Hours a day, where none are given.
const fn day() -> Amount {
    Amount::exact(8.0)
}

impl CostModel {
    field! { [] volume: Amount = None, VOLUME, Images, "Images a month that are needed and taken." }
}

amounts! {
    /// What the time of people is worth.
    people: People {
        /// An hour of those who brief and review, all costs of employment included.
        hourly_rate: Amount = None, ANY, Money, "An hour of people.";
        /// Hours a day in which they do that.
        #[schemars(default = "day")]
        hours_per_day: Amount = Some(day()), DAY, Hours, "Hours a day in which they brief and review.";
    }
}

amounts! {
    /// Making images in the house. What is left out costs nothing.
    in_house: InHouse with defaults {
        /// An hour of the machine or GPU, without its energy if `watts` is given.
        machine_per_hour: Amount = NOTHING, ANY, Money, "An hour of the machine.";
        /// What it draws while it works.
        watts: Amount = NOTHING, ANY, Watts, "What it draws while it works.";
        /// A kilowatt-hour.
        energy_per_kwh: Amount = NOTHING, ANY, Money, "A kilowatt-hour.";
        /// Share of the hours paid for in which it works: 1 for machines that are paid by the second.
        utilisation: Amount = ALL, SHARE, Share, "Share of the machine hours paid for in which it works.";
        /// Megabytes an image and its sidecar take.
        megabytes: Amount = NOTHING, ANY, Megabytes, "What an image takes to keep.";
        /// A gigabyte for a month.
        storage_per_gb_month: Amount = NOTHING, ANY, Money, "A gigabyte for a month.";
        /// Months that images are kept.
        months_kept: Amount = NOTHING, ANY, Months, "Months that images are kept.";
        /// Licences of models and software, a month.
        licences_per_month: Amount = NOTHING, ANY, Money, "Licences of models and software, a month.";
        /// One training of a style, the people's time and the references' licences included.
        training: Amount = NOTHING, ANY, Money, "One training of a style, people included.";
        /// Trainings a year.
        trainings_per_year: Amount = NOTHING, ANY, Times, "Trainings a year.";
        /// What it costs once: setting up, teaching people.
        setup: Amount = NOTHING, ANY, Money, "What it costs once.";
        /// Minutes of people for the brief of one image that is taken in the end.
        brief_minutes: Amount = NOTHING, ANY, Minutes, "Briefing an image in the house.";
        /// Minutes of people for looking at one image that passed the gate.
        review_minutes: Amount = NOTHING, ANY, Minutes, "Looking at an image that passed the gate.";
        /// Share of the images that passed the gate that people take.
        approval: Amount = ALL, SHARE, Share, "Share of what passed the gate that people take.";
    }
}

amounts! {
    /// Buying images. Price, rounds and days are what the baseline says, unless they are given here.
    outsourced: Outsourced with defaults {
        /// One image.
        price: Option<Amount> = None, ANY, Money, "What the vendor asks for an image.";
        /// Rounds of revision an image takes.
        revision_rounds: Option<Amount> = None, ANY, Times, "Rounds of revision of a bought image.";
        /// Days from order to delivery.
        lead_days: Option<Amount> = None, ANY, Days, "Days from order to delivery.";
        /// One round of revision of one image, where the price does not include it.
        revision_price: Amount = NOTHING, ANY, Money, "One round of revision.";
        /// What is paid a month whatever is ordered.
        retainer_per_month: Amount = NOTHING, ANY, Money, "What the vendor is paid a month whatever is ordered.";
        /// Minutes of people for the brief of one image that is taken in the end.
        brief_minutes as "vendor_brief_minutes": Amount = NOTHING, ANY, Minutes, "Briefing an image to the vendor.";
        /// Minutes of people for looking at one image, each round.
        review_minutes as "vendor_review_minutes": Amount = NOTHING, ANY, Minutes,
            "Looking at a bought image, each round.";
        /// Share of the delivered images that people take in the end.
        approval as "vendor_approval": Amount = ALL, SHARE, Share, "Share of the delivered images that people take.";
    }
}
