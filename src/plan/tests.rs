//! Plans are deterministic, distinct, and complain about everything at once.

use std::collections::BTreeMap;

use proptest::{prelude::*, sample::subsequence};

use super::*;
use crate::base::currency::Currency;
use crate::base::digest::Digest;
use crate::base::version::{Branch, CategoryRef};
use crate::base::{limits, text};
use crate::rights::{Grant, Terms};
use crate::spec::{Campaign, Problem};

const CATEGORIES: [&str; 6] = ["fox", "doughnut", "red apple", "t-rex", "piñata", "狐"];
const STYLES: [&str; 4] = ["twemoji", "noto", "fluent-flat", "openmoji"];

fn facts() -> StyleCatalog {
    let style = |name: &str, licence: &str| StyleFacts {
        name: name.into(),
        look: format!("the look of {name}"),
        licence: licence.into(),
        holder: "somebody".into(),
        source: "somewhere".into(),
        attribution: String::new(),
        encoder: None,
        grants: Vec::new(),
    };
    StyleCatalog::of_bundle(BundleFacts {
        name: "emoji-houses".parse().unwrap(),
        digest: Digest::of("bundle"),
        styles: STYLES
            .iter()
            .zip(["CC-BY-4.0", "Apache-2.0", "MIT", "CC-BY-SA-4.0"])
            .map(|(s, l)| style(s, l))
            .collect(),
        categories: CATEGORIES.map(String::from).to_vec(),
        scored_styles: STYLES.map(String::from).to_vec(),
        sizes: vec![64, 128],
        cross_attention_layers: 7,
        prompt_category: "a {category} emoji".into(),
        prompt_style: "{prompt}, {look}".into(),
        seconds_per_step: 0.02,
        bytes_per_image: 9000,
    })
}

/// The plan of a campaign, or what is wrong with it in the file's order.
fn plan(campaign: &Campaign, catalog: &StyleCatalog, rates: &Rates) -> Result<Plan, Vec<Problem>> {
    check(campaign, catalog, rates).map(super::plan).map_err(Problem::tidy)
}

fn rates() -> Rates {
    Rates { cost_per_hour: 3.6, currency: Currency::USD }
}

fn campaign(name: &str, styles: &[&str], categories: &[&str], rest: &str) -> Campaign {
    let yaml = format!(
        "apiVersion: housestyle/v1\nkind: Campaign\nmetadata: {{name: {name}}}\nspec:\n  bundle: emoji-houses\n  \
            styles: {styles:?}\n  \
         assets:\n    - categories: {categories:?}\n      count: 2\n{rest}"
    );
    Campaign::parse(&yaml, "test.yaml").unwrap()
}

#[test]
fn plans_every_combination() {
    let plan = plan(&campaign("c", &["noto", "twemoji"], &["fox", "t-rex"], ""), &facts(), &rates()).unwrap();
    assert_eq!(plan.jobs.len(), 8);
    let first = &plan.jobs[0];
    assert_eq!(first.prompts.category, "a fox emoji");
    assert_eq!(first.prompts.style, "a fox emoji, the look of noto");
    assert_eq!(
        (first.size, first.index, first.stem.as_str()),
        (64, 1, format!("fox-noto-1-{}", first.id.short()).as_str())
    );
    assert_eq!((plan.estimate.images, plan.estimate.attempts_max, plan.estimate.bytes), (8, 24, 72_000));
    assert!((plan.estimate.seconds - 3.2).abs() < 1e-9 && (plan.estimate.cost - 0.0032).abs() < 1e-12);
    let json = serde_json::to_string(&plan).unwrap();
    let read: Plan = serde_json::from_str(&json).unwrap();
    assert_eq!((read.jobs, read.rights), (plan.jobs.clone(), plan.rights));
    assert!(serde_json::from_str::<Job>(&serde_json::to_string(first).unwrap().replace("fox-noto", "../fox")).is_err());
}

