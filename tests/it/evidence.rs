//! Metrics and statistics against reference implementations: SciPy, statsmodels, scikit-image, krippendorff, and the
//! published kernels of KID and CMMD (`tests/fixtures/evidence.json`; the script beside it says how it was made, the
//! file which versions).

use housestyle::appearance::colour::Lab;
use housestyle::eval::metrics::{Moments, cmmd, diversity, frechet, kid};
use housestyle::eval::stats::{
    Bootstrap, PairVote, Scale, VoteOutcome, bca, bradley_terry, hedges_g, holm, krippendorff, rank_biserial,
    sign_flip, wilson,
};
use serde_json::Value;

fn fixture() -> Value {
    serde_json::from_str(include_str!("../fixtures/evidence.json")).unwrap()
}

/// The entries of an array, of which there is at least one: an empty one would compare nothing.
fn entries(value: &Value) -> &[Value] {
    let entries = value.as_array().unwrap();
    assert!(!entries.is_empty(), "the fixture holds nothing to compare with");
    entries
}

fn numbers(value: &Value) -> Vec<f64> {
    entries(value).iter().map(|v| v.as_f64().unwrap()).collect()
}

/// Pairs what was found with what was expected, of which there is as much.
fn pairs<'a, T>(found: &'a [T], expected: &'a [f64]) -> impl Iterator<Item = (&'a T, f64)> {
    assert_eq!(found.len(), expected.len(), "as much was expected as was found");
    found.iter().zip(expected.iter().copied())
}

fn near(found: f64, expected: f64, tolerance: f64, what: &str) {
    assert!((found - expected).abs() <= tolerance, "{what}: {found}, expected {expected}");
}

#[test]
fn bootstrap_intervals_are_scipys() {
    for case in entries(&fixture()["bootstrap"]) {
        let (values, drawn, left_out) = (numbers(&case["values"]), numbers(&case["drawn"]), numbers(&case["left_out"]));
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let found = bca(mean, drawn, &left_out, 0.95).unwrap();
        let expected = numbers(&case["found"]);
        near(found.low, expected[0], 1e-9, "low end from SciPy's own resamples");
        near(found.high, expected[1], 1e-9, "high end from SciPy's own resamples");
        // Own resamples: as near as 10,000 of them can come.
        let own = Bootstrap { resamples: 10_000, confidence: 0.95, seed: 1 }.mean(&values).unwrap();
        let expected = numbers(&case["free"]);
        // 40 zeros and ones: a mean moves in steps.
        let step = if values.iter().all(|v| *v == 0.0 || *v == 1.0) { 1.01 / values.len() as f64 } else { 0.0 };
        let tolerance = step.max(0.05 * (expected[1] - expected[0]));
        near(own.low, expected[0], tolerance, "low end");
        near(own.high, expected[1], tolerance, "high end");
    }
}

#[test]
fn tests_and_effect_sizes_are_scipys() {
    let fixture = fixture();
    for case in entries(&fixture["sign_flip"]) {
        let values = numbers(&case["values"]);
        let exact = values.len() <= 16;
        let tolerance = if exact { 1e-12 } else { 0.004 };
        near(sign_flip(&values, 50_000, 1), case["p"].as_f64().unwrap(), tolerance, "p");
        near(rank_biserial(&values).unwrap(), case["rank_biserial"].as_f64().unwrap(), 1e-9, "rank-biserial");
        near(hedges_g(&values).unwrap(), case["hedges_g"].as_f64().unwrap(), 1e-9, "Hedges' g");
    }
    let corrected = holm(&numbers(&fixture["holm"]["p"]));
    for (found, expected) in pairs(&corrected, &numbers(&fixture["holm"]["corrected"])) {
        near(*found, expected, 1e-12, "Holm");
    }
    for case in entries(&fixture["wilson"]) {
        let (low, high) = wilson(case["successes"].as_f64().unwrap(), case["trials"].as_f64().unwrap(), 0.95).unwrap();
        let expected = numbers(&case["interval"]);
        near(low, expected[0], 1e-9, "Wilson, low");
        near(high, expected[1], 1e-9, "Wilson, high");
    }
}

