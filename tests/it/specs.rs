//! Hostile and broken campaigns: every problem at once, in its place, fast and harmless to print.

use housestyle::base::currency::Currency;
use housestyle::base::limits;
use housestyle::plan::{Rates, StyleCatalog, check};
use housestyle::spec::{
    Campaign, CampaignDraft, DocumentKind, Gate, Guidance, OutputSpec, Priority, Problem, Sampler, StyleSet, schema,
};
use housestyle_testkit::plans::facts;
use housestyle_testkit::program::{housestyle, output};
use proptest::prelude::*;

const HEAD: &str = "apiVersion: housestyle/v1\nkind: Campaign\nmetadata: {name: c}\nspec:\n";
const VALID: &str = include_str!("../../specs/full.yaml");

fn lines(yaml: &str) -> Vec<String> {
    problems(yaml.as_bytes()).iter().map(ToString::to_string).collect()
}

/// The problems of a bad campaign, which must be found quickly and print on one clean line each.
fn problems(yaml: &[u8]) -> Vec<Problem> {
    let problems = Campaign::parse_bytes(yaml, "c.yaml").expect_err("this campaign should be refused");
    assert!(!problems.is_empty() && problems.len() <= limits::PROBLEMS + 1);
    for problem in &problems {
        let line = problem.to_string();
        assert!(line.chars().count() < 600 && !line.contains(|c: char| c.is_control() || c == '\u{202e}'), "{line:?}");
    }
    problems
}

/// A campaign whose `spec` ends with `rest`.
fn with(rest: &str) -> String {
    format!("{HEAD}  bundle: emoji-houses\n  styles: [noto]\n  assets: [{{categories: [fox]}}]\n{rest}")
}

#[test]
fn shipped_examples_are_valid_and_defaults_are_as_documented() {
    for file in ["demo", "minimal", "full"] {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("specs/{file}.yaml"));
        let campaign = Campaign::load(&path).unwrap_or_else(|p| panic!("{file}: {p:?}"));
        assert!(file != "demo" || (campaign.assets[0].categories.len() >= 8 && campaign.styles.len() >= 4));
    }
    let minimal = Campaign::parse(&with(""), "c.yaml").unwrap();
    assert_eq!(
        (minimal.sampler, minimal.guidance, minimal.gate),
        (Sampler::default(), Guidance::default(), Gate::default())
    );
    assert_eq!((minimal.output, minimal.priority, minimal.seed), (OutputSpec::default(), Priority::Normal, 42));
}

#[test]
fn the_committed_schemas_are_the_generated_ones() {
    for (kind, file) in
        [(DocumentKind::Campaign, "campaign"), (DocumentKind::StyleSet, "styleset"), (DocumentKind::CostModel, "costs")]
    {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("specs/{file}.schema.json"));
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        assert!(committed == schema::text(kind), "run: housestyle schema {file} > specs/{file}.schema.json");
    }
}

#[test]
fn every_problem_at_once_with_its_place() {
    let yaml = "apiVersion: housestyle/v2\nkind: Campaign\nmetadata: {name: Spring Launch, owner: 7}\nspec:\n  \
        bundel: emoji-houses\n  styles: []\n  assets:\n    - categories: [fox, fox]\n      \
                size: 65\n      count: 0\n      prompt: \"a {categroy} emoji\"\n  sampler: {name: eulr, steps: 1.5}\n  \
        guidance: {style_scale: [0.5, 1.5]}\n  seed: 1\n  seed: 2\n  rights: {until: 2027-02-30}\n  <<: {seed: 3}\n";
    assert_eq!(
        lines(yaml),
        [
            "c.yaml:1:13: apiVersion: `housestyle/v2` is not known here; known: housestyle/v1 (did you mean \
             `housestyle/v1`?)",
            "c.yaml:3:18: metadata.name: `Spring Launch` is not a name: use lower-case letters, digits and dashes (did \
             you mean `spring-launch`?)",
            "c.yaml:3:40: metadata.owner: expected a text, got the number 7 (did you mean \"7\"?)",
            "c.yaml:5:3: spec: unknown key `bundel` (did you mean `bundle`?)",
            "c.yaml:5:3: spec: the key `bundle` is missing",
            "c.yaml:6:11: spec.styles: is empty; give at least one entry",
            "c.yaml:8:25: spec.assets[0].categories[1]: `fox` stands in the list twice, first as entry 0",
            "c.yaml:9:13: spec.assets[0].size: 65 is not a multiple of 8 (did you mean 72?)",
            "c.yaml:10:14: spec.assets[0].count: expected a whole number from 1 to 10000, got the number 0",
            "c.yaml:11:15: spec.assets[0].prompt: has an unknown placeholder `{categroy}`; known: {category} (did you \
             mean `{category}`?)",
            "c.yaml:12:19: spec.sampler.name: `eulr` is not known here; known: ddim, euler, euler-a, dpmpp-2m, \
             dpmpp-2m-karras, euler-karras (did you mean `euler`?)",
            "c.yaml:12:32: spec.sampler.steps: expected a whole number from 1 to 200, got the number 1.5",
            "c.yaml:13:33: spec.guidance.style_scale[1]: expected a number from 0 to 1, got the number 1.5",
            "c.yaml:15:3: spec: the key `seed` stands here twice",
            "c.yaml:16:19: spec.rights.until: `2027-02-30` is not a day: expected one such as `2027-12-31`",
            "c.yaml:17:3: spec: unknown key `<<`; known here: bundle, priority, styles, category, assets, sampler, \
             guidance, seed, gate, output, budget, rights",
        ]
    );
}