/// The values are pinned: another id would make every finished image unknown.
#[test]
fn ids_and_seeds_never_change() {
    let plan = plan(&campaign("c", &["noto"], &["fox"], ""), &facts(), &rates()).unwrap();
    let job = &plan.jobs[0];
    assert_eq!(
        (plan.campaign.as_str(), job.id.short(), job.seed),
        ("c-97fa8313bed5", "8ba85afc", 1_067_698_542_248_550)
    );
}

#[test]
fn what_decides_the_image_decides_the_id() {
    let id =
        |rest: &str| plan(&campaign("c", &["noto"], &["fox"], rest), &facts(), &rates()).unwrap().jobs[0].id.clone();
    let base = id("");
    for same in [
        "  priority: high\n",
        "  output: {name: x}\n",
        "  budget: {max_cost: 1, currency: USD}\n",
        "  seed: 42\n",
        "  guidance: {style: 3}\n",
    ] {
        assert_eq!(id(same), base, "{same}");
    }
    for other in [
        "      size: 128\n",
        "      negative: blurry\n",
        "      prompt: 'the {category}'\n",
        "  seed: 43\n",
        "  sampler: {steps: 21}\n",
        "  sampler: {name: euler}\n",
        "  guidance: {style: 3.5}\n",
        "  guidance: {style_scale: 0.25}\n",
        "  gate: {attempts: 4}\n",
        "  gate: {style: 0.5}\n",
    ] {
        assert_ne!(id(other), base, "{other}");
    }
    let mut other = facts();
    other.bundle.digest = Digest::of("another bundle");
    let job = plan(&campaign("c", &["noto"], &["fox"], ""), &other, &rates()).unwrap().jobs.remove(0);
    assert_ne!(job.id, base);
}

/// The folder of a campaign is named by its id, so that a campaign that asks for the same images finds those that are
/// there.
#[test]
fn what_changes_an_image_or_a_name_makes_another_campaign_and_nothing_else_does() {
    let of = |campaign: &Campaign| plan(campaign, &facts(), &rates()).unwrap().campaign;
    let id = |rest: &str| of(&campaign("c", &["noto", "twemoji"], &["fox", "t-rex"], rest));
    let base = id("");
    for same in [
        "  priority: high\n",
        "  budget: {max_cost: 1, currency: USD}\n",
        "  rights: {channels: [web]}\n",
        "  output: {name: '{category}-{style}-{index}'}\n",
        "  sampler: {steps: 20}\n",
        "      prompt: 'a {category} emoji'\n",
    ] {
        assert_eq!(id(same), base, "{same}");
    }
    assert_eq!(of(&campaign("c", &["twemoji", "noto"], &["t-rex", "fox"], "")), base, "order is not asked for");
    let source = campaign("c", &["noto", "twemoji"], &["fox", "t-rex"], "").source;
    let owned = source.replace("{name: c}", "{name: c, owner: bob, labels: {season: spring}}");
    assert_eq!(of(&Campaign::parse(&owned, "test.yaml").unwrap()), base);
    for other in ["  seed: 1\n", "  gate: {attempts: 4}\n", "      size: 128\n", "  output: {name: '{index}'}\n"] {
        assert_ne!(id(other), base, "{other}");
    }
    assert_ne!(of(&Campaign::parse(&source.replace("count: 2", "count: 3"), "test.yaml").unwrap()), base);
    assert_ne!(of(&campaign("c", &["noto"], &["fox", "t-rex"], "")), base);
    assert_eq!(
        of(&campaign("d", &["noto", "twemoji"], &["fox", "t-rex"], "")).as_str(),
        base.as_str().replace("c-", "d-")
    );
}

#[test]
fn categories_read_as_words_in_prompts() {
    let plan =
        |category: &str| plan(&campaign("c", &["noto"], &[category], ""), &facts(), &rates()).unwrap().jobs.remove(0);
    assert_eq!(plan("t-rex").prompts.category, "a t rex emoji");
    assert_eq!((plan("t rex").category.as_str(), plan("t rex").id), ("t-rex", plan("t-rex").id));
}

