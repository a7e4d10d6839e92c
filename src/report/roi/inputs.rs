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
use crate::spec::costs::{Amount, AmountUnit, CostField, InHouse, Outsourced, People};

/// Declares every input: those of the cost model by their field there, which gives name, unit and words; those that
/// are only ever measured with name, unit and words of their own.
macro_rules! inputs {
    (
        model { $($given:ident = $mapping:ident::$field:ident;)* }
        measured { $($measured:ident, $name:literal, $unit:ident, $about:literal;)* }
    ) => {
        /// The inputs of the cost comparison.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(rename_all = "snake_case")]
        pub enum CostInput {
            $(#[doc = concat!("The cost model's `", stringify!($mapping), "::", stringify!($field), "`.")] $given,)*
            $(#[doc = $about] $measured,)*
        }

        impl CostInput {
            /// All values, in the order of every table.
            pub const ALL: &'static [Self] = &[$(Self::$given,)* $(Self::$measured,)*];
            /// Returns its field of the cost model; `None` if it is only ever measured.
            fn field(self) -> Option<&'static CostField> {
                match self { $(Self::$given => Some($mapping::$field()),)* $(Self::$measured => None,)* }
            }
            /// Its name in formulas and files.
            pub fn name(self) -> &'static str {
                match self { $(Self::$given => $mapping::$field().name,)* $(Self::$measured => $name,)* }
            }
            /// Returns the unit.
            pub fn unit(self) -> AmountUnit {
                match self {
                    $(Self::$given => $mapping::$field().unit,)* $(Self::$measured => AmountUnit::$unit,)*
                }
            }
            /// The message, in English.
            pub fn about(self) -> &'static str {
                match self { $(Self::$given => $mapping::$field().about,)* $(Self::$measured => $about,)* }
            }
        }
    };
}

inputs! {
    model {
        Volume = CostModel::volume;
        HourlyRate = People::hourly_rate;
        HoursPerDay = People::hours_per_day;
        MachinePerHour = InHouse::machine_per_hour;
        Watts = InHouse::watts;
        EnergyPerKwh = InHouse::energy_per_kwh;
        Utilisation = InHouse::utilisation;
        Megabytes = InHouse::megabytes;
        StoragePerGbMonth = InHouse::storage_per_gb_month;
        MonthsKept = InHouse::months_kept;
        LicencesPerMonth = InHouse::licences_per_month;
        Training = InHouse::training;
        TrainingsPerYear = InHouse::trainings_per_year;
        Setup = InHouse::setup;
        BriefMinutes = InHouse::brief_minutes;
        ReviewMinutes = InHouse::review_minutes;
        Approval = InHouse::approval;
        Price = Outsourced::price;
        RevisionRounds = Outsourced::revision_rounds;
        LeadDays = Outsourced::lead_days;
        RevisionPrice = Outsourced::revision_price;
        Retainer = Outsourced::retainer_per_month;
        VendorBriefMinutes = Outsourced::brief_minutes;
        VendorReviewMinutes = Outsourced::review_minutes;
        VendorApproval = Outsourced::approval;
    }
    measured {
        GateYield, "gate_yield", Share, "Share of the jobs whose image passed the gate.";
        FirstPass, "first_pass", Share, "Share of the jobs whose first attempt passed the gate.";
        Attempts, "attempts", Times, "Attempts a job took.";
        Seconds, "seconds", Seconds, "Machine seconds a job took, all attempts.";
        Batch, "batch", Images, "Images of the campaign that was evaluated.";
    }
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
    let CostField { path, amount, .. } = *input.field()?;
    let amount = amount(model)?;
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
            let path = Outsourced::revision_rounds().path;
            Some((Amount::exact(0.0), AmountSource::LeftOut { path }))
        }),
        CostInput::LeadDays => mean_of(&observed.lead_days),
        _ => None,
    }
}
