//! The registry: immutable versions, promotion and the way back, and planning with what is in use.

use std::collections::BTreeMap;
use std::sync::Arc;

use housestyle::base::currency::Currency;
use housestyle::base::digest::Digest;
use housestyle::base::time::Timestamp;
use housestyle::base::version::{EncoderName, VersionId};
use housestyle::plan::{EncoderRef, Rates, check, plan};
use housestyle::registry::card::{Base, Card, Draft, TrainingImage};
use housestyle::registry::ledger::{Entry, Ledger, Revocation, Revocations, Target};
use housestyle::registry::{MeasuredComparison, PromotionBasis, PromotionReason, Registry, style_catalog};
use housestyle::rights::{Grant, Policy, Terms};
use housestyle::spec::{Campaign, Training};
use housestyle::store::{Key, Local, Store};
use housestyle_testkit::files::files;
use housestyle_testkit::plans::facts;
use housestyle_testkit::program::{housestyle, output};

/// A draft of `style/acme` on the bundle of the small plans, with these scores, that learned from these pictures.
pub fn draft(style: f64, category: f64, pictures: &[&str]) -> Draft {
    let lesson = |file: &&str| TrainingImage {
        sha256: Digest::of(file),
        file: (*file).into(),
        category: "fox".into(),
        style: Some("acme".into()),
        source: "an agency".into(),
        licence: "CC-BY-4.0".parse().unwrap(),
    };
    Draft {
        encoder: "style/acme".parse().unwrap(),
        base: Base { name: "stub".parse().unwrap(), digest: Digest::of("stub") },
        parent: None,
        prompt: "a {category} emoji in {style} style".into(),
        settings: Training::default(),
        pictures: pictures.iter().map(lesson).collect(),
        grants: vec![Grant {
            source: "an agency".into(),
            licence: "CC-BY-4.0".parse().unwrap(),
            holder: "Acme".into(),
            evidence: None,
            terms: Terms::default(),
        }],
        scores: BTreeMap::from([("style".into(), style), ("category".into(), category)]),
        look: None,
    }
}

fn acme(number: u32) -> VersionId {
    "style/acme".parse::<EncoderName>().unwrap().version(number)
}

fn store() -> (tempfile::TempDir, Arc<Local>, Registry) {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(Local::new(folder.path()));
    (folder, store.clone(), Registry::new(store))
}

pub fn revocation(target: Target) -> Revocation {
    Revocation { target, reason: "the contract ended".into(), at: Timestamp::now(), by: "legal".into() }
}

#[tokio::test(flavor = "multi_thread")]
async fn racing_writers_get_numbers_of_their_own() {
    let (_folder, _, registry) = store();
    let writers: Vec<_> = (0..8u8)
        .map(|i| {
            let registry = registry.clone();
            tokio::spawn(
                async move { (i, registry.publish(&draft(0.5, 0.5, &["a"]), &[i; 1000], Some("<svg/>")).await) },
            )
        })
        .collect();
    let mut numbers = Vec::new();
    for writer in writers {
        let (i, card) = writer.await.unwrap();
        let card = card.unwrap();
        assert_eq!(registry.card(&card.id).await.unwrap(), card);
        assert_eq!(registry.weights(&card).await.unwrap()[..], [i; 1000], "the weights are its own");
        numbers.push(card.id.number);
    }
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 7, 8]);
}

#[tokio::test]
async fn a_version_counts_only_whole_and_unchanged() {
    let (folder, store, registry) = store();
    let key = |text: &str| Key::new(text).unwrap();
    // A training that died before its card: its number stays unused.
    store.put(&key("encoders/style/acme@1/adapter.safetensors"), "half".into()).await.unwrap();
    assert!(registry.versions().await.unwrap().is_empty());
    assert_eq!(registry.card(&acme(1)).await.unwrap_err().exit_code(), 2);
    let card = registry.publish(&draft(0.5, 0.5, &["a"]), b"weights", None).await.unwrap();
    assert_eq!((card.id.clone(), card.curve.clone()), (acme(2), None));
    assert_eq!(registry.versions().await.unwrap(), [acme(2)]);
    let left = files(&folder.path().join("encoders/style/acme@2"));
    assert_eq!(left.keys().collect::<Vec<_>>(), ["adapter.safetensors", "card.json"]);

    store.put(&key("encoders/style/acme@2/adapter.safetensors"), "others".into()).await.unwrap();
    assert_eq!(registry.weights(&card).await.unwrap_err().exit_code(), 4);
    store.put(&key("encoders/style/acme@3/card.json"), card.to_bytes().unwrap().into()).await.unwrap();
    assert!(registry.card(&acme(3)).await.unwrap_err().to_string().contains("is the card of style/acme@2"));
    for (bytes, code) in [("{}", 2), ("{\"format\": 2}", 4), ("[", 2), ("", 2)] {
        store.put(&key("encoders/style/acme@3/card.json"), bytes.into()).await.unwrap();
        assert_eq!(registry.card(&acme(3)).await.unwrap_err().exit_code(), code, "{bytes}");
    }
    assert!(Card::from_bytes(&vec![b' '; 9 << 20], "x").is_err());
    let mut nan = draft(0.5, 0.5, &["a"]);
    nan.scores.insert("loss".into(), f64::NAN);
    assert!(registry.publish(&nan, b"x", None).await.unwrap_err().to_string().contains("the score loss"));
}