#[test]
fn bombs_are_refused_fast() {
    let mut bomb = String::from("a: &a [x, x, x, x, x, x, x, x, x]\n");
    for (name, of) in "bcdefghij".chars().zip("abcdefghi".chars()) {
        bomb += &format!("{name}: &{name} [*{of}, *{of}, *{of}, *{of}, *{of}, *{of}, *{of}, *{of}, *{of}]\n");
    }
    assert!(lines(&bomb)[0].contains("alias"), "{:?}", lines(&bomb));
    let long = format!("a: &a \"{}\\n\"\nb: [{}]\n", "x".repeat(500_000), "*a, ".repeat(1_900));
    problems(long.as_bytes());
    for deep in [
        "[".repeat(10_000),
        format!("{}x", "- ".repeat(10_000)),
        (0..10_000).map(|i| format!("{}a:\n", " ".repeat(i % 900))).collect(),
        "{a: ".repeat(10_000),
        "? ".repeat(10_000),
    ] {
        assert_eq!(problems(deep.as_bytes()).len(), 1, "{}", &deep[..20]);
    }
    assert!(lines(&format!("{}x", "- ".repeat(40)))[0].contains("nested too deep"));
    assert!(lines(&"x".repeat(10 << 20))[0].contains("bytes"));
    assert!(lines(&with(&format!("  priority: {}\n", "x".repeat(1_000_000))))[0].contains("1000000 characters"));
    problems(with(&(0..9_000).map(|i| format!("  k{i}: 1\n")).collect::<String>()).as_bytes());
    problems(with(&"  seed: 1\n".repeat(9_000)).as_bytes());
    problems(format!("[{}]", "a,".repeat(100_000)).as_bytes());
    problems("a: &a [*a]\n".as_bytes());
    problems("- &a\n- *b\n".as_bytes());
}

#[test]
fn what_is_no_campaign_says_so() {
    for (yaml, word) in [
        ("", "has no value"),
        ("# only a comment\n", "has no value"),
        ("---\n", "has no value"),
        ("[]", "expected a mapping"),
        ("42", "expected a mapping"),
        ("a: [", "YAML"),
        ("a: 1\n---\nb: 2\n", "several documents"),
        ("a: !!binary aGk=\n", ""),
        ("a: !include x\n", "tag"),
        ("\u{0}", ""),
        ("%YAML 9.9\n---\na: 1\n", ""),
        ("? [a]\n: b\n", "key"),
    ] {
        assert!(lines(yaml)[0].contains(word), "{yaml:?}: {:?}", lines(yaml));
    }
    let not_text = problems(b"apiVersion: x\nkind: \xff\xfe\n");
    assert_eq!((not_text[0].line, not_text[0].column), (2, 7));
    assert!(not_text[0].reason.contains("UTF-8"));
    let missing = Campaign::load(std::path::Path::new("/no/such/\u{1b}[31mfile")).unwrap_err();
    assert!(!missing[0].to_string().contains('\u{1b}'));
}

