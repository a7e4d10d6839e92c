//! From a delivery to a baseline to an evaluation: what is taken, what is refused by name, and what may be concluded.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use futures_util::TryStreamExt as _;
use housestyle::appearance::{Appearance, Fingerprint, Vector, picture};
use housestyle::base::currency::Currency;
use housestyle::base::digest::Digest;
use housestyle::base::error::{Error, Result};
use housestyle::base::names::Name;
use housestyle::campaign::provenance;
use housestyle::eval::baseline::index::IndexDefaults;
use housestyle::eval::baseline::{
    Baseline, BaselineItem, DeliveryIndex, DeliverySource, Import, RequestedBriefs, ScoringBackend,
};
use housestyle::eval::evaluation::{
    Arm, Brief, Comparison, ComparisonVerdict, DeliveryFacts, EvaluatorFacts, MakingFacts, Measure, StatisticsSettings,
    WarningCode,
};
use housestyle::eval::loader::{self, Shown};
use housestyle::eval::run::{TOLERANCE, settings};
use housestyle::eval::{Evaluating, Evaluation, EvaluationSetup, References, Suite};
use housestyle::io::shutdown::Shutdown;
use housestyle::pipeline::scores::Scores;
use housestyle::plan::Plan;
use housestyle::rights::Policy;
use housestyle::store::{Key, Local, Store};
use housestyle_testkit::files::text;
use housestyle_testkit::needs;
use housestyle_testkit::plans::small_plan;
use housestyle_testkit::program::{housestyle, output};
use housestyle_testkit::stub::{Stub, work};
use image::{Rgb, RgbImage};

fn picture(seed: u8) -> RgbImage {
    RgbImage::from_fn(16, 16, |x, y| {
        if (x ^ y) % 3 == 0 { Rgb([seed, x as u8 * 9, 40]) } else { Rgb([250, seed, y as u8 * 8]) }
    })
}