#[tokio::test(flavor = "multi_thread")]
async fn promotes_what_is_not_worse_and_goes_back() {
    let (_folder, _, registry) = store();
    let encoder = acme(1).encoder();
    for (style, category) in [(0.6, 0.9), (0.5, 0.95), (0.6, 0.895)] {
        registry.publish(&draft(style, category, &["a"]), b"w", None).await.unwrap();
    }
    let none = Revocations::default();
    let promote = |number, forced| {
        let (registry, none) = (registry.clone(), none.clone());
        async move { registry.promote(&acme(number), "me", forced, &none, &Policy::default()).await }
    };
    assert_eq!(registry.promoted(&encoder).await.unwrap(), None);
    assert!(registry.rollback(&encoder, "me", "why", &none, &Policy::default()).await.is_err());
    promote(1, None).await.unwrap();
    let refused = promote(2, None).await.unwrap_err();
    assert!(
        refused.to_string().contains("style 0.500 against 0.600 of style/acme@1; it must not be worse"),
        "{refused}"
    );
    assert!(promote(1, None).await.unwrap_err().to_string().contains("promoted already"));
    assert!(promote(9, None).await.unwrap_err().to_string().contains("no encoder style/acme@9"));
    let forced = promote(2, Some("the judge is wrong")).await.unwrap();
    assert_eq!(
        (forced.previous, forced.grounds),
        (Some(acme(1)), PromotionReason::Forced("the judge is wrong".into()))
    );
    assert!(matches!(promote(3, None).await.unwrap_err().exit_code(), 2), "category 0.895 against 0.95");
    let back = registry.rollback(&encoder, "me", "worse after all", &none, &Policy::default()).await.unwrap();
    assert_eq!((back.version, back.previous), (acme(1), Some(acme(2))));
    promote(3, None).await.unwrap();
    // Whoever decides at the same time decides after the other: no record is lost and each names the one before.
    let racers: Vec<_> = [1, 2].map(|number| tokio::spawn(promote(number, Some("race")))).into();
    for racer in racers {
        racer.await.unwrap().unwrap();
    }
    let records = registry.promotions(&encoder).await.unwrap();
    assert_eq!(records.len(), 6);
    for pair in records.windows(2) {
        assert_eq!(pair[1].previous.as_ref(), Some(&pair[0].version));
    }
}

#[tokio::test]
async fn measured_scores_count_before_recorded_ones() {
    let (_folder, _, registry) = store();
    for (style, category) in [(0.6, 0.9), (0.9, 0.9)] {
        registry.publish(&draft(style, category, &["a"]), b"w", None).await.unwrap();
    }
    let scores =
        |style: f64, category: f64| BTreeMap::from([("style".to_owned(), style), ("category".to_owned(), category)]);
    let measured = |version: Option<u32>, new, other| MeasuredComparison {
        candidate: new,
        in_use: version.map(acme),
        version: version.map(acme),
        other,
        notes: vec!["p = 0.5".into()],
    };
    let promote = |number, measured: MeasuredComparison| {
        let registry = registry.clone();
        async move {
            let (none, policy) = (Revocations::default(), Policy::default());
            registry.promote(&acme(number), "me", PromotionBasis::Measured(&measured), &none, &policy).await
        }
    };
    let worse = promote(1, measured(None, scores(0.3, 0.9), scores(0.4, 0.9))).await.unwrap_err();
    assert!(worse.to_string().contains("style 0.300 against 0.400 of the stock encoder"), "{worse}");
    let first = promote(1, measured(None, scores(0.5, 0.7), scores(0.4, 0.9))).await.unwrap();
    assert!(
        matches!(&first.grounds, PromotionReason::Evidence(lines) if lines.len() == 3 && lines[2] == "p = 0.5"),
        "{first:?}"
    );
    // On paper the second is far better; side by side it is not.
    let worse = promote(2, measured(Some(1), scores(0.5, 0.6), scores(0.5, 0.7))).await.unwrap_err();
    assert!(worse.to_string().contains("category 0.600 against 0.700 of style/acme@1; it may lose 0.010"), "{worse}");
    let stale = promote(2, measured(None, scores(0.9, 0.9), scores(0.1, 0.1))).await.unwrap_err();
    assert!(stale.to_string().contains("promoted meanwhile"), "{stale}");
}

