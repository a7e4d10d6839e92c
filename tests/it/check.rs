//! What `check` and `plan` say is what `run` would say, before anything is made.

use std::path::Path;

use housestyle_testkit::files::files;
use housestyle_testkit::program::{housestyle, output};

/// Nothing is wrong with it.
const GOOD: &str = "apiVersion: housestyle/v1
kind: Campaign
metadata: {name: good}
spec:
  bundle: tiny
  styles: [flat, line]
  assets:
    - {categories: [fox, doughnut]}
  sampler: {name: ddim, steps: 3}
  gate: {style: 0, category: 0, attempts: 1}
";

/// Exit code, standard output and standard error of a command on a file with this text.
fn say(folder: &Path, command: &str, yaml: &str) -> (i32, String, String) {
    std::fs::write(folder.join("c.yaml"), yaml).unwrap();
    output(housestyle(folder, &[command, "c.yaml"]))
}

/// The problem lines of what was said.
fn problems(stderr: &str) -> Vec<&str> {
    stderr.lines().filter(|line| line.starts_with("c.yaml:")).collect()
}

/// A copy of the tiny bundle with a change to one of its files.
fn changed_bundle(folder: &Path, file: &str, change: impl FnOnce(String) -> String) {
    let tiny = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tiny");
    for (name, bytes) in files(&tiny) {
        let place = folder.join("bundles/tiny").join(name);
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        std::fs::write(place, bytes).unwrap();
    }
    let place = folder.join("bundles/tiny").join(file);
    std::fs::write(&place, change(std::fs::read_to_string(&place).unwrap())).unwrap();
}

#[test]
fn check_plan_and_run_refuse_the_same_with_the_same_code() {
    let folder = tempfile::tempdir().unwrap();
    let digest = housestyle::base::digest::Digest::of("nobody's");
    for (yaml, code, place, word) in [
        (GOOD.replace("line]", "glossy]"), 2, "c.yaml:6:18: spec.styles[1]: ", "CC-BY-SA-4.0"),
        (
            format!("{GOOD}  budget: {{max_cost: 0, currency: USD}}\n"),
            2,
            "c.yaml:11:22: spec.budget.max_cost: ",
            "over the budget",
        ),
        (GOOD.replace("[fox,", "[foxx,"), 2, "c.yaml:8:21: spec.assets[0].categories[0]: ", "did you mean `fox`"),
        (GOOD.replace("bundle: tiny", "bundle: tinny"), 4, "", "no bundle named tinny"),
        (GOOD.replace("bundle: tiny", &format!("bundle: tiny@{digest}")), 4, "", "has digest"),
    ] {
        for command in ["check", "plan", "run"] {
            let (found, _, stderr) = say(folder.path(), command, &yaml);
            assert_eq!(found, code, "{command}: {stderr}");
            let told = place.is_empty() || problems(&stderr).iter().any(|line| line.starts_with(place));
            assert!(told && stderr.contains(word), "{command}: {stderr}");
            assert!(!folder.path().join("out").exists(), "{command} left something behind");
        }
    }
    let (code, stdout, _) = say(folder.path(), "check", GOOD);
    assert!(code == 0 && stdout == "c.yaml: ok, 4 image(s)\n", "{stdout}");
}

#[test]
fn a_broken_bundle_is_found_by_check() {
    let folder = tempfile::tempdir().unwrap();
    changed_bundle(folder.path(), "tokenizer/tokenizer.json", |json| json + " ");
    std::fs::write(folder.path().join("c.yaml"), GOOD).unwrap();
    for command in ["check", "plan", "run"] {
        let (code, _, stderr) = output(housestyle(folder.path(), &[command, "c.yaml", "--bundles", "bundles"]));
        assert!(code == 4 && stderr.contains("tokenizer/tokenizer.json in "), "{command}: {stderr}");
    }
}

#[test]
fn a_style_unknown_to_the_evaluator_is_refused_before_any_attempt() {
    let folder = tempfile::tempdir().unwrap();
    changed_bundle(folder.path(), "bundle.yaml", |yaml| {
        let (before, evaluator) = yaml.split_once("  evaluator:").unwrap();
        format!("{before}  evaluator:{}", evaluator.replacen("- line", "- watercolour", 1))
    });
    for (gate, code) in [("style: 0.5", 2), ("style: 0", 0)] {
        std::fs::write(folder.path().join("c.yaml"), GOOD.replace("style: 0", gate)).unwrap();
        let (found, _, stderr) = output(housestyle(folder.path(), &["check", "c.yaml", "--bundles", "bundles"]));
        assert_eq!(found, code, "{stderr}");
        let line = "c.yaml:6:18: spec.styles[1]: the evaluator of the bundle tiny does not know the style `line`";
        assert_eq!(problems(&stderr).iter().any(|told| told.starts_with(line)), code == 2, "{stderr}");
    }
}

