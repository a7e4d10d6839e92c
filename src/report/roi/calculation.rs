//! The cost comparison: figures with their ranges, the year month by month, and the inputs that matter most.

use serde::Serialize;

use super::figures::{Figure, InputValues, MONTHS};
use super::inputs::{AmountSource, CostInput, GivenAmount, Inputs};
use crate::base::currency::Currency;
use crate::base::error::Result;
use crate::base::math;
use crate::eval::Evaluation;
use crate::eval::stats::Random;
use crate::spec::CostModel;
use crate::spec::costs::AmountUnit;

/// Draws of all inputs together: their 95 % bands shake by about a hundredth of their width.
const DRAWS: usize = 4_000;
/// What an input that is said to be exact is moved by, to see what hinges on it.
const MOVED: f64 = 0.2;

/// The cost comparison.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Roi {
    /// The cost model.
    pub model: String,
    /// The person responsible for its amounts.
    pub owner: Option<String>,
    /// All money is in this currency.
    pub currency: Currency,
    /// Whether there is anything to compare with: a price of buying.
    pub compared: bool,
    /// The inputs.
    pub inputs: Inputs,
    /// The conclusion.
    pub figures: Vec<FigureValue>,
    /// What was spent after each month, from 0 to 12.
    pub months: Vec<Month>,
    /// What the result hinges on, the most first.
    pub tornado: Vec<TornadoBar>,
}

/// One figure with its range.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FigureValue {
    /// Which one.
    pub figure: Figure,
    /// How much; `None` if it is not known or never reached.
    pub value: Option<f64>,
    /// Lower end of its 95 % band; `None` as for the value.
    pub low: Option<f64>,
    /// Upper end; `None` if it is not known or has none.
    pub high: Option<f64>,
    /// Whether it is known, and never reached.
    pub never: bool,
    /// Its unit.
    pub unit: AmountUnit,
    /// The formula.
    pub formula: &'static str,
    /// The inputs of the formula.
    pub inputs: Vec<CostInput>,
}

/// Spending up to one month.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Month {
    /// Months since the start.
    pub month: usize,
    /// Cost of making: value and 95 % band.
    pub house: Option<[f64; 3]>,
    /// The baseline: images that were bought.
    pub vendor: Option<[f64; 3]>,
}

/// The effect of one input on the result.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TornadoBar {
    /// The input.
    pub input: CostInput,
    /// What is saved an image (or, without a price of buying, what one costs) with the input at its least.
    pub at_low: f64,
    /// With the input at its most.
    pub at_high: f64,
    /// Whether the ends are the input's own, or a fifth less and more because it is said to be exact.
    pub own_range: bool,
}

impl Roi {
    /// Returns one figure.
    pub fn get(&self, figure: Figure) -> Option<&FigureValue> {
        self.figures.iter().find(|found| found.figure == figure)
    }
}

/// Computes the cost comparison.
pub(crate) fn roi(model: &CostModel, evaluation: &Evaluation) -> Result<Roi> {
    let inputs = Inputs::of(model, evaluation)?;
    let likely = InputValues::new(|input| inputs.get(input).map_or(f64::NAN, |given| given.amount.value));
    let mut random = Random::new(evaluation.settings.seed);
    let draws: Vec<InputValues> = (0..DRAWS).map(|_| draw(&inputs, &mut random)).collect();
    let figures = Figure::ALL.into_iter().map(|figure| found(figure, &likely, &draws)).collect();
    let month = |month: usize| {
        let arm = |arm: usize| {
            let value = likely.spent(month)[arm];
            let (low, high) = band(draws.iter().map(|values| values.spent(month)[arm]).collect())?;
            (value.is_finite() && low.is_finite() && high.is_finite()).then_some([value, low, high])
        };
        Month { month, house: arm(0), vendor: arm(1) }
    };
    let compared = inputs.get(CostInput::Price).is_some();
    Ok(Roi {
        model: model.name.to_string(),
        owner: model.owner.clone(),
        currency: model.currency,
        compared,
        figures,
        months: (0..=MONTHS).map(month).collect(),
        tornado: tornado(&inputs, &likely, compared),
        inputs,
    })
}