#[tokio::test]
async fn what_was_revoked_is_neither_promoted_nor_returned_to() {
    let (_folder, store, registry) = store();
    let ledger = Ledger::new(store);
    registry.publish(&draft(0.6, 0.9, &["a", "b"]), b"w1", None).await.unwrap();
    registry.publish(&draft(0.7, 0.9, &["b"]), b"w2", None).await.unwrap();
    let mut child = draft(0.8, 0.9, &["c"]);
    child.parent = Some(acme(1));
    registry.publish(&child, b"w3", None).await.unwrap();
    let none = Revocations::default();
    for number in [1, 2] {
        registry.promote(&acme(number), "me", None, &none, &Policy::default()).await.unwrap();
    }
    ledger.revoke(&revocation(Target::Picture(Digest::of("a")))).await.unwrap();
    let revoked = ledger.revocations().await.unwrap();
    for number in [1, 3] {
        let error =
            registry.promote(&acme(number), "me", Some("I insist"), &revoked, &Policy::default()).await.unwrap_err();
        assert!(error.to_string().contains("learned from a from an agency, revoked on"), "{error}");
        assert!(error.to_string().contains("the contract ended"));
    }
    assert_eq!(registry.revoked(&acme(2), &revoked).await.unwrap(), None);
    assert!(
        registry.rollback(&acme(1).encoder(), "me", "x", &revoked, &Policy::default()).await.is_err(),
        "acme@1 may not come back"
    );
}

#[tokio::test]
async fn what_has_expired_or_is_damaged_is_not_promoted_for_any_reason() {
    let (_folder, store, registry) = store();
    let mut lent = draft(0.6, 0.9, &["a"]);
    lent.grants[0].terms.until = "2026-06-30".parse().ok();
    let card = registry.publish(&lent, b"w1", None).await.unwrap();
    registry.publish(&draft(0.7, 0.9, &["b"]), b"w2", None).await.unwrap();
    let none = Revocations::default();
    let on = |day: &str| Policy { today: day.parse().unwrap(), ..Policy::default() };
    let promote = |number, policy| {
        let (registry, none) = (registry.clone(), none.clone());
        async move { registry.promote(&acme(number), "me", Some("I insist"), &none, &policy).await }
    };
    let late = promote(1, on("2026-07-01")).await.unwrap_err();
    assert!(late.to_string().contains("learned from CC-BY-4.0 from an agency: expired on 2026-06-30"), "{late}");
    promote(1, on("2026-06-30")).await.unwrap();
    promote(2, on("2026-06-30")).await.unwrap();
    assert!(
        registry.rollback(&card.id.encoder(), "me", "x", &none, &on("2026-07-01")).await.is_err(),
        "acme@1 is out of time"
    );
    // The contract is renewed: the ledger's word counts.
    let mut grant = lent.grants[0].clone();
    grant.terms.until = "2027-06-30".parse().ok();
    let entry = Entry {
        sha256: Digest::of("a"),
        file: "a".into(),
        encoder: acme(1).encoder(),
        grant,
        recorded_at: Timestamp::now(),
    };
    Ledger::new(store.clone()).record(&[entry]).await.unwrap();
    assert_eq!(registry.barred(&acme(1), &none, &on("2026-07-01")).await.unwrap(), None);

    store.put(&Key::new("encoders/style/acme@1/adapter.safetensors").unwrap(), "others".into()).await.unwrap();
    let damaged = promote(1, on("2026-07-01")).await.unwrap_err();
    assert!(damaged.exit_code() == 4 && damaged.to_string().contains("not those of its card"), "{damaged}");
}

