//! What the money is reckoned from: each amount with its range and where it comes from.
//!
//! Takes a cost model and an evaluation. Returns [`Inputs`].
//!
//! # Invariants
//!
//! Every amount is measured, stands in the model, or is marked as left out; what is not known at all is `None` and
//! makes unknown whatever needs it.

use serde::Serialize;

use crate::base::error::Result;
use crate::eval::Evaluation;
use crate::eval::evaluation::Arm;
use crate::eval::stats::{Bootstrap, mean, wilson};
use crate::spec::CostModel;
use crate::spec::costs::Amount;

/// Declares every input with its name in documents, its place in the cost model ("" for what is measured only), and
/// its unit.
macro_rules! inputs {
    ($($input:ident, $name:literal, $path:literal, $unit:ident, $about:literal;)*) => {
        /// The inputs of the cost comparison.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(rename_all = "snake_case")]
        pub enum CostInput { $(#[doc = $about] $input,)* }

        impl CostInput {
            /// All values, in the order of every table.
            pub const ALL: &'static [Self] = &[$(Self::$input),*];
            /// Its name in formulas and files.
            pub fn name(self) -> &'static str { match self { $(Self::$input => $name),* } }
            /// Where a cost model gives it; empty if it is only ever measured.
            pub fn path(self) -> &'static str { match self { $(Self::$input => $path),* } }
            /// Returns the unit.
            pub fn unit(self) -> AmountUnit { match self { $(Self::$input => AmountUnit::$unit),* } }
            /// The message, in English.
            pub fn about(self) -> &'static str { match self { $(Self::$input => $about),* } }
        }
    };
}

inputs! {
    Volume, "volume", "spec.volume", Images, "Images a month that are needed and taken.";
    HourlyRate, "hourly_rate", "spec.people.hourly_rate", Money, "An hour of people.";
    HoursPerDay, "hours_per_day", "spec.people.hours_per_day", Hours, "Hours a day in which they brief and review.";
    MachinePerHour, "machine_per_hour", "spec.in_house.machine_per_hour", Money, "An hour of the machine.";
    Watts, "watts", "spec.in_house.watts", Watts, "What it draws while it works.";
    EnergyPerKwh, "energy_per_kwh", "spec.in_house.energy_per_kwh", Money, "A kilowatt-hour.";
    Utilisation, "utilisation", "spec.in_house.utilisation", Share, "Share of the machine hours paid for in which it \
        works.";
    Megabytes, "megabytes", "spec.in_house.megabytes", Megabytes, "What an image takes to keep.";
    StoragePerGbMonth, "storage_per_gb_month", "spec.in_house.storage_per_gb_month", Money, "A gigabyte for a month.";
    MonthsKept, "months_kept", "spec.in_house.months_kept", Months, "Months that images are kept.";
    LicencesPerMonth, "licences_per_month", "spec.in_house.licences_per_month", Money,
        "Licences of models and software, a month.";
    Training, "training", "spec.in_house.training", Money, "One training of a style, people included.";
    TrainingsPerYear, "trainings_per_year", "spec.in_house.trainings_per_year", Times, "Trainings a year.";
    Setup, "setup", "spec.in_house.setup", Money, "What it costs once.";
    BriefMinutes, "brief_minutes", "spec.in_house.brief_minutes", Minutes, "Briefing an image in the house.";
    ReviewMinutes, "review_minutes", "spec.in_house.review_minutes", Minutes,
        "Looking at an image that passed the gate.";
    Approval, "approval", "spec.in_house.approval", Share, "Share of what passed the gate that people take.";
    Price, "price", "spec.outsourced.price", Money, "What the vendor asks for an image.";
    RevisionRounds, "revision_rounds", "spec.outsourced.revision_rounds", Times,
        "Rounds of revision of a bought image.";
    LeadDays, "lead_days", "spec.outsourced.lead_days", Days, "Days from order to delivery.";
    RevisionPrice, "revision_price", "spec.outsourced.revision_price", Money, "One round of revision.";
    Retainer, "retainer_per_month", "spec.outsourced.retainer_per_month", Money,
        "What the vendor is paid a month whatever is ordered.";
    VendorBriefMinutes, "vendor_brief_minutes", "spec.outsourced.brief_minutes", Minutes,
        "Briefing an image to the vendor.";
    VendorReviewMinutes, "vendor_review_minutes", "spec.outsourced.review_minutes", Minutes,
        "Looking at a bought image, each round.";
    VendorApproval, "vendor_approval", "spec.outsourced.approval", Share,
        "Share of the delivered images that people take.";
    GateYield, "gate_yield", "", Share, "Share of the jobs whose image passed the gate.";
    FirstPass, "first_pass", "", Share, "Share of the jobs whose first attempt passed the gate.";
    Attempts, "attempts", "", Times, "Attempts a job took.";
    Seconds, "seconds", "", Seconds, "Machine seconds a job took, all attempts.";
    Batch, "batch", "", Images, "Images of the campaign that was evaluated.";
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

/// Where an amount comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "from")]
pub enum AmountSource {
    /// Counted or timed in the campaign or the baseline.
    Measured {
        /// How many images it is from.
        images: usize,
    },
    /// Stated in the cost model.
    Model {
        /// The key.
        path: &'static str,
        /// Its line in the file.
        line: u32,
    },
    /// Left out of the model: it counts as nothing, or as all for shares.
    LeftOut {
        /// The key that would give it.
        path: &'static str,
    },
}

/// One amount.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GivenAmount {
    /// Which one.
    pub input: CostInput,
    /// How much, and how surely: a 95 % interval where it is measured, otherwise the model's range.
    pub amount: Amount,
    /// Its unit.
    pub unit: AmountUnit,
    /// Where the amount comes from.
    pub source: AmountSource,
}

/// Every amount that is known.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Inputs(Vec<GivenAmount>);

impl Inputs {
    /// Collects the amounts. Price, rounds and days of the model take precedence over those of the baseline.
    pub fn of(model: &CostModel, evaluation: &Evaluation) -> Result<Self> {
        let observed = Observed::of(model, evaluation)?;
        let known = CostInput::ALL.iter().filter_map(|input| {
            let (amount, source) = said(*input, model).or_else(|| measured(*input, &observed, evaluation))?;
            Some(GivenAmount { input: *input, amount, unit: input.unit(), source })
        });
        Ok(Self(known.collect()))
    }

    /// Iterates over the amounts, in order.
    pub fn iter(&self) -> impl Iterator<Item = &GivenAmount> {
        self.0.iter()
    }

    /// Returns one amount.
    pub fn get(&self, input: CostInput) -> Option<&GivenAmount> {
        self.0.iter().find(|given| given.input == input)
    }
}

/// Returns an amount that the model states.
fn said(input: CostInput, model: &CostModel) -> Option<(Amount, AmountSource)> {
    let path = input.path();
    let amount = model.amount(path)?;
    let source = model.line(path).map_or(AmountSource::LeftOut { path }, |line| AmountSource::Model { path, line });
    Some((amount, source))
}

/// Values observed on single images.
#[derive(Clone, Debug, Default)]
struct Observed {
    attempts: Vec<f64>,
    seconds: Vec<f64>,
    prices: Vec<f64>,
    revision_rounds: Vec<f64>,
    lead_days: Vec<f64>,
}

impl Observed {
    fn of(model: &CostModel, evaluation: &Evaluation) -> Result<Self> {
        let mut observed = Self::default();
        for asset in evaluation.assets.iter() {
            let asset = asset?;
            if let Some(work) = asset.work.filter(|_| asset.arm == Arm::InHouse) {
                observed.attempts.push(work.attempts as f64);
                observed.seconds.push(work.seconds);
            }
            let Some(delivery) = asset.delivery else { continue };
            // Prices in another currency are no prices of this model.
            observed.prices.extend(delivery.price.filter(|_| delivery.currency == Some(model.currency)));
            observed.revision_rounds.extend(delivery.revision_rounds.map(f64::from));
            observed.lead_days.extend(delivery.lead_days().map(|days| days as f64));
        }
        Ok(observed)
    }
}

/// Returns an amount measured on the campaign or the baseline.
fn measured(input: CostInput, observed: &Observed, evaluation: &Evaluation) -> Option<(Amount, AmountSource)> {
    let house = &evaluation.in_house;
    let finished = house.accepted + house.rejected + house.failed;
    let share = |part: f64| {
        let (low, high) = wilson(part, finished as f64, evaluation.settings.confidence)?;
        Some((Amount { value: part / finished as f64, low, high }, AmountSource::Measured { images: finished }))
    };
    let settings = &evaluation.settings;
    let bootstrap =
        Bootstrap { resamples: settings.resamples.min(2_000), confidence: settings.confidence, seed: settings.seed };
    let mean_of = |values: &[f64]| {
        let value = mean(values)?;
        let (low, high) =
            bootstrap.mean(values).map_or((value, value), |ends| (ends.low.min(value), ends.high.max(value)));
        Some((Amount { value, low, high }, AmountSource::Measured { images: values.len() }))
    };
    match input {
        CostInput::GateYield => share(house.accepted as f64),
        CostInput::FirstPass => share(house.first_pass_yield? * finished as f64),
        CostInput::Attempts => mean_of(&observed.attempts),
        CostInput::Seconds => mean_of(&observed.seconds),
        CostInput::Batch => Some((Amount::exact(finished as f64), AmountSource::Measured { images: finished })),
        CostInput::Price => mean_of(&observed.prices),
        CostInput::RevisionRounds => mean_of(&observed.revision_rounds).or_else(|| {
            let path = input.path();
            Some((Amount::exact(0.0), AmountSource::LeftOut { path }))
        }),
        CostInput::LeadDays => mean_of(&observed.lead_days),
        _ => None,
    }
}
