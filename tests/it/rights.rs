//! The ledger, traces in both directions, and what a revocation does, from the API and from the command line.

use std::path::Path;
use std::sync::Arc;

use housestyle::base::currency::Currency;
use housestyle::base::digest::Digest;
use housestyle::base::time::Timestamp;
use housestyle::io::shutdown::Shutdown;
use housestyle::plan::{Rates, check, plan};
use housestyle::registry::card::Draft;
use housestyle::registry::ledger::{Entry, Ledger, Revocations, Target};
use housestyle::registry::trace::{Question, trace};
use housestyle::registry::training_set::clear;
use housestyle::registry::{Registry, Survey, style_catalog};
use housestyle::rights::{Grant, Policy, Terms};
use housestyle::spec::{Campaign, StyleSet};
use housestyle::store::{Local, Store};
use housestyle_testkit::plans::facts;
use housestyle_testkit::program::{housestyle, output};
use housestyle_testkit::stub::{Stub, work};

use crate::encoders::{draft, revocation};

fn entry(file: &str, licence: &str) -> Entry {
    Entry {
        sha256: Digest::of(file),
        file: file.into(),
        encoder: "style/acme".parse().unwrap(),
        grant: Grant {
            source: "an agency".into(),
            licence: licence.parse().unwrap(),
            holder: "Acme".into(),
            evidence: Some("contract 7".into()),
            terms: Terms::default(),
        },
        recorded_at: Timestamp::now(),
    }
}

#[tokio::test]
async fn the_ledger_keeps_what_was_said_and_tells_contradictions() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = Ledger::new(Arc::new(Local::new(folder.path())));
    let first = [entry("a", "MIT"), entry("b", "MIT")];
    ledger.record(&first).await.unwrap();
    ledger.record(&first).await.unwrap();
    assert_eq!(ledger.pictures().await.unwrap().len(), 2);
    // Another licence for the same picture: nothing of the set is written, and the picture is named.
    let error = ledger.record(&[entry("c", "MIT"), entry("a", "CC0-1.0")]).await.unwrap_err();
    assert!(
        error.exit_code() == 2
            && error.to_string().contains("a is in the ledger as MIT (Acme, from an agency), not CC0-1.0")
    );
    assert_eq!(ledger.entry(&Digest::of("c")).await.unwrap(), None);
    // The same rights for longer: the newest terms hold.
    let mut renewed = entry("a", "MIT");
    renewed.grant.terms.until = "2030-01-01".parse().ok();
    let changed = ledger.record(&[renewed.clone()]).await.unwrap();
    let (all, until) = ("channels: all; territories: everywhere", "until 2030-01-01");
    assert_eq!(changed, [format!("a: {all}; {until}; until now {all}; without end")]);
    assert_eq!(ledger.entry(&Digest::of("a")).await.unwrap().unwrap().grant, renewed.grant);
    ledger.revoke(&revocation(Target::Picture(Digest::of("b")))).await.unwrap();
    let error = ledger.record(&[entry("b", "MIT")]).await.unwrap_err();
    assert!(error.to_string().contains("b is revoked on") && error.to_string().contains("the contract ended"));
    std::fs::write(folder.path().join(format!("ledger/{}.json", Digest::of("a").hex())), "{}").unwrap();
    assert_eq!(ledger.entry(&Digest::of("a")).await.unwrap_err().exit_code(), 2);
    ledger.revoke(&revocation(Target::Source("another".into()))).await.unwrap();
    let first = folder.path().join("ledger/revoked/000001.json");
    std::fs::write(&first, "{}").unwrap();
    assert_eq!(ledger.revocations().await.unwrap_err().exit_code(), 2, "a damaged revocation must not read as none");
    std::fs::remove_file(first).unwrap();
    let lost = ledger.revocations().await.unwrap_err();
    assert!(lost.to_string().contains("000001.json is missing, though there are later records"), "{lost}");
}