#[tokio::test]
async fn campaigns_are_planned_with_what_is_in_use() {
    let (_folder, store, registry) = store();
    let ledger = Ledger::new(store.clone());
    let mut elsewhere = draft(0.9, 0.9, &["c"]);
    elsewhere.base.digest = Digest::of("another bundle");
    for (draft, weights) in [(draft(0.6, 0.9, &["a"]), "w1"), (draft(0.7, 0.9, &["b"]), "w2"), (elsewhere, "w3")] {
        registry.publish(&draft, weights.as_bytes(), None).await.unwrap();
    }
    registry.promote(&acme(2), "me", None, &Revocations::default(), &Policy::default()).await.unwrap();
    store.put(&Key::new("encoders/style/acme@4/card.json").unwrap(), "damaged".into()).await.unwrap();
    let planned = |style: &'static str| {
        let (registry, ledger) = (registry.clone(), ledger.clone());
        async move {
            let catalog = style_catalog(&registry, &ledger, facts(), Policy::default()).await.unwrap();
            let yaml = format!(
                "apiVersion: housestyle/v1\nkind: Campaign\nmetadata: {{name: c}}\nspec:\n  bundle: stub\n  \
                 styles: [{style}]\n  \
                 assets: [{{categories: [fox]}}]\n"
            );
            let campaign = Campaign::parse(&yaml, "c.yaml").unwrap();
            check(&campaign, &catalog, &Rates { cost_per_hour: 1.0, currency: Currency::USD })
                .map(|checked| plan(checked).jobs.remove(0).style_source)
                .map_err(|problems| problems[0].to_string())
        }
    };
    let style = planned("acme").await.unwrap();
    let encoder = style.encoder.clone().unwrap();
    assert_eq!((encoder.version, encoder.digest), (acme(2), Digest::of("w2")));
    assert_eq!(
        (style.attribution.as_str(), style.grants.len()),
        ("Style learned from drawings by Acme (CC-BY-4.0)", 1)
    );
    assert_eq!(planned("acme@1").await.unwrap().encoder.unwrap().version, acme(1));
    assert!(planned("acme@3").await.unwrap_err().contains("style/acme@3 was trained for stub@sha256:"));
    assert!(planned("acme@4").await.unwrap_err().contains("card.json is not a card"));
    assert_eq!(planned("flat").await.unwrap().encoder, None);
    // Which version is in use cannot be read: none is offered, and other styles are planned all the same.
    let log = Key::new("encoders/style/acme/promotions/000001.json").unwrap();
    let kept = store.get(&log).await.unwrap().unwrap();
    store.put(&log, "damaged".into()).await.unwrap();
    assert!(planned("acme").await.unwrap_err().contains("000001.json is not a record that this"));
    assert_eq!(planned("flat").await.unwrap().encoder, None);
    store.put(&log, kept).await.unwrap();
    ledger.revoke(&revocation(Target::Source("An  Agency".into()))).await.unwrap();
    assert!(
        planned("acme")
            .await
            .unwrap_err()
            .contains("c.yaml:6:12: spec.styles[0]: style/acme@2 learned from b from an agency")
    );
    ledger.revoke(&revocation(Target::Source("somewhere".into()))).await.unwrap();
    assert!(planned("flat").await.unwrap_err().contains("the source of `flat`, somewhere, is revoked on"));
}

#[tokio::test]
async fn rights_are_those_of_today_and_of_every_ancestor() {
    let (_folder, store, registry) = store();
    let ledger = Ledger::new(store);
    let grant = |until: &str| Grant {
        source: "an agency".into(),
        licence: "CC-BY-4.0".parse().unwrap(),
        holder: "Acme".into(),
        evidence: None,
        terms: Terms { until: until.parse().ok(), ..Terms::default() },
    };
    let record = |until: &str| {
        let entry = Entry {
            sha256: Digest::of("a"),
            file: "a".into(),
            encoder: acme(1).encoder(),
            grant: grant(until),
            recorded_at: Timestamp::now(),
        };
        let ledger = ledger.clone();
        async move { ledger.record(&[entry]).await.unwrap() }
    };
    record("2026-01-01").await;
    let card = registry.publish(&draft(0.6, 0.9, &["a"]), b"w1", None).await.unwrap();
    let mut child = draft(0.6, 0.9, &["b"]);
    (child.parent, child.grants[0].source) = (Some(card.id.clone()), "another".into());
    child.pictures[0].source = "another".into();
    registry.publish(&child, b"w2", None).await.unwrap();
    let grants = || async {
        style_catalog(&registry, &ledger, facts(), Policy::default()).await.unwrap().trained[1].grants.clone()
    };
    let until = |grants: &[Grant]| Terms::of(grants).until.map(|until| until.to_string());
    assert_eq!((grants().await.len(), until(&grants().await).as_deref()), (2, Some("2026-01-01")));
    record("2030-01-01").await;
    assert_eq!(until(&grants().await).as_deref(), Some("2030-01-01"), "the contract was renewed");

    let asked = EncoderRef { version: card.id.clone(), digest: card.weights };
    let (none, mut revoked) = (Revocations::default(), Revocations::default());
    let on = |day: &str| Policy { today: day.parse().unwrap(), ..Policy::default() };
    let load = |asked: EncoderRef, revoked: Revocations, policy: Policy| {
        let registry = registry.clone();
        async move { registry.load(&asked, &revoked, &policy).await }
    };
    assert_eq!(load(asked.clone(), none.clone(), on("2030-01-01")).await.unwrap(), (card, "w1".into()));
    let expired = load(asked.clone(), none.clone(), on("2030-01-02")).await.unwrap_err();
    assert!(expired.to_string().contains("expired on 2030-01-01"), "planned in time or not: {expired}");
    revoked.0.push(revocation(Target::Picture(Digest::of("a"))));
    let error = load(asked.clone(), revoked, on("2030-01-01")).await.unwrap_err();
    assert!(error.to_string().contains("the contract ended"), "{error}");
    let other = EncoderRef { digest: Digest::of("w2"), ..asked };
    assert!(load(other, none, on("2030-01-01")).await.unwrap_err().to_string().contains("planned was"));
    child.parent = Some(acme(7));
    assert!(registry.publish(&child, b"w3", None).await.unwrap_err().to_string().contains("no encoder style/acme@7"));
}

