//! What follows from the inputs: one formula a figure.
//!
//! Takes a number for each input. Returns a number for each figure; NaN if an input it needs is not known, infinity
//! for "never".
//!
//! # Invariants
//!
//! A figure reads the inputs that [`Figure::inputs`] names and no others (a test changes each of them).

use serde::Serialize;

use super::inputs::CostInput;
use crate::spec::costs::AmountUnit;

/// Months that the comparison covers.
pub(crate) const MONTHS: usize = 12;

/// A figure of the cost comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Figure {
    /// What one more image that is taken costs in the house.
    HouseVariable,
    /// What the house pays a month whatever is made.
    HouseFixed,
    /// What an image that is taken costs in the house at the model's volume, everything included.
    HouseCost,
    /// What an image that is taken costs when it is bought, everything included.
    VendorCost,
    /// By how much it is cheaper to make than to buy: share of the price of buying.
    Saving,
    /// Images a month from which on making is cheaper within a year.
    BreakEven,
    /// What a year of making costs.
    HouseYear,
    /// What a year of buying costs.
    VendorYear,
    /// Months until what was spent on setting up has come back.
    Payback,
    /// Share of the jobs whose first attempt passed the gate.
    FirstPass,
    /// Attempts a job took: what corresponds to rounds of revision.
    HouseRounds,
    /// Rounds of revision a bought image took.
    VendorRounds,
    /// Working days for a campaign of the evaluated size, made.
    HouseLead,
    /// Days from order to delivery, bought.
    VendorLead,
}

impl Figure {
    /// All values, in the order of every table.
    pub const ALL: [Self; 14] = [
        Self::HouseCost,
        Self::VendorCost,
        Self::Saving,
        Self::BreakEven,
        Self::Payback,
        Self::HouseYear,
        Self::VendorYear,
        Self::HouseVariable,
        Self::HouseFixed,
        Self::FirstPass,
        Self::HouseRounds,
        Self::VendorRounds,
        Self::HouseLead,
        Self::VendorLead,
    ];

    /// Returns the unit.
    pub fn unit(self) -> AmountUnit {
        match self {
            Self::Saving | Self::FirstPass => AmountUnit::Share,
            Self::BreakEven => AmountUnit::Images,
            Self::Payback => AmountUnit::Months,
            Self::HouseRounds | Self::VendorRounds => AmountUnit::Times,
            Self::HouseLead | Self::VendorLead => AmountUnit::Days,
            _ => AmountUnit::Money,
        }
    }