/// A store in which `style/acme@1` learned from three pictures and drew two assets, and the bundle drew two more.
async fn a_store_with_history(folder: &Path) -> Arc<Local> {
    let store = Arc::new(Local::new(folder));
    let (registry, ledger) = (Registry::new(store.clone()), Ledger::new(store.clone()));
    let entries: Vec<Entry> = ["a", "b", "c"].map(|file| entry(file, "CC-BY-4.0")).into();
    ledger.record(&entries).await.unwrap();
    let card = registry.publish(&draft(0.6, 0.9, &["a", "b", "c"]), b"w1", None).await.unwrap();
    registry.publish(&draft(0.7, 0.9, &["b"]), b"w2", None).await.unwrap();
    registry.promote(&card.id, "brand", None, &Revocations::default(), &Policy::default()).await.unwrap();
    let catalog = style_catalog(&registry, &ledger, facts(), Policy::default()).await.unwrap();
    let yaml = "apiVersion: housestyle/v1\nkind: Campaign\nmetadata: {name: c}\nspec:\n  bundle: stub\n  \
        styles: [acme, flat]\n  \
                assets: [{categories: [fox, rocket]}]\n";
    let campaign = Campaign::parse(yaml, "c.yaml").unwrap();
    let plan = plan(check(&campaign, &catalog, &Rates { cost_per_hour: 1.0, currency: Currency::USD }).unwrap());
    let (tally, dead) = work(&plan.jobs, &store, Stub::default(), 4, &Shutdown::default()).await;
    assert_eq!((tally.unwrap().finished, dead.len()), (4, 0));
    store
}