fn scores(style: f32, rank: u32) -> Scores {
    Scores {
        style: Some(style),
        category: Some(0.5),
        style_found: if style > 0.5 { "flat".into() } else { "line".into() },
        category_found: "fox".into(),
        category_rank: Some(rank),
        agreement: Some(0.2),
        fingerprint: Some(Fingerprint {
            styles: Vector::new(&[style, 1.0 - style]),
            embedding: Vector::new(&[1.0, style, rank as f32]),
        }),
    }
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

async fn import(store: &Local, plan: &Plan, mut source: DeliverySource, index: DeliveryIndex) -> Result<Baseline> {
    let (asked, policy) = (RequestedBriefs::of(plan), Policy::default());
    let mut judge = |_: housestyle::pipeline::ScoringTarget<'_>, _: &RgbImage| Ok(scores(0.2, 3));
    let work = Import {
        store,
        name: &name("agency"),
        asked: &asked,
        policy: &policy,
        judge: ScoringBackend::Here(&mut judge),
    };
    work.run(&mut source, index, &mut |_, _| Ok(())).await
}

fn index(text: &str) -> DeliveryIndex {
    let header = "file,category,style,vendor,price,currency,licence\n";
    DeliveryIndex::parse(format!("{header}{text}").as_bytes(), "index.csv", &IndexDefaults::default(), None).unwrap()
}

#[tokio::test]
async fn what_cannot_be_paired_decoded_or_licensed_is_refused_by_name() {
    let (folder, delivery) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (store, plan) = (Local::new(folder.path()), small_plan(1, ""));
    let good = provenance::encode_with(&picture(1), &[("Comment", "<script>".into())]).unwrap();
    let mut huge = good.clone();
    huge[16..24].copy_from_slice(&[0, 0, 0xc3, 0x50, 0, 0, 0xc3, 0x50]);
    let polyglot =
        [&provenance::encode_with(&picture(2), &[]).unwrap()[..], b"PK\x03\x04 and a page: <script>alert(1)</script>"]
            .concat();
    let put = |file: &str, bytes: &[u8]| fs::write(delivery.path().join(file), bytes).unwrap();
    for (file, bytes) in [
        ("a.png", &good[..]),
        ("same.png", &good),
        ("huge.png", &huge),
        ("cut.png", &good[..60]),
        ("gif.png", b"GIF89a"),
    ] {
        put(file, bytes);
    }
    put("poly.png", &polyglot);
    put("other.png", &provenance::encode_with(&picture(3), &[]).unwrap());
    #[cfg(unix)]
    std::os::unix::fs::symlink("/etc/passwd", delivery.path().join("link.png")).unwrap();
    let rows = "a.png,fox,flat,Studio,40,USD,MIT\n\
                same.png,fox,flat,Studio,40,USD,MIT\n\
                huge.png,fox,flat,Studio,40,USD,MIT\n\
                cut.png,fox,flat,Studio,40,USD,MIT\n\
                gif.png,fox,flat,Studio,40,USD,MIT\n\
                link.png,fox,flat,Studio,40,USD,MIT\n\
                gone.png,fox,flat,Studio,40,USD,MIT\n\
                other.png,fxo,flat,Studio,40,USD,MIT\n\
                other2.png,fox,cubist,Studio,40,USD,MIT\n\
                other3.png,fox,flat,Studio,40,USD,CC-BY-NC-4.0\n\
                other4.png,fox,flat,Studio,40,USD,\n\
                poly.png,Rocket,line,Studio,55.5,USD,MIT\n";
    let source = DeliverySource::open(delivery.path()).unwrap();
    let baseline = import(&store, &plan, source, index(rows)).await.unwrap();
    let refused: BTreeMap<&str, &str> = baseline.refused.iter().map(|r| (r.file.as_str(), r.reason.as_str())).collect();
    for (file, why) in [
        ("same.png", "same picture as `a.png`"),
        ("huge.png", "not a readable PNG"),
        ("cut.png", "not a readable PNG"),
        ("gif.png", "not a readable PNG"),
        ("link.png", "symlink"),
        ("gone.png", "not in the delivery"),
        ("other.png", "no `fxo` in flat (`fox`?)"),
        ("other2.png", "asks for no style `cubist`"),
        ("other3.png", "forbids commercial use"),
        ("other4.png", "names no licence"),
    ] {
        assert!(refused[file].contains(why), "{file}: {}", refused[file]);
    }
    let items: Vec<BaselineItem> = baseline.items(&store).try_collect().await.unwrap();
    assert_eq!((refused.len(), items.len(), baseline.pictures, baseline.briefs), (10, 2, 2, 2));
    assert_eq!(items[1].brief, Brief { category: "rocket".into(), style: "line".into() }, "in the campaign's words");
    // What is kept is the picture alone: nothing else that the file carried.
    let stored: Vec<Shown> = loader::baseline(&store, &baseline).try_collect().await.unwrap();
    for (shown, original) in stored.iter().zip([picture(1), picture(2)]) {
        let bytes = store.get(&Key::new(shown.image.clone().unwrap()).unwrap()).await.unwrap().unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains("<script>"));
        assert_eq!(picture::decode(&bytes, "kept").unwrap(), original);
    }
    assert_eq!(Baseline::load(&store, &name("agency")).await.unwrap(), baseline);
    assert_eq!(Baseline::load(&store, &name("nobody")).await.unwrap_err().exit_code(), 2);
    // A part that was changed or is gone is no evidence.
    let part = Key::new(format!("baselines/agency/parts/{}.json", baseline.parts[0].hex())).unwrap();
    let read = async || loader::baseline(&store, &baseline).try_collect::<Vec<Shown>>().await.map_err(|e| e.chain());
    let tampered = text(&store, part.clone()).await.replace("rocket", "racket");
    store.put(&part, tampered.into()).await.unwrap();
    assert!(read().await.unwrap_err().contains("is not what was imported"));
    store.delete(&part).await.unwrap();
    assert!(read().await.unwrap_err().contains("is not there"));
}