#[test]
fn comparable_settings_start_from_the_same_noise() {
    let seed = |rest: &str| plan(&campaign("c", &["noto"], &["fox"], rest), &facts(), &rates()).unwrap().jobs[0].seed;
    assert_eq!(seed("  guidance: {style: 6}\n"), seed(""));
    assert_ne!(seed("  seed: 7\n"), seed(""));
    assert!(seed("") < 1 << 53);
}

#[test]
fn names_everything_the_bundle_cannot_do() {
    let rest = "      size: 96\n  guidance: {style_scale: [0.1, 0.2]}\n  budget: {max_cost: 1, currency: EUR}\n";
    let wrong = campaign("c", &["twemojji", "noto@2"], &["foxx", "t-rex"], rest);
    let found: Vec<String> = plan(&wrong, &facts(), &rates()).unwrap_err().iter().map(ToString::to_string).collect();
    for (line, expected) in found.iter().zip([
        "test.yaml:6:12: spec.styles[0]: the bundle emoji-houses has no style `twemojji`; it has twemoji, noto, \
            fluent-flat, openmoji (did you mean `twemoji`?)",
        "test.yaml:6:24: spec.styles[1]: the bundle emoji-houses has no trained versions of `noto` (did you mean \
            `noto`?)",
        "test.yaml:8:20: spec.assets[0].categories[0]: the bundle emoji-houses has no category `foxx` among its 6 \
            (did you mean `fox`?)",
        "test.yaml:10:13: spec.assets[0].size: the bundle emoji-houses cannot draw 96 pixels; it draws 64, 128",
        "test.yaml:11:27: spec.guidance.style_scale: has 2 values, the bundle's UNet has 7 cross-attention layers",
        "test.yaml:12:35: spec.budget.currency: the budget is in EUR, this machine's rate in USD (did you mean `USD`?)",
    ]) {
        assert_eq!(line, expected);
    }
    assert_eq!(found.len(), 6);
}

#[test]
fn an_evaluator_is_needed_to_gate() {
    let mut facts = facts();
    facts.bundle.categories.clear();
    assert_eq!(
        plan(&campaign("c", &["noto"], &["a submarine"], ""), &facts, &rates()).unwrap_err()[0].path,
        "spec.gate"
    );
    assert!(
        plan(&campaign("c", &["noto"], &["a submarine"], "  gate: {style: 0, category: 0}\n"), &facts, &rates())
            .is_ok()
    );
}

/// Every attempt would be made and thrown away.
#[test]
fn a_style_that_the_evaluator_does_not_know_is_refused_unless_it_is_not_asked_for() {
    let mut bundle = facts();
    bundle.bundle.scored_styles.retain(|style| style != "noto");
    let mut trained = with_versions("acme", &[(1, true, None)]);
    trained.bundle.scored_styles.retain(|style| style != "acme");
    for (style, facts) in [("noto", &bundle), ("acme", &trained)] {
        let refused = plan(&campaign("c", &["twemoji", style], &["fox"], ""), facts, &rates()).unwrap_err();
        let line = refused[0].to_string();
        assert!(
            refused.len() == 1 && line.contains("spec.styles[1]: the evaluator of the bundle emoji-houses"),
            "{line}"
        );
        assert!(line.contains("it knows twemoji") && line.ends_with("(did you mean `gate: {style: 0}`?)"), "{line}");
        assert!(plan(&campaign("c", &["twemoji", style], &["fox"], "  gate: {style: 0}\n"), facts, &rates()).is_ok());
    }
    // A category it does not know is refused even so: it would be scored as another one.
    assert_eq!(
        plan(&campaign("c", &["noto"], &["yak"], ""), &facts(), &rates()).unwrap_err()[0].path,
        "spec.assets[0].categories[0]"
    );
}

