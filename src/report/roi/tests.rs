//! Hand-computed cases, and what must hold for any numbers.

use proptest::prelude::*;

use super::figures::{InputValues, MONTHS};
use super::*;
use crate::eval::disk_vec::DiskVec;
use crate::report::sample::{assets, costs, evaluation};
use crate::spec::costs::Amount;

fn value(roi: &Roi, figure: Figure) -> f64 {
    roi.get(figure).unwrap().value.unwrap()
}

#[test]
fn a_case_by_hand() {
    // 36 s a job at 10 an hour: 0.10; 80 % pass the gate, half of those are taken: 0.25 a taken image. A minute is
    // worth 1:
    // two looks of a minute, and a minute's brief. Fixed: 20 licences + 600 × 2 ÷ 12 = 120 a month. 1200 once.
    let house = "machine_per_hour: 10, licences_per_month: 20, training: 600, trainings_per_year: 2, setup: 1200, \
                 brief_minutes: 1, review_minutes: 1, approval: 0.5";
    // 20 each, one round at 4, 2 minutes a look, twice; 5 minutes' brief; 10 a month.
    let bought = "revision_price: 4, brief_minutes: 5, review_minutes: 2, retainer_per_month: 10";
    let roi = roi(&costs(house, bought), &evaluation()).unwrap();
    let near = |figure, by_hand: f64| {
        let found = value(&roi, figure);
        assert!((found - by_hand).abs() < 1e-9, "{figure:?}: {found} is not {by_hand}");
    };
    near(Figure::HouseVariable, 0.25 + 3.0);
    near(Figure::HouseFixed, 120.0);
    near(Figure::HouseCost, 3.25 + (120.0 + 100.0) / 100.0);
    near(Figure::VendorCost, 33.0 + 0.1);
    near(Figure::Saving, 1.0 - 5.45 / 33.1);
    near(Figure::BreakEven, (220.0 - 10.0) / (33.0 - 3.25));
    near(Figure::HouseYear, 1200.0 + 12.0 * 445.0);
    near(Figure::VendorYear, 12.0 * 3310.0);
    near(Figure::Payback, 1200.0 / (3310.0 - 445.0));
    near(Figure::FirstPass, 0.5);
    near(Figure::HouseRounds, 2.0);
    near(Figure::VendorRounds, 1.0);
    near(Figure::VendorLead, 10.0);
    // 10 images: 10 × 90 s of machine, 10 × 3 minutes of people in days of 8 hours.
    near(Figure::HouseLead, 900.0 / 86_400.0 + 0.5 / 8.0);
    assert_eq!(roi.months[0].house, Some([1200.0; 3]));
    assert!(roi.compared && roi.months.len() == 13);
    // The yield is measured on ten jobs: the band says so, on the machine's part alone.
    let variable = roi.get(Figure::HouseVariable).unwrap();
    assert!(
        variable.low.unwrap() > 3.0 && variable.low.unwrap() < 3.25 && variable.high.unwrap() > 3.27,
        "{variable:?}"
    );
    assert_eq!(roi.get(Figure::VendorCost).unwrap().high, Some(33.1), "nothing about it is in doubt");
}

#[test]
fn what_is_never_reached_and_what_is_not_known() {
    let roi_of = |house: &str, bought: &str| roi(&costs(house, bought), &evaluation()).unwrap();
    let dear = roi_of("review_minutes: 60, setup: 100", "price: 1");
    let never = dear.get(Figure::BreakEven).unwrap();
    assert!(never.never && never.value.is_none() && dear.get(Figure::Payback).unwrap().never);
    assert!(value(&dear, Figure::Saving) < 0.0);
    let free = roi_of("", "price: 1");
    assert_eq!((value(&free, Figure::BreakEven), value(&free, Figure::Payback)), (0.0, 0.0));
    let mut alone = evaluation();
    alone.outsourced = None;
    alone.assets = DiskVec::of(assets().into_iter().filter(|asset| asset.work.is_some())).unwrap();
    let alone = roi(&costs("", ""), &alone).unwrap();
    assert!(!alone.compared);
    let unknown = [Figure::VendorCost, Figure::Saving, Figure::BreakEven, Figure::VendorLead];
    assert!(unknown.iter().all(|figure| alone.get(*figure).is_some_and(|f| f.value.is_none() && !f.never)));
    assert!(alone.get(Figure::HouseCost).unwrap().value.is_some() && alone.months[3].vendor.is_none());
    // Euros are no dollars.
    let mut euros = evaluation();
    let mut images = assets();
    images.iter_mut().filter_map(|a| a.delivery.as_mut()).for_each(|d| d.currency = "EUR".parse().ok());
    euros.assets = DiskVec::of(images).unwrap();
    assert!(!roi(&costs("", ""), &euros).unwrap().compared);
    // Nothing passed: nothing can be reckoned from that.
    let mut none = evaluation();
    (none.in_house.accepted, none.in_house.rejected) = (0, 10);
    let none = roi(&costs("machine_per_hour: 1", "price: 1"), &none).unwrap();
    assert!(none.get(Figure::HouseCost).unwrap().value.is_none());
}