#[tokio::test]
async fn nothing_good_is_an_error_and_leaves_no_baseline() {
    let (folder, delivery) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (store, plan) = (Local::new(folder.path()), small_plan(1, ""));
    for rows in ["", "gone.png,fox,flat,Studio,40,USD,MIT\n"] {
        let error =
            import(&store, &plan, DeliverySource::open(delivery.path()).unwrap(), index(rows)).await.unwrap_err();
        assert_eq!(error.exit_code(), 2, "{}", error.chain());
    }
    assert!(Baseline::load(&store, &name("agency")).await.is_err());
    // A judge that is broken ends the import: it would be no different for the next picture.
    fs::write(delivery.path().join("a.png"), provenance::encode_with(&picture(1), &[]).unwrap()).unwrap();
    let (asked, policy) = (RequestedBriefs::of(&plan), Policy::default());
    let mut judge = |_: housestyle::pipeline::ScoringTarget<'_>, _: &RgbImage| Err(Error::unavailable("out of memory"));
    let work = Import {
        store: &store,
        name: &name("agency"),
        asked: &asked,
        policy: &policy,
        judge: ScoringBackend::Here(&mut judge),
    };
    let mut source = DeliverySource::open(delivery.path()).unwrap();
    let failed = work.run(&mut source, index("a.png,fox,flat,Studio,40,USD,MIT\n"), &mut |_, _| Ok(())).await;
    assert_eq!(failed.unwrap_err().exit_code(), 4);
}

#[tokio::test]
async fn zip_files_and_prefixes_are_deliveries_and_bombs_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let (store, plan) = (Local::new(folder.path().join("out")), small_plan(1, ""));
    let good = provenance::encode_with(&picture(1), &[]).unwrap();
    let path = folder.path().join("delivery.zip");
    let mut archive = zip::ZipWriter::new(fs::File::create(&path).unwrap());
    let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
    let mut put = |name: &str, bytes: &mut dyn std::io::Read| {
        archive.start_file(name, options).unwrap();
        std::io::copy(bytes, &mut archive).unwrap();
    };
    put("art/a.png", &mut &good[..]);
    put("../escape.png", &mut &good[..]);
    put("bomb.png", &mut std::io::Read::take(std::io::repeat(0), 40 << 20));
    archive.finish().unwrap().flush().unwrap();
    let rows =
        "art/a.png,fox,flat,Studio,40,USD,MIT\n../escape.png,fox,flat,S,4,USD,MIT\nbomb.png,fox,line,S,4,USD,MIT\n";
    let baseline = import(&store, &plan, DeliverySource::open(&path).unwrap(), index(rows)).await.unwrap();
    let why: Vec<&str> = baseline.refused.iter().map(|r| r.reason.as_str()).collect();
    assert!(
        baseline.pictures == 1 && why[0].contains("inside the delivery") && why[1].contains("more than"),
        "{why:?}"
    );
    fs::write(folder.path().join("no.zip"), b"PK\x03\x04 not really").unwrap();
    for wrong in ["no.zip", "nothing"] {
        assert_eq!(DeliverySource::open(&folder.path().join(wrong)).unwrap_err().exit_code(), 2);
    }
    let key = |text: &str| Key::new(text).unwrap();
    store.put(&key("inbox/x/a.png"), good.into()).await.unwrap();
    let prefix = DeliverySource::Prefix(Arc::new(store.clone()), key("inbox/x"));
    let rows = "a.png,fox,flat,Studio,40,USD,MIT\nb.png,fox,line,Studio,4,USD,MIT\n";
    let baseline = import(&store, &plan, prefix, index(rows)).await.unwrap();
    assert_eq!(baseline.pictures, 1);
    let reason = &baseline.refused[0].reason;
    assert!(reason.starts_with("is not in the delivery"), "{reason}");
}

fn shown(arm: Arm, category: usize, style: &str, value: f32) -> Shown {
    let id = format!("{category}-{style}-{arm:?}");
    let work = MakingFacts { attempts: 2, first_passed: false, seconds: 1.5, encoder: None };
    let delivery = DeliveryFacts {
        vendor: Some("Studio".into()),
        price: Some(40.0),
        currency: Some(Currency::USD),
        licence: "MIT".into(),
        ..DeliveryFacts::default()
    };
    Shown {
        arm,
        id: id.clone(),
        brief: Brief { category: format!("thing-{category}"), style: style.into() },
        image: Some(format!("images/{id}.png")),
        sha256: None,
        accepted: true,
        failed: false,
        reasons: Vec::new(),
        scores: Some(scores(value, 1 + category as u32 % 3)),
        first: Some(scores(value / 2.0, 7)),
        looks: Some(Appearance::of(&picture(
            (category as u8).wrapping_mul(20).wrapping_add(u8::from(arm == Arm::InHouse)),
        ))),
        work: (arm == Arm::InHouse).then_some(work),
        delivery: (arm == Arm::Outsourced).then_some(delivery),
        licences: vec!["MIT".into()],
    }
}