#[test]
fn thousands_of_unknown_categories_are_told_briefly_and_fast() {
    let mut facts = facts();
    facts.bundle.categories = (0..2_000).map(|i| format!("known category {i}")).collect();
    let asked: Vec<String> = (0..19_000).map(|i| format!("some other category number {i}")).collect();
    let campaign = campaign("c", &["noto"], &asked.iter().map(String::as_str).collect::<Vec<_>>(), "");
    let start = std::time::Instant::now();
    let problems = plan(&campaign, &facts, &rates()).unwrap_err();
    // Generous: it is there to notice a square, not to measure a busy machine.
    assert!(start.elapsed().as_secs() < 30, "took {:?}", start.elapsed());
    assert_eq!((problems.len(), problems[0].path.as_str()), (limits::PROBLEMS + 1, "spec.assets[0].categories[0]"));
    assert_eq!(problems[limits::PROBLEMS].reason, "and 18900 more problem(s) from here on");
}

#[test]
fn prompts_that_do_not_fit_are_told_once_where_they_are_written() {
    let rest =
        "    - {categories: [fox, t-rex, doughnut], prompt: 'a very long {category}', negative: 'long {category}'}\n";
    let facts = with_versions("acme", &[(1, true, None)]);
    let campaign = campaign("c", &["noto", "twemoji", "acme"], &["fox", "red apple"], rest);
    let mut measured = Vec::new();
    let mut check = |word: &str| {
        measured.clear();
        let problems = check_prompts(&campaign, &facts, |text| {
            measured.push(text.to_owned());
            let error = || crate::base::error::Error::invalid(format!("the prompt has 99 tokens, the limit is {}", 77));
            if text.contains(word) { Err(error()) } else { Ok(()) }
        });
        problems.unwrap().iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(
        check("long"),
        [
            "test.yaml:10:52: spec.assets[1].prompt: for `fox`, the prompt has 99 tokens, the limit is 77",
            "test.yaml:10:88: spec.assets[1].negative: for `fox`, the prompt has 99 tokens, the limit is 77",
        ]
    );
    assert_eq!(
        check("noto"),
        [
            "test.yaml:8:20: spec.assets[0].categories[0]: for `fox` in `noto`, the prompt has 99 tokens, the limit \
                is 77",
            "test.yaml:8:27: spec.assets[0].categories[1]: for `red apple` in `noto`, the prompt has 99 tokens, the \
                limit is 77",
            "test.yaml:10:52: spec.assets[1].prompt: for `fox` in `noto`, the prompt has 99 tokens, the limit is 77",
        ]
    );
    assert_eq!(check("in acme style").len(), 5, "a trained version's prompt is not the asset's");
    assert_eq!(check("nothing").len(), 0);
    let distinct: std::collections::BTreeSet<&String> = measured.iter().collect();
    assert_eq!(distinct.len(), measured.len(), "every text is measured once");
    let broken =
        check_prompts(&campaign, &facts, |_| Err(crate::base::error::Error::unavailable("the tokenizer is broken")));
    assert_eq!(broken.unwrap_err().exit_code(), 4);
}

#[test]
fn refuses_the_same_image_twice_and_takes_another_prompt() {
    let again = campaign("c", &["noto", "twemoji"], &["fox"], "    - {categories: [t-rex, fox], count: 3}\n");
    let problems = plan(&again, &facts(), &rates()).unwrap_err();
    assert_eq!((problems.len(), problems[0].path.as_str()), (1, "spec.assets[1]"));
    let other = campaign("c", &["noto"], &["fox"], "    - {categories: [fox], prompt: 'a sleeping {category}'}\n");
    assert_eq!(plan(&other, &facts(), &rates()).unwrap().jobs.len(), 3);
}

#[test]
fn judges_budget_and_rights() {
    let standing = |max: f64| {
        let campaign =
            campaign("c", &["noto", "openmoji"], &["fox"], &format!("  budget: {{max_cost: {max}, currency: USD}}\n"));
        plan(&campaign, &facts(), &rates()).unwrap()
    };
    assert_eq!(standing(1.0).budget.unwrap().status, BudgetStatus::Within);
    assert_eq!(standing(0.002).budget.unwrap().status, BudgetStatus::AtRisk);
    assert_eq!(standing(0.001).budget.unwrap().status, BudgetStatus::Over);
    let told = |max: f64| {
        let campaign = campaign("c", &["noto"], &["fox"], &format!("  budget: {{max_cost: {max}, currency: USD}}\n"));
        check_budget(&campaign, &plan(&campaign, &facts(), &rates()).unwrap()).map(|problem| problem.to_string())
    };
    let over = "test.yaml:10:22: spec.budget.max_cost: the estimate, under 0.001 USD, is over the budget of 0.0001 USD";
    assert_eq!((told(1.0), told(0.0001).as_deref()), (None, Some(over)));
    let refused = check_rights(&campaign("c", &["noto", "openmoji"], &["fox"], ""), &facts());
    let place = "test.yaml:6:20: spec.styles[1]: the rights of `openmoji` (CC-BY-SA-4.0, somebody) are not cleared: ";
    assert!(refused.len() == 1 && refused[0].to_string().starts_with(place), "{refused:?}");
    let rights = standing(1.0).rights;
    assert_eq!(rights.refused().map(|s| s.style.as_str()).collect::<Vec<_>>(), ["openmoji"]);
    assert_eq!(rights.styles[0].ruling, Ruling::Allowed);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn ids_do_not_depend_on_order_or_names(
        categories in subsequence(CATEGORIES.to_vec(), 1..=6).prop_shuffle(), styles in subsequence(STYLES.to_vec(),
            1..=4).prop_shuffle(), name in "[a-z][a-z0-9]{0,9}",
    ) {
        let jobs = |plan: Plan| plan.jobs.into_iter().map(|j| ((j.category, j.style, j.index), (j.id, j.seed,
            j.prompts))).collect::<BTreeMap<_, _>>();
        let all = jobs(plan(&campaign("all", &STYLES, &CATEGORIES, ""), &facts(), &rates()).unwrap());
        for (key, job) in jobs(plan(&campaign(&name, &styles, &categories, ""), &facts(), &rates()).unwrap()) {
            prop_assert_eq!(&all[&key], &job);
        }
    }

    #[test]
    fn stems_are_distinct_and_safe(categories in
        prop::collection::btree_set("[\\PC--[/\\\\{}<>%\"|*?:;$`.]]{0,30}[a-z]", 1..20),
            template in "[a-z{]?\\{(category|index|style)\\}|x") {
        let categories: Vec<String> = categories.iter().filter_map(|c|
            text::category(c).ok()).collect::<std::collections::BTreeSet<_>>().into_iter().collect();
        prop_assume!(!categories.is_empty() && !template.contains("{{") );
        let names: Vec<&str> = categories.iter().map(String::as_str).collect();
        let mut facts = facts();
        facts.bundle.categories = categories.clone();
        let yaml_list: Vec<String> = names.iter().map(|n| serde_json::to_string(n).unwrap()).collect();
        let yaml = format!("apiVersion: housestyle/v1\nkind: Campaign\nmetadata: {{name: c}}\nspec:\n  bundle: \
            emoji-houses\n  styles: [noto, twemoji]\n  assets: [{{categories: [{}], count: 3}}]\n  output: {{name: \
            '{template}'}}\n", yaml_list.join(", "));
        let plan = plan(&Campaign::parse(&yaml, "t").unwrap(), &facts, &rates()).unwrap();
        let stems: std::collections::BTreeSet<_> = plan.jobs.iter().map(|j| j.stem.as_str()).collect();
        prop_assert_eq!(stems.len(), plan.jobs.len());
        for stem in stems {
            prop_assert!(stem.len() <= 140 && stem.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()
                || b == b'-'), "{}", stem);
        }
    }
}