#[cfg(unix)]
#[test]
fn only_plain_files_of_modest_size_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    assert!(std::process::Command::new("mkfifo").arg(place("pipe.yaml")).status().unwrap().success());
    std::fs::File::create(place("endless.yaml")).unwrap().set_len(1 << 40).unwrap();
    for (path, word) in [
        (place("pipe.yaml"), "plain file"),
        (folder.path().to_owned(), "plain file"),
        ("/dev/zero".into(), "plain file"),
        (place("endless.yaml"), "more than 1048576 bytes"),
    ] {
        let problems = Campaign::load(&path).unwrap_err();
        assert!(problems.len() == 1 && problems[0].reason.contains(word), "{problems:?}");
        assert_eq!(StyleSet::load(&path).unwrap_err(), problems);
    }
    let (code, _, stderr) = output(housestyle(folder.path(), &["check", "pipe.yaml"]));
    assert!(code == 2 && stderr.contains("pipe.yaml: cannot be read: it is not a plain file"), "{stderr}");
}

#[test]
fn names_cannot_leave_their_place() {
    for name in [
        "../x",
        "/etc/passwd",
        "a\\0b",
        "%2e%2e%2f",
        "a\\e[31mb",
        "a\\r\\nb",
        "\\u202Exof",
        "<script>",
        "C:\\\\x",
        "",
        ".",
    ] {
        for yaml in [
            format!("{HEAD}  bundle: \"{name}\"\n  styles: [noto]\n  assets: [{{categories: [fox]}}]\n"),
            format!("{HEAD}  bundle: b\n  styles: [\"{name}\"]\n  assets: [{{categories: [fox]}}]\n"),
            format!("{HEAD}  bundle: b\n  styles: [noto]\n  assets: [{{categories: [\"{name}\"]}}]\n"),
            with("").replace("{name: c}", &format!("{{name: \"{name}\"}}")),
            with("").replace("{name: c}", &format!("{{name: c, labels: {{\"{name}\": x}}}}")),
            with(&format!("  output: {{name: \"{name}\"}}\n")),
        ] {
            assert_eq!(lines(&yaml).len(), 1, "{yaml}");
        }
    }
    for text in ["a\\u202Eb {category}", "a\\e[31m {category}", "a\\r {category}", "a\\0 {category}"] {
        assert_eq!(lines(&with("").replace("[fox]", &format!("[fox], prompt: \"{text}\""))).len(), 1, "{text}");
        assert_eq!(
            lines(&with("").replace("{name: c}", &format!("{{name: c, owner: \"{text}\"}}"))).len(),
            1,
            "{text}"
        );
    }
    let keys = with("  \"\\e[31m\\r\\n\\u202E\": 1\n");
    assert_eq!(lines(&keys).len(), 1);
}

#[test]
fn numbers_have_limits() {
    for rest in [
        "guidance: {style: .nan}",
        "guidance: {style: .inf}",
        "guidance: {style: -.inf}",
        "guidance: {style: 1e999}",
        "guidance: {style: -1}",
        "guidance: {style: 31}",
        "guidance: {style: \"3\"}",
        "guidance: {style_scale: 1.01}",
        "guidance: {style_scale: []}",
        "guidance: {style_scale: .nan}",
        "seed: -1",
        "seed: 1.5",
        "seed: 18446744073709551616",
        "seed: 1e400",
        "seed: yes",
        "gate: {style: 1.1}",
        "gate: {attempts: 0}",
        "gate: {attempts: 1000000}",
        "sampler: {steps: 0}",
        "sampler: {steps: 999999999999999999999999999}",
        "sampler: 5",
        "sampler: []",
        "sampler:",
        "budget: {max_cost: .nan, currency: USD}",
        "budget: {max_cost: -1, currency: USD}",
        "budget: {max_cost: 1, currency: dollars}",
        "budget: {max_cost: 1e300, currency: USD}",
        "priority: urgent",
        "output: {format: tiff}",
    ] {
        assert_eq!(lines(&with(&format!("  {rest}\n"))).len(), 1, "{rest}: {:?}", lines(&with(&format!("  {rest}\n"))));
    }
    for asset in [
        "size: 50000",
        "size: 0",
        "size: -64",
        "size: 63",
        "count: 0",
        "count: -1",
        "count: 4294967296",
        "count: 1.0e9",
        "count: two",
        "size: [64]",
    ] {
        assert_eq!(lines(&with("").replace("[fox]", &format!("[fox], {asset}"))).len(), 1, "{asset}");
    }
    let many: Vec<String> = (0..20).map(|i| format!("c{i}")).collect();
    let text = lines(&with("").replace("[fox]", &format!("[{}], count: 10000", many.join(", "))));
    assert!(text[0].contains("asks for 200000 images"), "{text:?}");
    assert!(Campaign::parse(&with("  seed: 18446744073709551615\n"), "c").is_ok());
}