fn found(figure: Figure, likely: &InputValues, draws: &[InputValues]) -> FigureValue {
    let value = likely.figure(figure);
    let ends = band(draws.iter().map(|values| values.figure(figure)).collect());
    let finite = |value: f64| value.is_finite().then_some(value);
    FigureValue {
        figure,
        value: finite(value),
        low: ends.and_then(|(low, _)| finite(low)).map(|low| low.min(if value.is_finite() { value } else { low })),
        high: ends.and_then(|(_, high)| finite(high)).map(|high| high.max(value)).and_then(finite),
        never: value == f64::INFINITY && matches!(figure, Figure::BreakEven | Figure::Payback),
        unit: figure.unit(),
        formula: figure.formula(),
        inputs: figure.inputs(),
    }
}

/// The middle 95 % of what was drawn, ends as they were drawn (infinity is one); `None` if any is not known.
fn band(mut drawn: Vec<f64>) -> Option<(f64, f64)> {
    if drawn.is_empty() || drawn.iter().any(|value| value.is_nan()) {
        return None;
    }
    drawn.sort_unstable_by(f64::total_cmp);
    let place = |share: f64| drawn[((drawn.len() - 1) as f64 * share).round() as usize];
    Some((place(0.025), place(0.975)))
}

/// Every input at once, each as likely as its range says.
fn draw(inputs: &Inputs, random: &mut Random) -> InputValues {
    InputValues::new(|input| {
        let Some(given) = inputs.get(input) else { return f64::NAN };
        // Also of what is exact, so that the other draws do not depend on how many ranges there are.
        let (u, v) = (uniform(random), uniform(random));
        let amount = given.amount;
        match given.source {
            _ if amount.is_exact() => amount.value,
            AmountSource::Measured { .. } => {
                // Two halves of a normal curve, each as wide as its side of the interval.
                let z = (-2.0 * math::ln(u)).sqrt() * math::cos(std::f64::consts::TAU * v);
                let side = if z < 0.0 { amount.value - amount.low } else { amount.high - amount.value };
                let most = if input.unit() == AmountUnit::Share { 1.0 } else { f64::MAX };
                // A share that is divided by stays off 0.
                let least = if input.unit() == AmountUnit::Share { amount.low / 10.0 } else { 0.0 };
                (amount.value + z * side / 1.96).clamp(least, most)
            }
            // A triangle with its top at the likeliest value.
            _ => {
                let (width, left) = (amount.high - amount.low, amount.value - amount.low);
                match u * width < left {
                    true => amount.low + (u * width * left).sqrt(),
                    false => amount.high - ((1.0 - u) * width * (amount.high - amount.value)).sqrt(),
                }
            }
        }
    })
}

/// A number in (0, 1].
fn uniform(random: &mut Random) -> f64 {
    ((random.bits() >> 11) + 1) as f64 / (1u64 << 53) as f64
}

fn tornado(inputs: &Inputs, likely: &InputValues, compared: bool) -> Vec<TornadoBar> {
    let result = |values: &InputValues| match compared {
        true => values.figure(Figure::VendorCost) - values.figure(Figure::HouseCost),
        false => values.figure(Figure::HouseCost),
    };
    let bar = |given: &GivenAmount| {
        let amount = given.amount;
        let own_range = !amount.is_exact();
        let most = if given.unit == AmountUnit::Share { 1.0 } else { f64::MAX };
        let (low, high) = match own_range {
            true => (amount.low, amount.high),
            false => (amount.value * (1.0 - MOVED), (amount.value * (1.0 + MOVED)).min(most)),
        };
        let [at_low, at_high] = [low, high].map(|end| result(&likely.with(given.input, end)));
        (at_low.is_finite() && at_high.is_finite() && at_low != at_high).then_some(TornadoBar {
            input: given.input,
            at_low,
            at_high,
            own_range,
        })
    };
    let mut bars: Vec<TornadoBar> = inputs.iter().filter_map(bar).collect();
    let width = |bar: &TornadoBar| (bar.at_high - bar.at_low).abs();
    bars.sort_by(|a, b| width(b).total_cmp(&width(a)).then(a.input.cmp(&b.input)));
    bars
}