/// The facts with versions of a trained style: `(number, promoted, unavailable)`.
fn with_versions(name: &str, versions: &[(u32, bool, Option<Unavailable>)]) -> StyleCatalog {
    let mut facts = facts();
    facts.bundle.scored_styles.push(name.into());
    let grant = |licence: &str| Grant {
        source: "an agency".into(),
        licence: licence.parse().unwrap(),
        holder: "Acme".into(),
        evidence: None,
        terms: Terms { channels: Some(vec!["web".into()]), ..Terms::default() },
    };
    facts.trained = versions
        .iter()
        .map(|(number, promoted, unavailable)| TrainedStyle {
            style: StyleFacts {
                encoder: Some(EncoderRef {
                    version: format!("style/{name}@{number}").parse().unwrap(),
                    digest: Digest::of(number.to_string()),
                }),
                name: name.into(),
                ..facts.bundle.styles[0].clone()
            },
            prompt: "a {category} emoji in {style} style".into(),
            grants: vec![grant("Apache-2.0"), grant("CC-BY-4.0")],
            promoted: *promoted,
            unavailable: unavailable.clone(),
        })
        .collect();
    facts
}

#[test]
fn a_style_is_its_promoted_version_or_the_one_asked_for() {
    let facts = with_versions("acme", &[(1, false, None), (2, true, None), (3, false, None)]);
    let job = |style: &str, facts: &StyleCatalog| {
        plan(&campaign("c", &[style], &["t-rex"], ""), facts, &rates()).unwrap().jobs.remove(0)
    };
    let version = |style: &str| job(style, &facts).style_source.encoder.unwrap().version.number;
    assert_eq!([version("acme"), version("acme@3"), version("acme@1")], [2, 3, 1]);
    assert_eq!(job("acme", &facts).prompts.style, "a t rex emoji in acme style");
    assert_eq!(job("acme", &facts).id, job("acme@2", &facts).id);
    assert_ne!(job("acme", &facts).id, job("acme@3", &facts).id);
    assert_eq!(job("acme", &facts).seed, job("acme@3", &facts).seed, "versions can be compared");
    assert_eq!(job("noto", &facts), job("noto", &self::facts()), "the bundle's own styles stay what they were");
    let ids = |facts: &StyleCatalog| plan(&campaign("c", &["acme"], &["fox"], ""), facts, &rates()).unwrap().campaign;
    assert_ne!(ids(&facts), ids(&with_versions("acme", &[(3, true, None)])), "another version makes another campaign");
    // A version of the bundle's own style takes its place once it is promoted, and for another bundle never.
    assert!(job("noto", &with_versions("noto", &[(1, true, None)])).style_source.encoder.is_some());
    for versions in [(1, false, None), (1, true, Some(Unavailable::OtherBundle("other".into())))] {
        assert!(job("noto", &with_versions("noto", &[versions])).style_source.encoder.is_none());
    }
}