fn arm(arm: Arm, briefs: std::ops::Range<usize>, value: impl Fn(usize) -> f32) -> Vec<Shown> {
    briefs.map(|i| shown(arm, i, "flat", value(i))).collect()
}

fn few() -> StatisticsSettings {
    StatisticsSettings { resamples: 1_000, ..settings() }
}

fn evaluated(ours: &[Shown], theirs: Option<(&str, &[Shown])>) -> Evaluation {
    judged(ours, theirs, false)
}

fn judged(ours: &[Shown], theirs: Option<(&str, &[Shown])>, judge_is_guide: bool) -> Evaluation {
    let evaluator = EvaluatorFacts {
        bundle: "stub".parse().unwrap(),
        digest: Digest::of("a"),
        held_out: BTreeMap::new(),
        styles: vec!["flat".into(), "line".into()],
        categories: 2,
    };
    let agency = "agency".parse().unwrap();
    let setup = EvaluationSetup {
        campaign: &"c-0123456789ab".parse().unwrap(),
        gated: true,
        outsourced: theirs.map(|(bundle, _)| (&agency, Digest::of(bundle))),
        evaluator,
        judge_is_guide,
        references: &References::default(),
        palettes: &BTreeMap::from([("flat".to_owned(), vec!["#fa0a10".parse().unwrap()])]),
        tolerance: TOLERANCE,
        settings: few(),
    };
    let mut evaluating = Evaluating::new(&setup).unwrap();
    let theirs = theirs.map(|(_, shown)| shown).unwrap_or_default();
    ours.iter().chain(theirs).cloned().try_for_each(|shown| evaluating.take(shown)).unwrap();
    evaluating.finish(0).unwrap()
}

#[test]
fn a_clear_difference_is_found_and_a_small_one_is_not_enough() {
    let ours = arm(Arm::InHouse, 0..14, |i| 0.8 + 0.01 * (i % 5) as f32);
    let theirs = arm(Arm::Outsourced, 0..14, |i| 0.3 + 0.01 * (i % 3) as f32);
    let found = evaluated(&ours, Some(("a", &theirs)));
    let row = |e: &Evaluation, measure| e.measures.iter().find(|row| row.measure == measure).cloned().unwrap();
    let style = row(&found, Measure::StyleProbability);
    let difference = style.difference.clone().unwrap();
    assert_eq!((difference.verdict, difference.briefs, difference.wins), (ComparisonVerdict::InHouse, 14, 14));
    assert!(
        difference.low > 0.4
            && difference.high < 0.6
            && difference.p_corrected < 0.05
            && difference.p <= difference.p_corrected
    );
    assert!((style.first_attempts.unwrap().mean - style.in_house.unwrap().mean / 2.0).abs() < 1e-3);
    let right = row(&found, Measure::StyleRight).in_house.unwrap();
    assert!(right.mean == 1.0 && right.low.unwrap() < 0.85, "fourteen of fourteen is no certainty: {right:?}");
    assert_eq!(row(&found, Measure::ImageText).difference.unwrap().verdict, ComparisonVerdict::NotEnoughEvidence);
    assert_eq!(
        row(&found, Measure::CategoryTop1).difference.unwrap().verdict,
        ComparisonVerdict::NotEnoughEvidence,
        "the same in both"
    );
    let codes: Vec<WarningCode> = found.warnings.iter().map(|w| w.code).collect();
    for code in
        [WarningCode::GateSelected, WarningCode::JudgeIsGuide, WarningCode::NoReferences, WarningCode::MissingFacts]
    {
        assert!(codes.contains(&code), "{codes:?}");
    }
    let bought = found.outsourced.as_ref().unwrap();
    assert_eq!(
        (bought.spent[&Currency::USD], bought.priced, bought.vendors.as_slice()),
        (560.0, 14, &["Studio".to_owned()][..])
    );
    assert_eq!((found.pairs.len(), found.in_house.attempts), (14, Some(2.0)));

    // A judge who guided the house's images says nothing in their favour.
    let own = judged(&ours, Some(("a", &theirs)), true);
    assert_eq!(row(&own, Measure::StyleProbability).difference.unwrap().verdict, ComparisonVerdict::NotEnoughEvidence);

    // The other way round it is the vendor's.
    let back = evaluated(
        &arm(Arm::InHouse, 0..14, |i| 0.3 + 0.01 * (i % 3) as f32),
        Some(("a", &arm(Arm::Outsourced, 0..14, |_| 0.8))),
    );
    assert_eq!(row(&back, Measure::StyleProbability).difference.unwrap().verdict, ComparisonVerdict::Outsourced);
    // As large a difference from four briefs proves nothing.
    let four = evaluated(&ours[..4], Some(("a", &theirs)));
    assert_eq!(row(&four, Measure::StyleProbability).difference.unwrap().verdict, ComparisonVerdict::NotEnoughEvidence);
    assert!(
        four.warnings.iter().any(|w| w.code == WarningCode::FewBriefs)
            && four.warnings.iter().any(|w| w.code == WarningCode::Unpaired)
    );
    // Nor does one that chance explains.
    let noise = evaluated(
        &arm(Arm::InHouse, 0..14, |i| 0.5 + if i % 2 == 0 { 0.2 } else { -0.18 }),
        Some(("a", &arm(Arm::Outsourced, 0..14, |_| 0.5))),
    );
    assert_eq!(
        row(&noise, Measure::StyleProbability).difference.unwrap().verdict,
        ComparisonVerdict::NotEnoughEvidence
    );
    // The document is the same each time, and can be read back.
    let text = serde_json::to_string(&found).unwrap();
    assert_eq!(serde_json::from_str::<Evaluation>(&text).unwrap().pairs.len(), found.pairs.len());
    assert_eq!(serde_json::to_string(&evaluated(&ours, Some(("a", &theirs)))).unwrap(), text);
}