#[test]
fn every_input_says_whose_word_it_is() {
    let roi = roi(&costs("setup: 5", ""), &evaluation()).unwrap();
    let source = |input| roi.inputs.get(input).unwrap().source.clone();
    assert_eq!(source(CostInput::Setup), AmountSource::Model { path: "spec.in_house.setup", line: 8 });
    assert_eq!(source(CostInput::Watts), AmountSource::LeftOut { path: "spec.in_house.watts" });
    assert_eq!(source(CostInput::GateYield), AmountSource::Measured { images: 10 });
    let json = serde_json::to_value(&roi).unwrap();
    for figure in json["figures"].as_array().unwrap() {
        assert!(!figure["inputs"].as_array().unwrap().is_empty() && figure["formula"].as_str().unwrap().len() > 3);
    }
    for figure in Figure::ALL {
        let known = Figure::ALL.map(|f| serde_json::to_value(f).unwrap());
        let words = |text: &str| {
            text.split(|c: char| !c.is_ascii_lowercase() && c != '_').map(str::to_owned).collect::<Vec<_>>()
        };
        for word in words(figure.formula())
            .iter()
            .filter(|word| word.len() > 3 && *word != "where" && *word != "vendor_variable")
        {
            let input = CostInput::ALL.iter().any(|input| input.name() == word);
            assert!(input || known.iter().any(|name| name == word), "{figure:?} speaks of {word}");
        }
    }
}

fn anything() -> impl Strategy<Value = InputValues> {
    prop::collection::vec(0.01f64..1.0, CostInput::ALL.len())
        .prop_map(|numbers| InputValues::new(|input| numbers[input as usize]))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn figures_read_what_they_name_and_nothing_else(values in anything(), factor in 1.1f64..3.0) {
        for figure in Figure::ALL {
            let before = values.figure(figure);
            for input in CostInput::ALL {
                let after = values.with(*input, factor * 0.5).figure(figure);
                prop_assert!(figure.inputs().contains(input) || after == before || (after.is_nan() && before.is_nan()),
                    "{figure:?} reads {input:?}");
                let unknown = values.with(*input, f64::NAN).figure(figure);
                prop_assert!(unknown.is_nan() == figure.inputs().contains(input), "{figure:?} and {input:?}");
            }
        }
    }

    #[test]
    fn at_the_break_even_both_cost_the_same(values in anything()) {
        let volume = values.figure(Figure::BreakEven);
        prop_assume!(volume.is_finite() && volume > 1e-6 && volume < 1e6);
        let there = values.with(CostInput::Volume, volume);
        let [house, vendor] = there.spent(MONTHS);
        prop_assert!((house - vendor).abs() <= 1e-6 * house.max(vendor), "{house} and {vendor}");
        let [house, vendor] = values.with(CostInput::Volume, 2.0 * volume).spent(MONTHS);
        prop_assert!(house < vendor);
    }

    #[test]
    fn dearer_inputs_never_make_it_cheaper(values in anything(), input in prop::sample::select(CostInput::ALL)) {
        let more = values.with(input, 1.0);
        let dearer = !matches!(input, CostInput::Volume | CostInput::Utilisation | CostInput::Approval |
            CostInput::GateYield | CostInput::HoursPerDay);
        let (before, after) = (values.figure(Figure::HouseCost), more.figure(Figure::HouseCost));
        prop_assert!(if dearer { after >= before } else { after <= before }, "{input:?}");
    }

    #[test]
    fn bands_hold_the_value_and_grow_with_doubt(value in 1.0f64..50.0, doubt in 0.1f64..0.9) {
        let evaluation = evaluation();
        let width = |share: f64| {
            let mut model = costs("review_minutes: 1", "price: 30");
            model.in_house.review_minutes = Amount { value, low: value * (1.0 - share), high: value * (1.0 + share) };
            let roi = roi(&model, &evaluation).unwrap();
            let found = roi.get(Figure::HouseCost).unwrap().clone();
            assert!(found.low <= found.value && found.value <= found.high);
            assert!(roi.tornado.iter().any(|bar| bar.input == CostInput::ReviewMinutes && bar.own_range));
            found.high.unwrap() - found.low.unwrap()
        };
        prop_assert!(width(doubt) > width(doubt / 2.0));
    }
}