#[tokio::test(flavor = "multi_thread")]
async fn traces_lead_there_and_back() {
    let folder = tempfile::tempdir().unwrap();
    let store = a_store_with_history(folder.path()).await;
    let shared: Arc<dyn Store> = store.clone();
    let survey = Survey::of(&shared).await.unwrap();
    let ask = |question: Question| {
        trace(&survey, &question).map(|t| (t.kind, t.pictures.len(), t.versions.len(), t.assets.len()))
    };
    assert_eq!(ask(Question::Text("An agency".into())), Some(("source", 3, 2, 2)));
    assert_eq!(
        ask(Question::Text("somewhere".into())),
        Some(("source", 0, 0, 2)),
        "a style of the bundle has sources too"
    );
    assert_eq!(ask(Question::Digest(Digest::of("a"))), Some(("picture", 1, 1, 2)));
    assert_eq!(ask(Question::Digest(Digest::of("b"))), Some(("picture", 1, 2, 2)));
    assert_eq!(ask(Question::Version("acme@1".parse().unwrap())), Some(("version", 3, 1, 2)));
    assert_eq!(ask(Question::Version("acme@2".parse().unwrap())), Some(("version", 1, 1, 0)));
    let drawn = survey.assets.iter().find(|asset| asset.version.is_some()).unwrap();
    assert_eq!(ask(Question::Text(drawn.stem.to_string())), Some(("asset", 3, 1, 1)));
    assert_eq!(ask(Question::Digest(drawn.image.unwrap())), Some(("asset", 3, 1, 1)));
    for unknown in [
        Question::Text("nobody".into()),
        Question::Digest(Digest::of("?")),
        Question::Version("acme@7".parse().unwrap()),
    ] {
        assert_eq!(ask(unknown), None);
    }
    let row = survey.drift(&survey.cards[&"acme@1".parse().unwrap()], Timestamp::now().date());
    assert_eq!((row.new_references, row.consistency.map(|(_, assets)| assets)), (0, Some(2)));
    // What cannot be read is said, and the rest is answered all the same.
    std::fs::write(folder.path().join(&drawn.sidecar), "{").unwrap();
    let survey = Survey::of(&shared).await.unwrap();
    let found = trace(&survey, &Question::Text("an agency".into())).unwrap();
    assert_eq!((found.assets.len(), found.unreadable.len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_trainings_that_claim_one_picture_for_two_holders_do_not_both_pass() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = Ledger::new(Arc::new(Local::new(folder.path())));
    let claims = (0..8).map(|i| {
        let (ledger, mut claim) = (ledger.clone(), entry("a", "MIT"));
        claim.grant.holder = format!("holder {i}");
        tokio::spawn(async move { ledger.record(&[claim.clone()]).await.map(|_| claim.grant.holder) })
    });
    let mut passed = Vec::new();
    for claim in claims.collect::<Vec<_>>() {
        passed.extend(claim.await.unwrap());
    }
    assert_eq!(passed, [ledger.entry(&Digest::of("a")).await.unwrap().unwrap().grant.holder]);
}

#[test]
fn what_is_damaged_does_not_keep_anybody_from_revoking() {
    let folder = tempfile::tempdir().unwrap();
    tokio::runtime::Runtime::new().unwrap().block_on(a_store_with_history(folder.path()));
    let damage = |file: &str| std::fs::write(folder.path().join(file), "{").unwrap();
    damage(&format!("ledger/{}.json", Digest::of("c").hex()));
    damage("encoders/style/acme/promotions/000001.json");
    let run = |args: &[&str]| output(housestyle(folder.path(), &[args, &["--out", "."]].concat()));
    let (code, words, err) = run(&["rights", "revoke", "An Agency", "--reason", "the contract ended"]);
    assert!(code == 0 && words.contains("revoked: everything from An Agency"), "{words}{err}");
    assert!(
        words.contains("unusable: style/acme@1") && words.contains("2 finished asset(s) were made from them"),
        "{words}"
    );
    let unread: Vec<&str> = words.lines().filter(|line| line.starts_with("cannot be read, and may")).collect();
    assert_eq!(unread.len(), 2, "{words}");
    assert_eq!(run(&["encoders", "list"]).0, 0);
}

#[test]
fn a_revoked_version_does_not_stand_in_the_way_of_its_successor() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(Local::new(folder.path()));
    let (registry, ledger) = (Registry::new(store.clone()), Ledger::new(store.clone()));
    let elsewhere = |mut draft: Draft| {
        draft.base.digest = Digest::of("another bundle");
        draft
    };
    let lent = |mut draft: Draft| {
        draft.grants[0].terms.until = "2020-01-01".parse().ok();
        draft
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let drafts = [
            draft(0.6, 0.9, &["a"]),
            draft(0.7, 0.9, &["b"]),
            elsewhere(draft(0.8, 0.9, &["c"])),
            lent(draft(0.8, 0.9, &["d"])),
        ];
        for draft in drafts {
            registry.publish(&draft, b"w", None).await.unwrap();
        }
        let version = "acme@2".parse().unwrap();
        registry.promote(&version, "me", None, &Revocations::default(), &Policy::default()).await.unwrap();
        ledger.record(&[entry("b", "CC-BY-4.0")]).await.unwrap();
    });
    let run = |args: &[&str]| output(housestyle(folder.path(), &[args, &["--out", "."]].concat()));
    let states = || -> Vec<String> {
        let list: serde_json::Value = serde_json::from_str(&run(&["encoders", "list", "--json"]).1).unwrap();
        list["versions"].as_array().unwrap().iter().map(|row| row["state"].as_str().unwrap().into()).collect()
    };
    assert_eq!(states(), ["candidate", "promoted", "candidate", "refused"]);
    assert!(run(&["encoders", "show", "acme@4"]).1.contains("expired on 2020-01-01"));
    let (code, words, err) = run(&["rights", "revoke", &Digest::of("b").hex(), "--reason", "the contract ended"]);
    assert_eq!(code, 0, "{err}");
    // Neither what another bundle draws with nor what has expired is offered; what is offered can be done.
    assert!(words.contains("until then: housestyle encoders promote style/acme@1"), "{words}");
    let (code, words, err) = run(&["encoders", "promote", "acme@1", "--recorded"]);
    assert!(
        code == 0 && words.contains("nothing is in use to compare with"),
        "its better predecessor is revoked: {words}{err}"
    );
    assert_eq!(states(), ["promoted", "revoked", "candidate", "refused"]);
}