#[test]
fn prompts_and_templates_are_checked() {
    for (asset, word) in [
        ("prompt: \"{style}\"", "placeholder"),
        ("prompt: \"{category\"", "brace"),
        ("prompt: \"\"", "empty"),
        ("negative: \"{x}\"", "placeholder"),
        ("prompt: 5", "text"),
    ] {
        assert!(lines(&with("").replace("[fox]", &format!("[fox], {asset}")))[0].contains(word), "{asset}");
    }
    assert!(lines(&with("").replace("[fox]", "[fox, cat], prompt: a fox"))[0].contains("{category}"));
    let long = format!("[fox], prompt: \"{}\"", "x".repeat(1_500));
    assert!(lines(&with("").replace("[fox]", &long))[0].contains("1500 characters"));
    for name in ["{job}", "{category", "a/b", "..", "{index}.png"] {
        assert_eq!(lines(&with(&format!("  output: {{name: \"{name}\"}}\n"))).len(), 1, "{name}");
    }
    let block = with("").replace(
        "[{categories: [fox]}]",
        "\n    - categories: [fox]\n      prompt: >\n        a {category}\n        emoji\n",
    );
    assert_eq!(Campaign::parse(&block, "c").unwrap().assets[0].prompt.as_deref(), Some("a {category} emoji"));
}

#[test]
fn aliases_and_places_work() {
    let yaml = format!(
        "{HEAD}  bundle: b\n  styles: [noto]\n  assets:\n    \
         - {{categories: &c [fox, cat], prompt: 'a {{category}}'}}\n    - {{categories: *c, count: 2}}\n"
    );
    let campaign = Campaign::parse(&yaml, "c.yaml").unwrap();
    assert_eq!(campaign.images(), 6);
    assert_eq!(campaign.place("spec.assets[1].categories"), (9, 20));
    assert_eq!(campaign.place("spec.guidance.style_scale"), campaign.place("spec"));
    assert_eq!(campaign.problem("spec.styles[0]", "x", None).to_string(), "c.yaml:6:12: spec.styles[0]: x");
}

/// What a damaged file holds instead of what was there.
pub(crate) const PIECES: [&str; 19] = [
    "", ":", "\n", "  ", "[", "}", "null", "-1", ".nan", "\"", "*a", "&a ", "\u{202e}", "\t", "- ", "1e309", "{}",
    "../", "!!str ",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,200}|[\\x00-\\x7f]{0,200}|([-?:,\\[\\]{}#&*!|>'\"%@` \n\
        ]|[a-c]){0,80}") {
        if let Err(problems) = Campaign::parse(&text, "c") {
            prop_assert!(!problems.is_empty());
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Campaign::parse_bytes(&bytes, "c").is_err());
    }

    /// A valid campaign with some of its text cut, doubled or replaced.
    #[test]
    fn damaged_campaigns_are_read_or_refused(
        cuts in prop::collection::vec((0usize..VALID.len(), 0usize..40, prop::sample::select(&PIECES)), 1..4),
    ) {
        let mut text: Vec<char> = VALID.chars().collect();
        for (at, length, insert) in cuts {
            let at = at.min(text.len());
            let end = (at + length).min(text.len());
            text.splice(at..end, insert.chars());
        }
        let text: String = text.into_iter().collect();
        // What could be read of it is held against a bundle all the same.
        let draft = CampaignDraft::parse(&text, "c");
        let rates = Rates { cost_per_hour: 1.0, currency: Currency::USD };
        let catalog = StyleCatalog::of_bundle(facts());
        let found = draft.readable().and_then(|campaign| check(campaign, &catalog, &rates).err()).unwrap_or_default();
        prop_assert!(draft.is_whole() == Campaign::parse(&text, "c").is_ok());
        prop_assert!(draft.finish(found).is_err(), "the stub bundle has another name");
        match Campaign::parse(&text, "c") {
            Ok(campaign) => prop_assert!(campaign.images() <= limits::JOBS && campaign.source == text),
            Err(problems) => prop_assert!(problems.iter().all(|p| !p.to_string().contains(char::is_control))),
        }
    }
}