#[test]
fn the_commands_show_and_change_what_is_in_use() {
    let (folder, _, registry) = store();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for (style, weights) in [(0.6, "w1"), (0.5, "w2")] {
        runtime.block_on(registry.publish(&draft(style, 0.9, &["a", "b"]), weights.as_bytes(), None)).unwrap();
    }
    let run = |args: &[&str]| {
        let args = [args, &["--out", "."]].concat();
        output(housestyle(folder.path(), &args))
    };
    let json = |args: &[&str]| -> serde_json::Value {
        let (code, stdout, stderr) = run(&[args, &["--json"]].concat());
        assert_eq!(code, 0, "{stderr}");
        serde_json::from_str(&stdout).unwrap()
    };
    assert_eq!(run(&["encoders", "promote", "acme@1", "--by", "brand", "--recorded"]).0, 0);
    let (code, _, stderr) = run(&["encoders", "promote", "style/acme@2", "--recorded"]);
    assert!(
        code == 2 && stderr.contains("style 0.500 against 0.600") && stderr.contains("--force --reason"),
        "{stderr}"
    );
    let (code, _, stderr) = run(&["encoders", "promote", "acme@2"]);
    assert!(code == 4 && stderr.contains("no bundle named stub"), "without its bundle nothing can be drawn: {stderr}");
    assert_eq!(run(&["encoders", "promote", "acme@2", "--force"]).0, 2, "a forced promotion needs its reason");
    assert_eq!(run(&["encoders", "promote", "acme@2", "--force", "--reason", "a \u{1b}[31m"]).0, 2);
    assert_eq!(
        json(&["encoders", "promote", "acme@2", "--force", "--reason", "new look"])["grounds"]["forced"],
        "new look"
    );
    std::fs::write(folder.path().join("housestyle.yaml"), "update_policy: {new_references: 0, max_age_days: 5000}\n")
        .unwrap();
    let list = json(&["encoders", "list"]);
    assert_eq!(
        (&list["versions"][0]["state"], &list["versions"][1]["state"]),
        (&"candidate".into(), &"promoted".into())
    );
    assert_eq!(list["versions"][1]["due"], serde_json::json!(["0 new references"]));
    assert!(run(&["encoders", "list"]).1.contains("due: 0 new references"));
    assert_eq!(json(&["encoders", "rollback", "acme", "--reason", "worse"])["version"], "style/acme@1");
    let shown = json(&["encoders", "show", "acme"]);
    assert_eq!((shown["promotions"].as_array().unwrap().len(), &shown["card"]["id"]), (3, &"style/acme@1".into()));
    let words = run(&["encoders", "show", "acme@2"]).1;
    assert!(words.contains("2 from an agency (CC-BY-4.0)") && words.contains("forced: new look"), "{words}");
    for bad in ["acme@9", "nobody", "../x", "acme@", "style/\u{1b}[31m"] {
        let (code, _, stderr) = run(&["encoders", "show", bad]);
        assert!(code == 2 && !stderr.contains('\u{1b}'), "{bad:?}: {stderr}");
    }
}