#[test]
fn the_commands_trace_and_revoke() {
    let folder = tempfile::tempdir().unwrap();
    tokio::runtime::Runtime::new().unwrap().block_on(a_store_with_history(folder.path()));
    std::fs::write(folder.path().join("picture.png"), "a").unwrap();
    let run = |args: &[&str]| {
        let args = [args, &["--out", "."]].concat();
        output(housestyle(folder.path(), &args))
    };
    let json = |args: &[&str]| -> serde_json::Value {
        let (code, stdout, stderr) = run(&[args, &["--json"]].concat());
        assert_eq!(code, 0, "{stderr}");
        serde_json::from_str(&stdout).unwrap()
    };
    let by_source = json(&["rights", "trace", "an agency"]);
    assert_eq!(by_source["pictures"][0]["holder"], "Acme");
    let sidecar = by_source["assets"][0]["sidecar"].as_str().unwrap();
    for (what, kind) in [
        ("picture.png", "picture"),
        (&Digest::of("a").hex(), "picture"),
        ("acme@1", "version"),
        (sidecar, "asset"),
        (&sidecar.replace(".json", ".png"), "asset"),
    ] {
        assert_eq!(json(&["rights", "trace", what])["kind"], kind, "{what}");
    }
    let words = run(&["rights", "trace", sidecar]).1;
    assert!(words.contains("an agency (CC-BY-4.0, Acme)") && words.contains("style/acme@1  in use"), "{words}");

    let reason = ["--reason", "the contract ended", "--by", "legal"];
    let revoke = |what: &[&str]| run(&[&["rights", "revoke"], what, &reason].concat());
    for (what, word) in
        [("no such source", "--unseen"), ("acme@1", "only pictures and sources"), (sidecar, "only pictures")]
    {
        let (code, _, stderr) = revoke(&[what]);
        assert!(code == 2 && stderr.contains(word), "{stderr}");
    }
    assert_eq!(run(&["rights", "revoke", "an agency"]).0, 2, "a reason is asked for");
    assert_eq!(revoke(&["a new source", "--unseen"]).0, 0);
    let told = json(&[&["rights", "revoke", "picture.png"][..], &reason].concat());
    assert_eq!(told["unusable"], serde_json::json!(["style/acme@1"]));
    assert_eq!(told["retrain"][0]["usable"], "style/acme@2");
    assert_eq!(told["assets"].as_array().unwrap().len(), 2);
    std::fs::create_dir_all(folder.path().join("encoders/style/acme@3")).unwrap();
    std::fs::write(folder.path().join("encoders/style/acme@3/card.json"), "{").unwrap();
    let (_, words, _) = revoke(&["an agency"]);
    assert!(words.contains("may be affected too: encoders/style/acme@3/card.json"), "{words}");
    std::fs::remove_dir_all(folder.path().join("encoders/style/acme@3")).unwrap();
    assert!(words.contains("train again without these pictures: style/acme (style/acme@1 is in use)"), "{words}");
    assert_eq!(json(&["encoders", "list"])["versions"][1]["state"], "revoked");
    assert!(run(&["rights", "trace", "acme@1"]).1.contains("in use, but a is revoked on"));
}

#[test]
fn a_campaign_that_asks_for_a_revoked_version_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(Local::new(folder.path().join("out")));
    let (registry, ledger) = (Registry::new(store.clone()), Ledger::new(store));
    let bundle = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tiny/bundle.yaml")).unwrap();
    let mut draft = draft(0.6, 0.9, &["a"]);
    draft.base.name = "tiny".parse().unwrap();
    draft.base.digest = Digest::of(bundle);
    draft.grants[0].terms.territories = Some(vec!["JP".into()]);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let card = registry.publish(&draft, b"w", None).await.unwrap();
        registry.promote(&card.id, "brand", None, &Revocations::default(), &Policy::default()).await.unwrap();
    });
    let yaml = "apiVersion: housestyle/v1\nkind: Campaign\nmetadata: {name: c}\nspec:\n  bundle: tiny\n  \
        styles: [acme]\n  assets: [{categories: [fox]}]\n  gate: {style: 0}\n";
    std::fs::write(folder.path().join("c.yaml"), yaml).unwrap();
    let run = |command: &str| output(housestyle(folder.path(), &[command, "c.yaml"]));
    let (code, words, stderr) = run("plan");
    assert!(code == 0 && words.contains("CC-BY-4.0"), "{words}{stderr}");
    let limits = "acme only within its rights (channels: all; territories: JP; without end)";
    assert!(words.contains(limits), "a campaign that names no use is told: {words}");
    runtime.block_on(ledger.revoke(&revocation(Target::Source("an agency".into())))).unwrap();
    for command in ["plan", "check", "run"] {
        let (code, _, stderr) = run(command);
        assert!(
            code == 2 && stderr.contains("c.yaml:6:12") && stderr.contains("the contract ended"),
            "{command}: {stderr}"
        );
    }
}