#[test]
fn prompts_over_the_tokenizers_limit_are_refused_with_the_count() {
    let folder = tempfile::tempdir().unwrap();
    let long = "a very long prompt about a {category} with many words ".repeat(8);
    for (asset, place) in [
        (format!("prompt: \"{long}\""), "c.yaml:8:45: spec.assets[0].prompt: for `fox`, the prompt "),
        (format!("negative: \"{long}\""), "c.yaml:8:47: spec.assets[0].negative: for `fox`, the prompt "),
    ] {
        let yaml = GOOD.replace("doughnut]", &format!("doughnut], {asset}"));
        for command in ["check", "plan", "run"] {
            let (code, _, stderr) = say(folder.path(), command, &yaml);
            let told = problems(&stderr);
            assert!(code == 2 && told.len() == 1 && told[0].starts_with(place), "{command}: {stderr}");
            assert!(told[0].contains(" tokens; the bundle's text encoder takes 24 "), "{command}: {stderr}");
        }
    }
    // A prompt that fits alone, but not with the look of a style, which the bundle adds.
    let yaml = GOOD.replace("doughnut]", "doughnut], prompt: \"a {category} with a hat and a nose\"");
    let (code, _, stderr) = say(folder.path(), "check", &yaml);
    assert!(code == 2 && stderr.contains("spec.assets[0].prompt: for `fox` in `flat`, the prompt"), "{stderr}");
}

#[test]
fn what_is_wrong_with_the_file_and_with_the_bundle_is_told_together() {
    let folder = tempfile::tempdir().unwrap();
    let yaml =
        GOOD.replace("[flat, line]", "[flatt, glossy]").replace("steps: 3", "stepz: 3").replace("[fox,", "[7, foxx,");
    for command in ["check", "plan", "run"] {
        let (code, _, stderr) = say(folder.path(), command, &yaml);
        let told = problems(&stderr);
        let told: Vec<&str> = told.into_iter().filter(|line| !line.contains("problem(s)")).collect();
        assert_eq!((code, told.len()), (2, 5), "{command}: {stderr}");
        for (line, part) in told.iter().zip([
            "6:12: spec.styles[0]: the bundle tiny has no style `flatt`",
            "6:19: spec.styles[1]: the rights of `glossy`",
            "8:21: spec.assets[0].categories[0]: expected a text",
            "8:24: spec.assets[0].categories[1]: the bundle tiny has no category `foxx`",
            "9:25: spec.sampler: unknown key `stepz` (did you mean `steps`?)",
        ]) {
            assert!(line.starts_with(&format!("c.yaml:{part}")), "{command}: {line}");
        }
    }
    // Without the bundle, the file's own problems are told all the same.
    let (code, _, stderr) = say(folder.path(), "check", &yaml.replace("bundle: tiny", "bundle: tinny"));
    assert!(code == 4 && stderr.contains("spec.sampler: unknown key `stepz`"), "{stderr}");
    assert!(stderr.contains("no bundle named tinny") && stderr.contains("hint: "), "{stderr}");
}

#[test]
fn a_plan_that_may_not_be_made_is_shown_and_no_success() {
    let folder = tempfile::tempdir().unwrap();
    let yaml = format!("{}  budget: {{max_cost: 0, currency: USD}}\n", GOOD.replace("line]", "glossy]"));
    std::fs::write(folder.path().join("c.yaml"), yaml).unwrap();
    let (code, stdout, stderr) = output(housestyle(folder.path(), &["plan", "c.yaml"]));
    assert!(code == 2 && stdout.contains("refused: glossy") && stdout.contains("over 0.00 USD"), "{stdout}{stderr}");
    assert_eq!(problems(&stderr).len(), 2, "{stderr}");
    let (code, stdout, _) = output(housestyle(folder.path(), &["plan", "c.yaml", "--json"]));
    let plan: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, plan["jobs"].as_array().unwrap().len()), (2, 4), "the plan, alone");
}

#[test]
fn every_file_is_told_of_whatever_the_others_are() {
    let folder = tempfile::tempdir().unwrap();
    let gone = GOOD.replace("bundle: tiny", "bundle: tinny");
    for (name, yaml) in [("good", GOOD), ("bad", "x: 1\n"), ("gone", &gone), ("last", GOOD)] {
        std::fs::write(folder.path().join(format!("{name}.yaml")), yaml).unwrap();
    }
    let args = ["check", "good.yaml", "bad.yaml", "gone.yaml", "none.yaml", "last.yaml"];
    let (code, stdout, stderr) = output(housestyle(folder.path(), &args));
    assert_eq!(code, 4, "{stderr}");
    let told: Vec<&str> = stdout.lines().collect();
    for (line, part) in told.iter().zip([
        "good.yaml: ok, 4",
        "bad.yaml: 5 pro",
        "gone.yaml: what",
        "none.yaml: 1 pro",
        "last.yaml: ok, 4",
    ]) {
        assert!(line.starts_with(part), "{stdout}");
    }
    assert_eq!(told.len(), 5, "{stdout}");
    let (code, stdout, _) = output(housestyle(folder.path(), &[&args[..], &["--json"]].concat()));
    let report: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, &report["files"], report["problems"].as_array().unwrap().len()), (4, &5.into(), 6), "{report:#}");
    assert_eq!(report["without_bundle"][0][0], "gone.yaml");
}