#[test]
fn what_cannot_be_compared_is_said_to_be_so() {
    let (ours, theirs) = (arm(Arm::InHouse, 0..8, |_| 0.8), arm(Arm::Outsourced, 0..8, |_| 0.3));
    let unlike = arm(Arm::Outsourced, 20..28, |_| 0.3);
    let mut unscored = ours.clone();
    unscored.iter_mut().for_each(|shown| (shown.scores, shown.looks) = (None, None));
    let mut refused = ours.clone();
    refused.iter_mut().for_each(|shown| shown.accepted = false);
    for (ours, digest, theirs, why) in [
        (&ours, "b", &theirs, "judged by the evaluator of"),
        (&ours, "a", &unlike, "no brief is answered by both"),
        (&unscored, "a", &theirs, "no image of the campaign was scored"),
        (&refused, "a", &theirs, "no accepted image"),
        (&ours, "a", &Vec::new(), "holds no image"),
    ] {
        let found = evaluated(ours, Some((digest, theirs)));
        let Comparison::NotComparable { reasons } = &found.comparison else { panic!("{why}: {:?}", found.comparison) };
        assert!(reasons.iter().any(|reason| reason.contains(why)), "{reasons:?}");
        assert!(found.measures.iter().all(|row| row.difference.is_none()) && found.pairs.is_empty());
    }
    assert_eq!(evaluated(&ours, None).comparison, Comparison::Alone);
}