#[test]
fn every_refused_picture_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let picture = include_bytes!("../../specs/fxemoji/alien.png");
    for (i, name) in ["good", "share", "none", "old", "own", "revoked"].iter().enumerate() {
        std::fs::write(folder.path().join(format!("{name}.png")), [&picture[..], &[i as u8]].concat()).unwrap();
    }
    let rights = "source: agency, holder: Acme";
    let yaml = format!(
        "apiVersion: housestyle/v1\nkind: StyleSet\nmetadata: {{name: acme}}\nspec:\n  bundle: tiny\n  images:\n    \
         - {{files: good.png, {rights}, licence: MIT}}\n    - {{files: share.png, {rights}, licence: \
         CC-BY-SA-4.0}}\n    \
         - {{files: none.png}}\n    - {{files: old.png, {rights}, licence: MIT, until: 2020-01-01}}\n    \
         - {{files: own.png, {rights}, licence: LicenseRef-Acme}}\n    \
         - {{files: revoked.png, source: bad, holder: x, licence: MIT}}\n"
    );
    std::fs::write(folder.path().join("set.yaml"), &yaml).unwrap();
    let ledger = Ledger::new(Arc::new(Local::new(folder.path().join("out"))));
    tokio::runtime::Runtime::new().unwrap().block_on(ledger.revoke(&revocation(Target::Source("bad".into())))).unwrap();
    let check = |allowed: &str| {
        let mut command = housestyle(folder.path(), &["rights", "check", "set.yaml"]);
        command.env("HOUSESTYLE_ALLOWED_LICENCES", allowed);
        output(command)
    };
    let (code, words, _) = check("");
    assert_eq!(code, 2);
    for line in [
        "share.png (CC-BY-SA-4.0): a share-alike licence",
        "none.png names no source, no licence, no holder",
        "old.png (MIT): expired on 2020-01-01",
        "own.png (LicenseRef-Acme): a contract of your own",
        "revoked.png is revoked on",
    ] {
        assert!(words.contains(line), "{line}: {words}");
    }
    assert!(!check("MIT, LicenseRef-Acme").1.contains("own.png"));

    // What training will ask: the same verdicts as problems with their places, or what card and ledger shall say.
    let set = StyleSet::load(&folder.path().join("set.yaml")).unwrap();
    let references = set.resolve(folder.path()).unwrap();
    let policy = Policy { today: "2027-01-01".parse().unwrap(), ..Policy::default() };
    let problems = clear(&set, &references, &policy, &Revocations::default(), Timestamp::now()).unwrap_err();
    assert_eq!(problems.iter().map(|p| p.line).collect::<Vec<_>>(), [8, 9, 10, 11]);
    let cleared = clear(&set, &references[..1], &policy, &Revocations::default(), Timestamp::now()).unwrap();
    assert_eq!((cleared.lessons.len(), cleared.entries.len(), cleared.grants.len()), (1, 1, 1));
    assert_eq!((cleared.lessons[0].category.as_str(), cleared.lessons[0].style.as_deref()), ("good", Some("acme")));
    assert_eq!(
        output(housestyle(Path::new(env!("CARGO_MANIFEST_DIR")), &["rights", "check", "specs/fxemoji.yaml"])).0,
        0
    );
}
