//! An evaluation as small as tests can read.

use std::collections::BTreeMap;

use crate::base::currency::Currency;
use crate::base::digest::Digest;
use crate::eval::disk_vec::DiskVec;
use crate::eval::evaluation::*;
use crate::spec::CostModel;

/// The brief of a fox.
pub fn brief() -> Brief {
    Brief { category: "fox".into(), style: "flat".into() }
}

/// An arm of `accepted` images out of `asked`.
pub fn arm(name: &str, asked: usize, accepted: usize) -> ArmFacts {
    ArmFacts {
        name: name.into(),
        asked,
        accepted,
        rejected: asked - accepted,
        failed: 0,
        first_pass_yield: Some(0.5),
        attempts: Some(2.0),
        briefs: accepted,
        seconds: Some(asked as f64 * 36.0),
        licences: vec!["MIT".into()],
        vendors: vec![],
        spent: BTreeMap::new(),
        priced: 0,
        revision_rounds: None,
        lead_days: None,
        lead_days_longest: None,
    }
}

/// An image of an arm.
pub fn asset(arm: Arm, id: &str) -> AssetScore {
    let house = arm == Arm::InHouse;
    AssetScore {
        arm,
        id: id.into(),
        brief: brief(),
        image: Some(format!("images/{id}.png")),
        sha256: None,
        accepted: true,
        reasons: vec![],
        scores: BTreeMap::from([(Measure::CategoryTop1, 1.0)]),
        first_attempt: BTreeMap::new(),
        style_found: Some("flat".into()),
        category_found: Some("fox".into()),
        nearest: None,
        work: house.then_some(MakingFacts { attempts: 2, first_passed: false, seconds: 36.0, encoder: None }),
        delivery: (!house).then(|| DeliveryFacts {
            price: Some(20.0),
            currency: Some(Currency::USD),
            revision_rounds: Some(1),
            ordered: "2026-01-01".parse().ok(),
            delivered: "2026-01-11".parse().ok(),
            licence: "CC-BY-4.0".into(),
            ..DeliveryFacts::default()
        }),
    }
}

/// Ten images of each arm.
pub fn assets() -> Vec<AssetScore> {
    let house = |i: usize| asset(Arm::InHouse, &format!("fox-flat-{i}"));
    let bought = |i: usize| asset(Arm::Outsourced, &format!("bought-{i}"));
    (0..10).map(house).chain((0..10).map(bought)).collect()
}

/// Eight of ten made, ten bought; the vendor leads in style.
pub fn evaluation() -> Evaluation {
    let estimate =
        |mean| Some(MeanEstimate { mean, low: Some(mean - 0.1), high: Some(mean + 0.1), briefs: 8, images: 8 });
    let difference = Difference {
        mean: -0.2,
        low: -0.3,
        high: -0.1,
        briefs: 8,
        wins: 1,
        ties: 0,
        p: 0.01,
        p_corrected: 0.02,
        hedges_g: Some(-1.0),
        rank_biserial: Some(-0.8),
        verdict: ComparisonVerdict::Outsourced,
    };
    let compared = Compared {
        measure: Measure::StyleConsistency,
        in_house: estimate(0.1),
        first_attempts: None,
        outsourced: estimate(0.3),
        difference: Some(difference),
    };
    let pair = |i: usize| BriefPair {
        brief: Brief { category: format!("thing {i}"), style: "flat".into() },
        in_house: vec![format!("fox-flat-{i}")],
        outsourced: vec![format!("bought-{i}")],
        differences: BTreeMap::from([(Measure::StyleConsistency, -0.1 * i as f64)]),
    };
    Evaluation {
        version: VERSION,
        housestyle: "0.0.0".into(),
        campaign: "small-0123456789ab".parse().unwrap(),
        in_house: arm("small-0123456789ab", 10, 8),
        outsourced: Some(arm("agency", 10, 10)),
        evaluator: EvaluatorFacts {
            bundle: "stub".parse().unwrap(),
            digest: Digest::of("stub"),
            held_out: BTreeMap::from([
                ("style".into(), 0.85),
                ("category_top5".into(), 0.82),
                ("drawings".into(), 396.0),
            ]),
            styles: vec!["flat".into()],
            categories: 2,
        },
        settings: StatisticsSettings {
            resamples: 500,
            confidence: 0.95,
            seed: 7,
            least_briefs: 6,
            correction: "holm".into(),
        },
        comparison: Comparison::Comparable { briefs: 8, only_in_house: vec![], only_outsourced: vec![] },
        measures: vec![compared.clone()],
        styles: vec![MeasureGroup {
            name: "flat".into(),
            in_house_images: 8,
            outsourced_images: 10,
            measures: vec![compared],
        }],
        categories: vec![],
        distributions: vec![],
        pairs: (0..8).map(pair).collect(),
        assets: DiskVec::of(assets()).unwrap(),
        operating_points: vec![],
        duplicates: vec![],
        warnings: vec![],
        suite: None,
    }
}

/// A cost model; `rest` is added to its spec.
pub fn costs(house: &str, bought: &str) -> CostModel {
    let yaml = format!(
        "apiVersion: housestyle/v1\nkind: CostModel\nmetadata: {{name: c}}\nspec:\n  currency: USD\n  volume: 100\n  \
            people: {{hourly_rate: 60}}\n  in_house: {{{house}}}\n  outsourced: {{{bought}}}\n"
    );
    CostModel::parse(&yaml, "c.yaml").unwrap()
}