#[test]
fn suites_pass_fail_and_refuse_another_world() {
    let found = evaluated(
        &arm(Arm::InHouse, 0..8, |i| 0.7 + 0.01 * i as f32),
        Some(("a", &arm(Arm::Outsourced, 0..8, |_| 0.3))),
    );
    let suite = |spec: &str| {
        Suite::parse(&format!("apiVersion: housestyle/v1\nkind: Suite\nmetadata: {{name: s}}\nspec:\n{spec}"))
    };
    let judged = |spec: &str| suite(spec).unwrap().judge(&found);
    let good = judged(
        "  thresholds:\n    - {measure: style_probability, least: 0.7}\n    \
         - {measure: style_probability, of: difference, least: 0.3, surely: true}\n",
    );
    assert!(good.passed && good.checks.len() == 2, "{good:?}");
    let bad = judged(
        "  thresholds:\n    - {measure: style_probability, of: outsourced, style: flat, least: 0.7}\n    \
         - {measure: style_consistency, least: -9}\n",
    );
    assert!(
        !bad.passed && bad.checks.iter().all(|check| !check.passed) && bad.checks[1].found.is_none(),
        "unmeasured fails: {bad:?}"
    );
    let recorded = "  expected: {command: x, within: 0.01, values: [{measure: style_probability, is: 0.735}, {measure: \
        category_top5, is: 1.0}]}\n";
    assert!(judged(recorded).passed);
    assert!(!judged(&recorded.replace("0.735", "0.8")).passed);
    for wrong in [
        "  thresholds: []\n",
        "  thresholds: [{measure: beauty, least: 1}]\n",
        "  thresholds: [{measure: kid}]\n",
        "  tresholds: []\n",
    ] {
        assert!(suite(wrong).is_err(), "{wrong}");
    }
    let other = suite("  campaign: other-0123456789ab\n  thresholds: [{measure: kid, most: 1}]\n").unwrap();
    assert_eq!(other.pinned(&found).unwrap_err().exit_code(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn evaluating_a_campaign_is_a_read() {
    let folder = tempfile::tempdir().unwrap();
    let (store, plan) =
        (Local::new(folder.path()), small_plan(2, "  gate: {style: 0.6, category: 0.5, attempts: 2}\n"));
    let stub = Stub { scores: Box::new(|ask| (if ask.attempt == 1 { 0.3 } else { 0.8 }, 0.9)), ..Stub::default() };
    let (tally, _) = work(&plan.jobs[..7], &store, stub, 4, &Shutdown::default()).await;
    assert_eq!(tally.unwrap().finished, 7);
    let any: Arc<dyn Store> = Arc::new(store.clone());
    let outline = serde_json::from_value(serde_json::to_value(&plan).unwrap()).unwrap();
    let found: Vec<Option<Shown>> = loader::campaign(&any, outline).await.unwrap().try_collect().await.unwrap();
    let ids: Vec<_> = found.iter().map(|shown| shown.as_ref().map(|shown| shown.id.as_str())).collect();
    let planned: Vec<_> = plan.jobs.iter().enumerate().map(|(i, job)| (i < 7).then_some(job.stem.as_str())).collect();
    assert_eq!(ids, planned, "in the plan's order, and what is not finished is missing");
    let first = found[0].as_ref().unwrap();
    assert_eq!(first.scores.as_ref().unwrap().style, Some(0.8));
    assert_eq!(first.first.as_ref().unwrap().style, Some(0.3));
    assert!(
        first.scores.as_ref().unwrap().fingerprint.is_some() && first.first.as_ref().unwrap().fingerprint.is_none()
    );
    assert!(first.looks.is_some() && first.work.as_ref().unwrap().attempts == 2);
}

/// A campaign of twelve images.
pub(crate) const CAMPAIGN: &str = "apiVersion: housestyle/v1\nkind: Campaign\nmetadata: {name: shop}\nspec:\n  \
    bundle: tiny\n  styles: [flat, line]\n  \
    assets: [{categories: [fox, rocket, teapot], count: 2}]\n  sampler: {name: ddim, steps: 2}\n  \
    gate: {style: 0, category: 0, attempts: 1}\n";

/// Leaves a campaign file and a delivery of six pictures in a folder; gives back the delivery's index.
pub(crate) fn shop(path: &Path) -> String {
    fs::write(path.join("shop.yaml"), CAMPAIGN).unwrap();
    fs::create_dir(path.join("delivery")).unwrap();
    let mut rows = "file,category,style,vendor,licence\n".to_owned();
    for (i, (category, style)) in
        ["fox", "rocket", "teapot"].iter().flat_map(|c| ["flat", "line"].map(|s| (*c, s))).enumerate()
    {
        let bytes = provenance::encode_with(&picture(i as u8 * 30), &[]).unwrap();
        fs::write(path.join(format!("delivery/{i}.png")), bytes).unwrap();
        rows += &format!("{i}.png,{category},{style},Studio,CC0-1.0\n");
    }
    fs::write(path.join("delivery/index.csv"), &rows).unwrap();
    rows
}

/// Fills a delivery with so many pictures for the briefs of `rows`.
pub(crate) fn many(delivery: &Path, rows: &str, count: usize) {
    let briefs: Vec<&str> = rows.lines().skip(1).map(|row| row.split_once(',').unwrap().1).collect();
    let mut index = format!("{}\n", rows.lines().next().unwrap());
    for i in 0..count {
        let picture = RgbImage::from_fn(16, 16, |x, y| Rgb([i as u8, (i >> 8) as u8, (x * 9 + y * 6) as u8]));
        fs::write(delivery.join(format!("{i}.png")), provenance::encode_with(&picture, &[]).unwrap()).unwrap();
        index += &format!("{i}.png,{}\n", briefs[i % briefs.len()]);
    }
    fs::write(delivery.join("index.csv"), index).unwrap();
}

#[test]
fn from_the_command_line() {
    needs!(Runtime);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let rows = shop(path);
    let run = |args: &[&str]| output(housestyle(path, args));
    let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();

    let (code, _, stderr) = run(&["eval", "shop"]);
    assert!(code == 2 && stderr.contains("no campaign"), "{stderr}");
    let before = ["baseline", "import", "delivery", "--name", "studio", "--campaign", "shop.yaml", "--json"];
    let (code, stdout, stderr) = run(&before);
    assert_eq!((code, &json(&stdout)["imported"]), (0, &6.into()), "{stderr}");
    let (code, _, stderr) = run(&["eval", "shop", "--baseline", "studio"]);
    assert!(code == 2 && stderr.contains("no campaign"), "{stderr}");

    assert_eq!(run(&["run", "shop.yaml"]).0, 0);
    let (code, stdout, stderr) = run(&["eval", "shop", "--baseline", "studio", "--json"]);
    assert_eq!(code, 0, "{stderr}");
    let found: Evaluation = serde_json::from_str(&stdout).unwrap();
    assert!(matches!(found.comparison, Comparison::Comparable { briefs: 6, .. }), "{:?}", found.comparison);
    assert_eq!(
        (found.assets.len(), found.pairs.len(), found.outsourced.unwrap().vendors),
        (18, 6, vec!["Studio".to_owned()])
    );
    let (code, stdout, _) = run(&["eval", "shop", "--baseline", "studio"]);
    assert!(code == 0 && stdout.contains("style_probability") && stdout.contains("compared  on 6 briefs"), "{stdout}");

    // One bad row: the rest is imported, and the exit code says so.
    fs::write(path.join("more.csv"), format!("{rows}gone.png,fox,flat,Studio,CC0-1.0\n")).unwrap();
    let again = ["baseline", "import", "delivery", "--name", "studio", "--campaign", "shop", "--index", "more.csv"];
    let (code, stdout, _) = run(&again);
    assert!(code == 3 && stdout.contains("gone.png") && stdout.contains("is not in the delivery"), "{stdout}");

    let suite = |least: &str| {
        let text = format!(
            "apiVersion: housestyle/v1\nkind: Suite\nmetadata: {{name: s}}\nspec:\n  baseline: studio\n  \
             resamples: 200\n  \
             thresholds: [{{measure: category_top5, least: {least}}}]\n"
        );
        fs::write(path.join("suite.yaml"), text).unwrap();
        run(&["eval", "shop", "--suite", "suite.yaml", "--json"])
    };
    let (code, stdout, _) = suite("0");
    assert_eq!((code, &json(&stdout)["suite"]["passed"]), (0, &true.into()));
    let (code, stdout, _) = suite("1.5");
    assert_eq!((code, &json(&stdout)["suite"]["passed"]), (3, &false.into()));
    for args in
        [&["eval", "shop", "--baseline", "nobody"][..], &["eval", "../x"], &["eval", "shop", "--suite", "none.yaml"]]
    {
        assert_eq!(run(args).0, 2, "{args:?}");
    }
    // Nor is a baseline that counts a picture twice, or one fewer than it has.
    let file = path.join("out/baselines/studio/baseline.json");
    let baseline = json(&fs::read_to_string(&file).unwrap());
    let twice = vec![baseline["parts"][0].clone(); 2];
    for (key, value) in [("parts", serde_json::Value::from(twice)), ("pictures", 7.into())] {
        let mut wrong = baseline.clone();
        wrong[key] = value;
        fs::write(&file, wrong.to_string()).unwrap();
        let (code, _, stderr) = run(&["eval", "shop", "--baseline", "studio"]);
        assert!(code == 2 && stderr.contains("import"), "{key}: {stderr}");
    }
}