#[test]
fn says_why_a_version_cannot_be_used() {
    let revoked = || Some(Unavailable::Unusable("revoked on 2027-01-01: contract ended".into()));
    let reason = |style: &str, facts: &StyleCatalog| {
        plan(&campaign("c", &[style], &["fox"], ""), facts, &rates()).unwrap_err()[0].to_string()
    };
    let facts = with_versions("acme", &[(1, false, None), (2, true, revoked())]);
    assert!(reason("acme", &facts).contains("spec.styles[0]: revoked on 2027-01-01: contract ended"));
    assert!(reason("acme@2", &facts).contains("contract ended"));
    assert!(reason("acme@7", &facts).ends_with("`acme` has no version 7; it has 1, 2 (did you mean `acme@2`?)"));
    assert!(reason("acne", &facts).ends_with("openmoji, acme (did you mean `acme`?)"));
    let unpromoted = with_versions("acme", &[(1, false, None), (2, false, revoked())]);
    assert!(
        reason("acme", &unpromoted).ends_with("no version of `acme` is promoted; it has 1, 2 (did you mean `acme@1`?)")
    );
    assert!(reason("noto", &with_versions("noto", &[(1, true, revoked())])).contains("contract ended"));
    let mut own = self::facts();
    own.revoked.insert("noto".into(), "its source is revoked".into());
    assert!(reason("noto", &own).contains("its source is revoked"));
}

