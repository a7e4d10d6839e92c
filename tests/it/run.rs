//! The worker with a stub for the models: what is left behind, the gate, failures, stopping, going on.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use housestyle::appearance::picture;
use housestyle::base::digest::Digest;
use housestyle::base::error::{Error, Kind};
use housestyle::base::stem::Stem;
use housestyle::base::version::EncoderName;
use housestyle::campaign::contact_sheet::ContactSheet;
use housestyle::campaign::layout::{Layout, Shelf};
use housestyle::campaign::outcomes::{Outcomes, Verify};
use housestyle::campaign::sidecar::{Outcome, Sidecar};
use housestyle::campaign::summary::Summary;
use housestyle::campaign::{finish, outcomes, provenance};
use housestyle::io::shutdown::Shutdown;
use housestyle::plan::{EncoderRef, Plan};
use housestyle::store::{Local, Store};
use housestyle::worker::WorkSummary;
use housestyle_testkit::files::{files, images, text};
use housestyle_testkit::plans::small_plan;
use housestyle_testkit::stub::{Ask, Stub, picture_of, work};

struct Bench {
    folder: tempfile::TempDir,
    store: Local,
    plan: Plan,
}

impl Bench {
    fn new(count: u32, rest: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { store: Local::new(folder.path()), folder, plan: small_plan(count, rest) }
    }

    async fn work(&self, stub: Stub, max_batch: usize) -> WorkSummary {
        let (tally, dead) = work(&self.plan.jobs, &self.store, stub, max_batch, &Shutdown::default()).await;
        assert_eq!(dead, [""; 0]);
        tally.unwrap()
    }

    fn layout(&self) -> Layout {
        Layout::of(&self.plan.campaign)
    }

    fn shared(&self) -> Arc<dyn Store> {
        Arc::new(self.store.clone())
    }

    /// Reads what became of every job, and removes what is damaged.
    async fn outcomes(&self) -> Outcomes {
        let outcomes = Outcomes::read(&self.shared(), &self.layout(), &self.plan.jobs, Verify::Images).await.unwrap();
        outcomes.remove_unusable(&self.shared()).await.unwrap();
        outcomes
    }

    async fn finish(&self) {
        finish::finish(&self.shared(), &self.layout(), "small", Arc::new(self.outcomes().await)).await.unwrap();
    }

    async fn sidecars(&self) -> Vec<Sidecar> {
        self.outcomes().await.sidecars
    }

    fn stem(&self, index: usize) -> Stem {
        self.plan.jobs[index].stem.clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn leaves_behind_what_is_promised() {
    let bench = Bench::new(2, "");
    let stub = Stub::default();
    let made = Arc::clone(&stub.made);
    let tally = bench.work(stub, 3).await;
    assert_eq!(tally, WorkSummary { skipped: 0, finished: 8, stopped: false });
    assert!(made.lock().unwrap().iter().all(|batch| batch.len() <= 3));

    let (layout, sidecars) = (bench.layout(), bench.sidecars().await);
    bench.finish().await;
    let mut expected: BTreeSet<String> =
        ["manifest.jsonl", "manifest.parquet", "contact-sheet.png"].map(String::from).into();
    for job in &bench.plan.jobs {
        expected.extend([format!("assets/{}.png", job.stem), format!("assets/{}.json", job.stem)]);
    }
    let campaign = bench.folder.path().join(layout.folder().as_str());
    assert_eq!(files(&campaign).into_keys().collect::<BTreeSet<_>>(), expected);

    let (job, sidecar) = (&bench.plan.jobs[0], &sidecars[0]);
    assert_eq!((sidecar.outcome, sidecar.chosen, &sidecar.job), (Outcome::Accepted, Some(1), job));
    assert_eq!((sidecar.provider.as_str(), sidecar.bundle.as_str()), ("none", "stub"));
    assert_eq!((sidecar.rights[0].licence.as_str(), sidecar.rights[0].holder.as_str()), ("MIT", "Somebody"));
    let bytes = bench.store.get(&layout.image(Shelf::Assets, &job.stem)).await.unwrap().unwrap();
    assert_eq!(Digest::of(&bytes), sidecar.image.as_ref().unwrap().sha256);
    let said = String::from_utf8_lossy(&bytes);
    for words in ["XML:com.adobe.xmp", "digitalsourcetype/trainedAlgorithmicMedia", job.id.as_str(), &job.prompts.style]
    {
        assert!(said.contains(words), "the PNG does not say {words}");
    }
    let ask = Ask { job: Arc::new(job.clone()), attempt: 1 };
    assert_eq!(picture::decode(&bytes, "asset").unwrap(), picture_of(&ask));
    assert_eq!(provenance::encode(&picture_of(&ask), job, 1).unwrap(), bytes, "the same job gives the same bytes");

    let named = sidecars.iter().find(|s| s.job.style == "line").unwrap();
    assert_eq!(named.rights[0].attribution, "Line <House> & Co, CC BY 4.0");
    let bytes = bench.store.get(&layout.image(Shelf::Assets, &named.job.stem)).await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&bytes);
    assert!(
        said.contains("Line <House> & Co, CC BY 4.0")
            && said.contains("Line &lt;House&gt; &amp; Co, CC BY 4.0</rdf:li>")
    );
    assert!(said.contains("dc:rights"));
    let sheet = bench.store.get(&layout.contact_sheet()).await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(&sheet).contains("digitalsourcetype/trainedAlgorithmicMedia"));