    /// Returns the formula, in the inputs' names.
    pub(crate) fn formula(self) -> &'static str {
        match self {
            Self::HouseVariable => {
                "(seconds ÷ 3600 × (machine_per_hour ÷ utilisation + watts ÷ 1000 × energy_per_kwh) + megabytes ÷ \
                    1000 × \
                 storage_per_gb_month × months_kept) ÷ (gate_yield × approval) + hourly_rate ÷ 60 × (review_minutes ÷ \
                 approval + \
                 brief_minutes)"
            }
            Self::HouseFixed => "licences_per_month + training × trainings_per_year ÷ 12",
            Self::HouseCost => "house_variable + (house_fixed + setup ÷ 12) ÷ volume",
            Self::VendorCost => {
                "vendor_variable + retainer_per_month ÷ volume, where vendor_variable = (price + revision_rounds × \
                    revision_price + hourly_rate ÷ 60 × vendor_review_minutes × (1 + revision_rounds)) ÷ \
                    vendor_approval + hourly_rate ÷ 60 × vendor_brief_minutes"
            }
            Self::Saving => "1 - house_cost ÷ vendor_cost",
            Self::BreakEven => "(house_fixed + setup ÷ 12 - retainer_per_month) ÷ (vendor_variable - house_variable)",
            Self::HouseYear => "setup + 12 × (house_fixed + volume × house_variable)",
            Self::VendorYear => "12 × (retainer_per_month + volume × vendor_variable)",
            Self::Payback => "setup ÷ (vendor_year ÷ 12 - house_fixed - volume × house_variable)",
            Self::FirstPass => "first_pass",
            Self::HouseRounds => "attempts",
            Self::VendorRounds => "revision_rounds",
            Self::HouseLead => {
                "batch × seconds ÷ (gate_yield × approval) ÷ 86400 + batch × (review_minutes ÷ approval + \
                    brief_minutes) ÷ 60 ÷ \
                 hours_per_day"
            }
            Self::VendorLead => "lead_days",
        }
    }

    /// Returns the inputs that it depends on, also through other figures.
    pub fn inputs(self) -> Vec<CostInput> {
        use CostInput as I;
        let variable = || {
            let machine = [I::Seconds, I::MachinePerHour, I::Utilisation, I::Watts, I::EnergyPerKwh];
            let storage = [I::Megabytes, I::StoragePerGbMonth, I::MonthsKept];
            let people = [I::GateYield, I::Approval, I::HourlyRate, I::ReviewMinutes, I::BriefMinutes];
            [&machine[..], &storage, &people].concat()
        };
        let fixed = || vec![I::LicencesPerMonth, I::Training, I::TrainingsPerYear];
        let vendor = || {
            let price = [I::Price, I::RevisionRounds, I::RevisionPrice, I::VendorApproval];
            let people = [I::HourlyRate, I::VendorReviewMinutes, I::VendorBriefMinutes];
            [&price[..], &people].concat()
        };
        let mut all = match self {
            Self::HouseVariable => variable(),
            Self::HouseFixed => fixed(),
            Self::HouseCost | Self::HouseYear => [variable(), fixed(), vec![I::Setup, I::Volume]].concat(),
            Self::VendorCost | Self::VendorYear => [vendor(), vec![I::Retainer, I::Volume]].concat(),
            Self::BreakEven => [variable(), fixed(), vendor(), vec![I::Setup, I::Retainer]].concat(),
            Self::Saving | Self::Payback => {
                [variable(), fixed(), vendor(), vec![I::Setup, I::Retainer, I::Volume]].concat()
            }
            Self::FirstPass => vec![I::FirstPass],
            Self::HouseRounds => vec![I::Attempts],
            Self::VendorRounds => vec![I::RevisionRounds],
            Self::HouseLead => {
                let machine = [I::Batch, I::Seconds, I::GateYield, I::Approval];
                [&machine[..], &[I::ReviewMinutes, I::BriefMinutes, I::HoursPerDay]].concat()
            }
            Self::VendorLead => vec![I::LeadDays],
        };
        all.sort_unstable();
        all.dedup();
        all
    }
}

/// A number for each input; NaN for what is not known.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct InputValues(Vec<f64>);

impl InputValues {
    /// Creates the values from a function of each input.
    pub fn new(value: impl FnMut(CostInput) -> f64) -> Self {
        Self(CostInput::ALL.iter().copied().map(value).collect())
    }

    /// Returns a copy with another value for one input.
    #[must_use]
    pub fn with(&self, input: CostInput, value: f64) -> Self {
        let mut values = self.clone();
        if let Some(place) = values.0.get_mut(input as usize) {
            *place = value;
        }
        values
    }

    fn at(&self, input: CostInput) -> f64 {
        self.0.get(input as usize).copied().unwrap_or(f64::NAN)
    }

    fn house_variable(&self) -> f64 {
        use CostInput as I;
        let hour = self.at(I::MachinePerHour) / self.at(I::Utilisation)
            + self.at(I::Watts) / 1000.0 * self.at(I::EnergyPerKwh);
        let storage = self.at(I::Megabytes) / 1000.0 * self.at(I::StoragePerGbMonth) * self.at(I::MonthsKept);
        let minute = self.at(I::HourlyRate) / 60.0;
        let made = (self.at(I::Seconds) / 3600.0 * hour + storage) / (self.at(I::GateYield) * self.at(I::Approval));
        made + minute * self.house_minutes()
    }