#[test]
fn a_trained_style_is_as_free_as_its_pictures() {
    let mut facts = with_versions("acme", &[(1, true, None)]);
    let verdict = |facts: &StyleCatalog, rest: &str| {
        plan(&campaign("c", &["acme"], &["fox"], rest), facts, &rates()).unwrap().rights.styles.remove(0)
    };
    let found = verdict(&facts, "");
    assert_eq!((found.ruling, found.reason.contains("CC-BY-4.0")), (Ruling::Attribution, true));
    assert_eq!(verdict(&facts, "  rights: {channels: [web]}\n").ruling, Ruling::Attribution);
    assert!(verdict(&facts, "  rights: {channels: [print]}\n").reason.contains("`print` is not cleared, only web"));
    facts.trained[0].grants[0].licence = "LicenseRef-Acme".parse().unwrap();
    assert_eq!(verdict(&facts, "").ruling, Ruling::Refused);
    facts.policy.allowed.push("LicenseRef-Acme".parse().unwrap());
    assert_eq!(verdict(&facts, "").ruling, Ruling::Attribution);
    facts.trained[0].grants[0].terms.until = "2027-01-01".parse().ok();
    facts.policy.today = "2027-01-02".parse().unwrap();
    assert!(verdict(&facts, "").reason.contains("expired on 2027-01-01"));
}

#[test]
fn a_category_encoder_is_part_of_the_job_only_where_it_is_asked_for() {
    let mut facts = with_versions("acme", &[(1, false, None), (2, true, None)]);
    facts.category_encoders = std::mem::take(&mut facts.trained);
    for version in &mut facts.category_encoders {
        let encoder = version.style.encoder.as_mut().unwrap();
        encoder.version.branch = Branch::Category;
    }
    let planned = |rest: &str| plan(&campaign("c", &["noto"], &["t-rex"], rest), &facts, &rates());
    let job = |rest: &str| planned(rest).unwrap().jobs.remove(0);
    let number = |rest: &str| job(rest).category_encoder.unwrap().encoder.unwrap().version.number;
    assert_eq!(job(""), plan(&campaign("c", &["noto"], &["t-rex"], ""), &self::facts(), &rates()).unwrap().jobs[0]);
    assert_eq!([number("  category: category/acme\n"), number("  category: category/acme@1\n")], [2, 1]);
    let (stock, trained) = (job(""), job("  category: category/acme\n"));
    assert_ne!(stock.id, trained.id);
    assert_eq!((stock.seed, &stock.prompts.style), (trained.seed, &trained.prompts.style));
    assert_eq!(trained.prompts.category, "a t rex emoji in acme style");
    assert_ne!(trained.id, job("  category: category/acme@1\n").id);
    let rights = planned("  category: category/acme\n  rights: {channels: [print]}\n").unwrap().rights;
    let refused: Vec<&str> = rights.refused().map(|row| row.style.as_str()).collect();
    assert_eq!(refused, ["category/acme"]);
    let reason = |rest: &str| planned(rest).unwrap_err()[0].to_string();
    assert!(
        reason("  category: category/acme@7\n")
            .contains("spec.category: `category/acme` has no version 7; it has 1, 2")
    );
    assert!(reason("  category: category/acne\n").ends_with("(did you mean `category/acme`?)"));
    assert!("acme".parse::<CategoryRef>().unwrap_err().contains("expected `category/…`"));
}