    let manifest = text(&bench.store, layout.manifest()).await;
    assert_eq!(manifest.lines().count(), 8);
    let line: serde_json::Value = serde_json::from_str(manifest.lines().next().unwrap()).unwrap();
    assert_eq!(line["image"], format!("assets/{}.png", job.stem));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gate_tries_again_and_keeps_the_best() {
    let bench = Bench::new(1, "  gate: {style: 0.6, category: 0.5, attempts: 3}\n");
    let [second, never, ..] = [bench.stem(0), bench.stem(1)];
    let (s, n) = (second.clone(), never.clone());
    let scores = move |ask: &Ask| match ask {
        ask if ask.job.stem == s => (if ask.attempt < 2 { 0.1 } else { 0.7 }, 0.9),
        ask if ask.job.stem == n => ([0.2, 0.5, 0.3][ask.attempt as usize - 1], 0.9),
        _ => (0.9, 0.9),
    };
    bench.work(Stub { scores: Box::new(scores), ..Stub::default() }, 4).await;
    let sidecars = bench.sidecars().await;
    let find = |stem: &Stem| sidecars.iter().find(|s| s.job.stem == *stem).unwrap();

    let passed = find(&second);
    assert_eq!((passed.outcome, passed.chosen, passed.attempts.len()), (Outcome::Accepted, Some(2), 2));
    assert_eq!(passed.first_scores().unwrap().style, Some(0.1));

    let refused = find(&never);
    assert_eq!((refused.outcome, refused.chosen, refused.attempts.len()), (Outcome::Rejected, Some(2), 3));
    assert_eq!(refused.reasons[1], "attempt 2: style 0.50 is under 0.60");
    let image = bench.store.get(&bench.layout().image(Shelf::Rejected, &never)).await.unwrap().unwrap();
    let best = Ask { job: Arc::new(refused.job.clone()), attempt: 2 };
    assert_eq!(picture::decode(&image, "rejected").unwrap(), picture_of(&best));

    let summary = Summary::of(&sidecars);
    assert_eq!((summary.total.accepted, summary.total.rejected, summary.total.first_pass_yield), (3, 1, 0.5));
    assert_eq!((summary.first_attempts.scored, summary.first_attempts.style_right), (4, 2));
    assert_eq!(summary.first_attempts.made, 4);
    assert_eq!((summary.first_attempts.category_top1, summary.first_attempts.category_top5), (4, 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_item_takes_no_other_with_it() {
    let bench = Bench::new(2, "");
    let (black, wrong) = (bench.stem(2), bench.stem(5));
    let (b, w) = (black.clone(), wrong.clone());
    let stub = Stub {
        item_error: Box::new(move |ask| {
            (ask.job.stem == b).then(|| Error::new(Kind::Permanent, "the image is not finite"))
        }),
        batch_error: Box::new(move |ask| (ask.job.stem == w).then(|| Error::invalid("the prompt is too long"))),
        ..Stub::default()
    };
    assert_eq!(bench.work(stub, 8).await.finished, 8);
    let sidecars = bench.sidecars().await;
    for sidecar in &sidecars {
        let failed = sidecar.job.stem == black || sidecar.job.stem == wrong;
        assert_eq!(sidecar.outcome, if failed { Outcome::Failed } else { Outcome::Accepted });
        assert_eq!(sidecar.image.is_none(), failed, "no image rather than a black one");
    }
    let find = |stem: &Stem| sidecars.iter().find(|s| s.job.stem == *stem).unwrap();
    assert_eq!(find(&black).attempts.len(), 3, "other noise may help against what is not finite");
    assert!(find(&black).reasons[0].contains("not finite"));
    assert_eq!(find(&wrong).attempts.len(), 1, "and does not help against wrong input");
    bench.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_passes_or_kills_the_message() {
    let bench = Bench::new(1, "");
    let (unlucky, storms) = (bench.stem(3), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&storms);
    let storm = move |ask: &Ask| {
        let early = count.fetch_add(1, Ordering::SeqCst) < 2;
        (early || ask.job.stem == unlucky).then(|| Error::new(Kind::Transient, "storm"))
    };
    let stub = Stub { batch_error: Box::new(storm), ..Stub::default() };
    let (tally, dead) = work(&bench.plan.jobs, &bench.store, stub, 1, &Shutdown::default()).await;
    assert_eq!(tally.unwrap().finished, 3);
    assert_eq!(dead.len(), 1);
    assert!(dead[0].starts_with(bench.stem(3).as_str()) && dead[0].contains("storm"), "{dead:?}");
    assert_eq!(bench.sidecars().await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_device_stops_the_run_and_running_again_goes_on() {
    let bench = Bench::new(2, "");
    let gone = bench.stem(6);
    let stub = Stub {
        batch_error: Box::new(move |ask| (ask.job.stem == gone).then(|| Error::unavailable("out of memory"))),
        ..Stub::default()
    };
    let (tally, _) = work(&bench.plan.jobs, &bench.store, stub, 2, &Shutdown::default()).await;
    assert_eq!(tally.unwrap_err().exit_code(), 4);
    let before = images(bench.folder.path());
    assert!(before.len() < 8);

    let stub = Stub::default();
    let made = Arc::clone(&stub.made);
    let tally = bench.work(stub, 2).await;
    assert_eq!((tally.skipped, tally.finished), (before.len(), 8 - before.len()));
    assert_eq!(made.lock().unwrap().iter().flatten().count(), tally.finished, "nothing finished is made twice");
}

/// A session that fails tells nothing about the item it failed on, whether the batch or the item reports it.
#[tokio::test(flavor = "multi_thread")]
async fn a_fault_of_the_bundle_or_the_machine_is_no_outcome_of_a_job() {
    let bench = Bench::new(2, "");
    let at = bench.stem(1);
    let stub = Stub {
        item_error: Box::new(move |ask| {
            (ask.job.stem == at).then(|| Error::unavailable("unet/model.onnx failed to run"))
        }),
        ..Stub::default()
    };
    let (tally, dead) = work(&bench.plan.jobs, &bench.store, stub, 4, &Shutdown::default()).await;
    assert_eq!((tally.unwrap_err().exit_code(), dead.len()), (4, 0));
    assert!(bench.sidecars().await.iter().all(|s| s.outcome == Outcome::Accepted));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_summary_of_failures_blames_nobody_else() {
    let bench = Bench::new(1, "");
    let stub = Stub { item_error: Box::new(|_| Some(Error::new(Kind::Permanent, "not finite"))), ..Stub::default() };
    bench.work(stub, 8).await;
    let summary = Summary::of(&bench.sidecars().await);
    assert_eq!((summary.total.failed, summary.first_attempts.made), (4, 0));
    let text = summary.to_string();
    assert!(text.contains("none gave an image") && !text.contains("evaluator") && !text.contains("-0.0"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_can_be_tried_again_and_nothing_else_is() {
    let bench = Bench::new(2, "  gate: {style: 0.6, category: 0.5, attempts: 1}\n");
    let (black, refused) = (bench.stem(2), bench.stem(3));
    let stub = Stub {
        item_error: Box::new(move |ask| (ask.job.stem == black).then(|| Error::new(Kind::Permanent, "not finite"))),
        scores: Box::new(move |ask| (if ask.job.stem == refused { 0.1 } else { 0.9 }, 0.9)),
        ..Stub::default()
    };
    bench.work(stub, 8).await;
    let failed = bench.outcomes().await.failed();
    outcomes::forget_failed(&bench.shared(), &bench.layout(), &failed).await.unwrap();
    let tally = bench.work(Stub::default(), 8).await;
    assert_eq!((tally.skipped, tally.finished), (7, 1));
    let count = |outcome, sidecars: &[Sidecar]| sidecars.iter().filter(|s| s.outcome == outcome).count();
    let sidecars = bench.sidecars().await;
    assert_eq!((count(Outcome::Accepted, &sidecars), count(Outcome::Rejected, &sidecars)), (7, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn stops_within_a_step_and_goes_on_to_the_same_end() {
    let whole = Bench::new(4, "");
    whole.work(Stub::default(), 16).await;
    let whole_images = images(whole.folder.path());
    assert_eq!(whole_images.len(), 16);

    let bench = Bench::new(4, "");
    let mut stop_at = 3;
    loop {
        let shutdown = Shutdown::default();
        let (asked, steps) = (shutdown.clone(), Arc::new(AtomicUsize::new(0)));
        let counter = Arc::clone(&steps);
        let at_step = move || {
            if counter.fetch_add(1, Ordering::SeqCst) + 1 == stop_at {
                asked.request();
            }
        };
        let stub = Stub { at_step: Box::new(at_step), ..Stub::default() };
        let (tally, _) = work(&bench.plan.jobs, &bench.store, stub, 3, &shutdown).await;
        if !tally.unwrap().stopped {
            break;
        }
        assert_eq!(steps.load(Ordering::SeqCst), stop_at, "not a step more");
        let there = files(bench.folder.path());
        assert!(there.keys().all(|name| !name.contains("unfinished")), "{:?}", there.keys());
        stop_at += 2;
    }
    assert_eq!(images(bench.folder.path()), whole_images);
}

#[tokio::test(flavor = "multi_thread")]
async fn heals_what_others_broke() {
    let bench = Bench::new(2, "");
    bench.work(Stub::default(), 4).await;
    let before = images(bench.folder.path());
    let layout = bench.layout();
    let (no_image, damaged, orphan, swapped, edited, moved) =
        (bench.stem(0), bench.stem(1), bench.stem(2), bench.stem(3), bench.stem(4), bench.stem(5));
    bench.store.delete(&layout.image(Shelf::Assets, &no_image)).await.unwrap();
    bench.store.put(&layout.sidecar(Shelf::Assets, &damaged), "{".into()).await.unwrap();
    bench.store.put(&layout.image(Shelf::Rejected, &orphan), "left by a kill".into()).await.unwrap();
    let image = layout.image(Shelf::Assets, &swapped);
    let size = bench.store.size(&image).await.unwrap().unwrap();
    bench.store.put(&image, vec![b'x'; size as usize].into()).await.unwrap();
    for (stem, from, to) in [(edited, "\"file\": \"", "\"file\": \"../../"), (moved, "\"accepted\"", "\"rejected\"")] {
        let key = layout.sidecar(Shelf::Assets, &stem);
        let changed = text(&bench.store, key.clone()).await.replacen(from, to, 1);
        bench.store.put(&key, changed.into()).await.unwrap();
    }
    bench.store.put(&layout.image(Shelf::Rejected, &Stem::of("somebody-elses")), "kept".into()).await.unwrap();

    let tally = bench.work(Stub::default(), 4).await;
    assert_eq!((tally.skipped, tally.finished), (3, 5));
    bench.finish().await;
    let mut after = images(bench.folder.path());
    after.retain(|name, _| !name.contains("somebody-elses"));
    assert_eq!(after, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn refuses_jobs_for_another_bundle() {
    let mut bench = Bench::new(1, "");
    bench.plan.jobs[1].bundle = housestyle::base::digest::Digest::of("another");
    let (tally, dead) = work(&bench.plan.jobs, &bench.store, Stub::default(), 4, &Shutdown::default()).await;
    assert_eq!((tally.unwrap().finished, dead.len()), (3, 1));
    assert!(dead[0].contains("made for bundle"), "{dead:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_versions_of_a_style_are_two_columns_of_the_sheet() {
    let bench = Bench::new(3, "");
    bench.work(Stub::default(), 4).await;
    let mut sidecars = bench.sidecars().await;
    assert_eq!(ContactSheet::of("c", &sidecars).shown(&sidecars).count(), 12);
    for sidecar in &mut sidecars {
        // Both styles are now `acme`, in two versions: six images a cell in one column, of which only four would be
        // shown.
        let number = if sidecar.job.style == "flat" { 2 } else { 3 };
        let version = "style/acme".parse::<EncoderName>().unwrap().version(number);
        sidecar.job.style = "acme".into();
        sidecar.job.style_source.encoder = Some(EncoderRef { digest: Digest::of(version.to_string()), version });
    }
    assert_eq!(ContactSheet::of("c", &sidecars).shown(&sidecars).count(), 12);
    let draw = |sidecars: &[Sidecar]| ContactSheet::of("c", sidecars).draw(&HashMap::new());
    let versions = draw(&sidecars);
    sidecars.iter_mut().for_each(|sidecar| sidecar.job.style_source.encoder = None);
    let one = draw(&sidecars);
    assert!(versions.width() > one.width(), "{} and {}", versions.width(), one.width());
}