    /// Minutes of people for one image that is taken: what is not taken was looked at, too.
    fn house_minutes(&self) -> f64 {
        self.at(CostInput::ReviewMinutes) / self.at(CostInput::Approval) + self.at(CostInput::BriefMinutes)
    }

    fn house_fixed(&self) -> f64 {
        self.at(CostInput::LicencesPerMonth)
            + self.at(CostInput::Training) * self.at(CostInput::TrainingsPerYear) / 12.0
    }

    fn vendor_variable(&self) -> f64 {
        use CostInput as I;
        let (rounds, minute) = (self.at(I::RevisionRounds), self.at(I::HourlyRate) / 60.0);
        let delivered = self.at(I::Price)
            + rounds * self.at(I::RevisionPrice)
            + minute * self.at(I::VendorReviewMinutes) * (1.0 + rounds);
        delivered / self.at(I::VendorApproval) + minute * self.at(I::VendorBriefMinutes)
    }

    /// What was spent after so many months: made and bought.
    pub fn spent(&self, months: usize) -> [f64; 2] {
        let (months, volume) = (months as f64, self.at(CostInput::Volume));
        let house = self.at(CostInput::Setup) + months * (self.house_fixed() + volume * self.house_variable());
        [house, months * (self.at(CostInput::Retainer) + volume * self.vendor_variable())]
    }

    /// Returns one figure.
    pub(crate) fn figure(&self, figure: Figure) -> f64 {
        use CostInput as I;
        let year = MONTHS as f64;
        match figure {
            Figure::HouseVariable => self.house_variable(),
            Figure::HouseFixed => self.house_fixed(),
            Figure::HouseCost => {
                self.house_variable() + (self.house_fixed() + self.at(I::Setup) / year) / self.at(I::Volume)
            }
            Figure::VendorCost => self.vendor_variable() + self.at(I::Retainer) / self.at(I::Volume),
            Figure::Saving => match self.figure(Figure::VendorCost) {
                0.0 => f64::NAN, // no share of nothing
                vendor => 1.0 - self.figure(Figure::HouseCost) / vendor,
            },
            Figure::BreakEven => {
                let fixed = self.house_fixed() + self.at(I::Setup) / year - self.at(I::Retainer);
                reached(fixed, self.vendor_variable() - self.house_variable())
            }
            Figure::HouseYear => self.spent(MONTHS)[0],
            Figure::VendorYear => self.spent(MONTHS)[1],
            Figure::Payback => {
                let [house, vendor] = [0, 1].map(|arm| self.spent(1)[arm] - self.spent(0)[arm]);
                reached(self.at(I::Setup), vendor - house)
            }
            Figure::FirstPass => self.at(I::FirstPass),
            Figure::HouseRounds => self.at(I::Attempts),
            Figure::VendorRounds => self.at(I::RevisionRounds),
            Figure::HouseLead => {
                let machine = self.at(I::Seconds) / (self.at(I::GateYield) * self.at(I::Approval)) / 86_400.0;
                self.at(I::Batch) * (machine + self.house_minutes() / 60.0 / self.at(I::HoursPerDay))
            }
            Figure::VendorLead => self.at(I::LeadDays),
        }
    }
}

/// When steps of `gain` have made up for `owed`: at once if nothing is owed, never (infinity) if they gain nothing.
fn reached(owed: f64, gain: f64) -> f64 {
    match (owed, gain) {
        (owed, gain) if owed.is_nan() || gain.is_nan() => f64::NAN,
        (owed, gain) if gain > 0.0 => (owed / gain).max(0.0),
        (owed, gain) if owed < 0.0 || (owed <= 0.0 && gain >= 0.0) => 0.0,
        _ => f64::INFINITY,
    }
}