#[test]
fn rankings_are_those_of_the_likelihood_written_out_anew() {
    for case in entries(&fixture()["bradley_terry"]) {
        let vote = |v: &Value| {
            let [rater, first, second, outcome] = [0, 1, 2, 3].map(|i| v[i].as_u64().unwrap() as usize);
            PairVote {
                rater,
                first,
                second,
                outcome: [VoteOutcome::First, VoteOutcome::Second, VoteOutcome::Tie][outcome],
            }
        };
        let votes: Vec<PairVote> = entries(&case["votes"]).iter().map(vote).collect();
        let count = |key: &str| case[key].as_u64().unwrap() as usize;
        let found = bradley_terry(&votes, count("items"), count("raters")).unwrap();
        for (key, found) in [("strengths", &found.strengths), ("quality", &found.quality)] {
            for (found, expected) in pairs(found, &numbers(&case[key])) {
                near(*found, expected, 2e-4, key);
            }
        }
        near(found.ties, case["ties"].as_f64().unwrap(), 2e-4, "ties");
    }
}

#[test]
fn agreement_is_krippendorffs() {
    for case in entries(&fixture()["alpha"]) {
        let unit = |u: &Value| u.as_array().unwrap().iter().map(|v| v.as_u64().unwrap() as usize).collect();
        let units: Vec<Vec<usize>> = entries(&case["units"]).iter().map(unit).collect();
        for (name, scale) in [("nominal", Scale::Nominal), ("ordinal", Scale::Ordinal), ("interval", Scale::Interval)] {
            let found = krippendorff(&units, case["categories"].as_u64().unwrap() as usize, scale).unwrap();
            near(found, case["expected"][name].as_f64().unwrap(), 1e-9, name);
        }
    }
}

#[test]
fn colours_are_scikit_images() {
    let colour = &fixture()["colour"];
    let rows = |key: &str| entries(&colour[key]).iter().map(numbers).collect::<Vec<_>>();
    assert_eq!(rows("rgb").len(), rows("lab").len());
    for (rgb, lab) in rows("rgb").iter().zip(rows("lab")) {
        let found = Lab::of([rgb[0] as u8, rgb[1] as u8, rgb[2] as u8]);
        for (found, expected) in pairs(&[found.l, found.a, found.b], &lab) {
            near(*found, expected, 1e-3, "rgb2lab");
        }
    }
    let lab = |row: &Vec<f64>| Lab { l: row[0], a: row[1], b: row[2] };
    assert_eq!(rows("first").len(), rows("second").len());
    let colours: Vec<_> = rows("first").into_iter().zip(rows("second")).collect();
    for ((first, second), expected) in pairs(&colours, &numbers(&colour["distance"])) {
        near(lab(first).delta_e_2000(lab(second)), expected, 1e-6, "deltaE_ciede2000");
        near(lab(second).delta_e_2000(lab(first)), expected, 1e-6, "deltaE_ciede2000, turned round");
    }
}

#[test]
fn distances_of_sets_are_those_of_their_papers() {
    let case = &fixture()["distribution"];
    let set = |key: &str| -> Vec<Vec<f32>> {
        entries(&case[key]).iter().map(|row| numbers(row).iter().map(|x| *x as f32).collect()).collect()
    };
    let (x, y) = (set("x"), set("y"));
    let (x, y): (Vec<&[f32]>, Vec<&[f32]>) =
        (x.iter().map(Vec::as_slice).collect(), y.iter().map(Vec::as_slice).collect());
    let expected = |key: &str| case[key].as_f64().unwrap();
    near(kid(&x, &y).unwrap(), expected("kid"), 1e-6 * expected("kid").abs().max(1.0), "KID");
    near(cmmd(&x, &y).unwrap(), expected("cmmd"), 1e-6, "CMMD");
    near(frechet(&Moments::of(&x), &Moments::of(&y)).unwrap(), expected("fid"), 1e-5, "FID");
    near(diversity(&x).unwrap(), expected("diversity"), 1e-6, "diversity");
}
