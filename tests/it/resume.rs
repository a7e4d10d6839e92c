//! The real binary on the tiny bundle: kill -9 at any point, SIGTERM, two at once, and what `reproduce` and `doctor`
//! say.
//!
//! Nothing in the binary helps these tests: they watch its folder and kill it when the nth file appears. A machine that
//! has finished the campaign by then gets a longer one ([`until_met`]).

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use housestyle_testkit::files::{files, images, is_outcome};
use housestyle_testkit::needs;
use housestyle_testkit::program::{housestyle, output, repository, terminate};
use housestyle_testkit::wait::wait_for;

/// 2 styles × 3 categories × 4; half of the jobs miss the gate at times, as the weights are random.
const CAMPAIGN: &str = "apiVersion: housestyle/v1
kind: Campaign
metadata: {name: resume}
spec:
  bundle: tiny
  styles: [flat, line]
  assets:
    - {categories: [fox, rocket, teapot], count: 4}
  sampler: {name: euler-a, steps: 12}
  gate: {style: 0.34, category: 0.0, attempts: 2}
  seed: 7
";
const JOBS: usize = 24;

fn folder() -> tempfile::TempDir {
    folder_with(CAMPAIGN)
}

fn folder_with(campaign: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("c.yaml"), campaign).unwrap();
    folder
}

/// Tries with twice the jobs each time, until a run was met at work: `met` says whether it was.
fn until_met(met: impl Fn(&str, usize) -> bool) {
    let mut times = 1;
    while !met(&CAMPAIGN.replace("count: 4", &format!("count: {}", 4 * times)), JOBS * times) {
        times *= 2;
    }
}

fn run(folder: &Path, batch: &str) -> Command {
    let mut command = housestyle(folder, &["run", "c.yaml", "--json"]);
    command.env("HOUSESTYLE_MAX_BATCH", batch);
    command
}

/// Runs the campaign of 24 jobs to the end.
fn finish(folder: &Path, batch: &str) -> serde_json::Value {
    finish_all(folder, batch, JOBS)
}

/// Runs to the end; whether some assets were rejected is chance here, so 0 and 3 are both fine.
fn finish_all(folder: &Path, batch: &str, jobs: usize) -> serde_json::Value {
    let (code, stdout, stderr) = output(run(folder, batch));
    assert!(code == 0 || code == 3, "exit code {code}\n{stderr}");
    let report: serde_json::Value = serde_json::from_str(&stdout).expect("JSON and nothing else");
    assert_eq!((report["complete"].as_bool(), report["jobs"].as_u64()), (Some(true), Some(jobs as u64)));
    report
}

/// Starts a run and calls `act` once `count` files that end in `ending` are there. False if it ended before.
fn when(folder: &Path, ending: &str, count: usize, act: impl FnOnce(&mut Child)) -> bool {
    let mut child = run(folder, "2").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let there = |name: &String| name.ends_with(ending) && is_outcome(name);
    let reached = wait_for("the run to get so far", || {
        let reached = files(&folder.join("out")).keys().filter(|name| there(name)).count() >= count;
        let ended = child.try_wait().unwrap().is_some();
        (reached || ended).then_some(!ended)
    });
    if reached {
        act(&mut child);
        child.wait().unwrap();
    }
    reached
}

fn sidecars(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let is_one = |name: &str| name.ends_with(".json") && is_outcome(name);
    files(&folder.join("out")).into_iter().filter(|(name, _)| is_one(name)).collect()
}

/// Everything a finished campaign must look like, whatever happened on the way.
fn assert_one_outcome_a_job(folder: &Path, reference: &BTreeMap<String, Vec<u8>>, jobs: usize) {
    assert_eq!(images(&folder.join("out")), *reference, "another image than an undisturbed run gives");
    let stems: Vec<String> = sidecars(folder).into_keys().map(|n| n.rsplit('/').next().unwrap().to_owned()).collect();
    let mut distinct = stems.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!((stems.len(), distinct.len()), (jobs, jobs), "each job has exactly one outcome");
    let all = files(&folder.join("out"));
    assert!(all.keys().all(|name| !name.contains("unfinished")), "{:?}", all.keys());
    let manifest = all.iter().find(|(name, _)| name.ends_with("manifest.jsonl")).unwrap().1;
    assert_eq!(manifest.split(|b| *b == b'\n').filter(|line| !line.is_empty()).count(), jobs);
    assert!(all.keys().any(|name| name.ends_with("contact-sheet.png")));
}

#[test]
fn killed_anywhere_it_goes_on_to_the_same_end() {
    needs!(Runtime);
    until_met(|campaign, jobs| killed_anywhere(campaign, jobs) >= 3);
}

/// Kills runs of the campaign and finishes it; returns how many were killed at work.
fn killed_anywhere(campaign: &str, jobs: usize) -> usize {
    let undisturbed = folder_with(campaign);
    finish_all(undisturbed.path(), "16", jobs);
    let reference = images(&undisturbed.path().join("out"));
    assert_one_outcome_a_job(undisturbed.path(), &reference, jobs);

    let disturbed = folder_with(campaign);
    let mut kills = 0;
    for (ending, count) in
        [(".png", 1), (".json", 2), (".png", 5), (".png", 6), (".json", 9), (".png", 14), (".json", 20)]
    {
        let before = sidecars(disturbed.path());
        kills += usize::from(when(disturbed.path(), ending, count, |child| child.kill().unwrap()));
        let after = sidecars(disturbed.path());
        assert!(before.iter().all(|(name, bytes)| after.get(name) == Some(bytes)), "something finished was touched");
    }
    let before = sidecars(disturbed.path());
    let report = finish_all(disturbed.path(), "3", jobs);
    assert_eq!(report["found"].as_u64(), Some(before.len() as u64));
    assert_eq!(report["made_now"].as_u64(), Some((jobs - before.len()) as u64));
    let after = sidecars(disturbed.path());
    assert!(before.iter().all(|(name, bytes)| after.get(name) == Some(bytes)), "nothing finished is made twice");
    assert_one_outcome_a_job(disturbed.path(), &reference, jobs);

    let again = finish_all(disturbed.path(), "3", jobs);
    assert_eq!(again["made_now"].as_u64(), Some(0), "resubmitting gives the first result back");
    assert_eq!(again["summary"]["total"]["made"], report["summary"]["total"]["made"]);
    assert_one_outcome_a_job(disturbed.path(), &reference, jobs);
    kills
}

#[cfg(unix)]
/// Whatever lies in the folder, what is said about the campaign is true, also when a run ends before it made anything.
#[test]
fn damage_is_mended_and_completeness_never_claimed_falsely() {
    needs!(Runtime);
    let folder = folder();
    let report = finish(folder.path(), "8");
    assert!(
        report["evaluator"]["style"].is_number(),
        "the evaluator's own accuracy stands beside its scores: {report:#}"
    );
    let whole = files(&folder.path().join("out"));
    let find = |ending: &str| whole.keys().find(|name| name.ends_with(ending)).unwrap().clone();
    let path = |name: &str| folder.path().join("out").join(name);
    let (campaign, plan, manifest, sheet) =
        (find("campaign.yaml"), find("plan.json"), find("manifest.jsonl"), find("contact-sheet.png"));
    for name in [&campaign, &plan, &manifest] {
        std::fs::write(path(name), "forged").unwrap();
    }
    let sidecar = sidecars(folder.path()).into_keys().next().unwrap();
    std::fs::remove_file(path(&sidecar)).unwrap();

    let mut command = run(folder.path(), "8");
    command.env("HOUSESTYLE_RUNTIME_LIBRARY", "none.so");
    assert_eq!(output(command).0, 4);
    assert!(!path(&manifest).exists() && !path(&sheet).exists(), "they say that nothing is missing");

    let report = finish(folder.path(), "8");
    assert_eq!(report["found"].as_u64(), Some(JOBS as u64 - 1));
    let mended = files(&folder.path().join("out"));
    for name in [&campaign, &plan, &manifest] {
        assert!(mended.get(name) == whole.get(name), "{name} is as it was");
    }
    assert!(mended.contains_key(&sheet));
    let (_, stdout, _) = output(housestyle(folder.path(), &["run", "c.yaml"]));
    assert!(stdout.contains("the evaluator itself, on "), "{stdout}");
}

#[test]
fn sigterm_stops_it_and_running_again_goes_on() {
    needs!(Runtime);
    until_met(|campaign, jobs| {
        let folder = folder_with(campaign);
        let mut code = None;
        let stopped = when(folder.path(), ".json", 2, |child| {
            terminate(child);
            code = child.wait().unwrap().code();
        });
        let before = sidecars(folder.path()).len();
        if !stopped || before == jobs {
            return false;
        }
        assert_eq!(code, Some(130));
        assert!(before >= 2, "something finished is gone");
        assert!(files(folder.path()).keys().all(|name| !name.contains("unfinished")));
        assert_eq!(finish_all(folder.path(), "4", jobs)["found"].as_u64(), Some(before as u64));
        true
    });
}

#[test]
fn two_at_once_do_not_double_work() {
    needs!(Runtime);
    until_met(|campaign, jobs| {
        let folder = folder_with(campaign);
        let mut met = false;
        when(folder.path(), ".png", 1, |child| {
            let (code, _, stderr) = output(run(folder.path(), "2"));
            met = child.try_wait().unwrap().is_none();
            if met {
                assert_eq!(code, 4, "{stderr}");
                assert!(stderr.contains("another housestyle"), "{stderr}");
            }
        });
        assert_eq!(sidecars(folder.path()).len(), jobs);
        met
    });
}

/// Whom it belongs to, when, at what price and for what use decides no image.
#[test]
fn another_owner_priority_or_budget_resumes_the_same_folder() {
    needs!(Runtime);
    let folder = folder();
    finish(folder.path(), "16");
    let before = images(&folder.path().join("out"));
    let changed = CAMPAIGN.replace("{name: resume}", "{name: resume, owner: bob, labels: {season: spring}}")
        + "  priority: high\n  budget: {max_cost: 9, currency: USD}\n  rights: {channels: [web]}\n";
    std::fs::write(folder.path().join("c.yaml"), &changed).unwrap();
    let report = finish(folder.path(), "16");
    assert_eq!((&report["found"], &report["made_now"]), (&JOBS.into(), &0.into()));
    assert_eq!(images(&folder.path().join("out")), before);
    let all = files(&folder.path().join("out"));
    let kept: Vec<&Vec<u8>> =
        all.iter().filter(|(name, _)| name.ends_with("campaign.yaml")).map(|(_, bytes)| bytes).collect();
    assert_eq!(kept, [changed.as_bytes()], "one folder, with what was submitted last");
    assert!(
        all.iter()
            .any(|(name, bytes)| name.ends_with("plan.json") && String::from_utf8_lossy(bytes).contains("\"high\""))
    );
}

#[test]
fn run_again_it_tries_what_failed_once_more() {
    needs!(Runtime);
    let folder = folder();
    finish(folder.path(), "4");
    let before = images(&folder.path().join("out"));
    // As two are left behind that could not be made.
    for (name, bytes) in sidecars(folder.path()).into_iter().take(2) {
        let mut sidecar: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        sidecar["outcome"] = "failed".into();
        (sidecar["chosen"], sidecar["image"]) = Default::default();
        let place = folder.path().join("out").join(&name);
        std::fs::remove_file(&place).unwrap();
        std::fs::remove_file(place.with_extension("png")).unwrap();
        let shelf = place.parent().unwrap().with_file_name("rejected");
        std::fs::create_dir_all(&shelf).unwrap();
        std::fs::write(shelf.join(place.file_name().unwrap()), sidecar.to_string()).unwrap();
    }
    let report = finish(folder.path(), "4");
    assert_eq!((&report["found"], &report["made_now"]), (&(JOBS - 2).into(), &2.into()));
    assert_eq!(report["summary"]["total"]["failed"], 0);
    assert_eq!(images(&folder.path().join("out")), before);
}

#[test]
fn reproduces_from_the_sidecar_alone() {
    needs!(Runtime);
    let folder = folder();
    finish(folder.path(), "5");
    let name = sidecars(folder.path()).into_keys().next().unwrap();
    let reproduce = |rest: &[&str]| {
        let path = format!("out/{name}");
        let args: Vec<&str> = ["reproduce", &path, "--json"].into_iter().chain(rest.iter().copied()).collect();
        let (code, stdout, stderr) = output(housestyle(folder.path(), &args));
        (code, serde_json::from_str::<serde_json::Value>(&stdout).unwrap_or_default(), stderr)
    };
    let (code, report, stderr) = reproduce(&["--out", "again.png"]);
    assert_eq!((code, &report["identical"], &report["old_file"]), (0, &true.into(), &"as_recorded".into()), "{stderr}");
    let old = folder.path().join("out").join(name.replace(".json", ".png"));
    assert_eq!(std::fs::read(folder.path().join("again.png")).unwrap(), std::fs::read(&old).unwrap());

    image::RgbImage::new(16, 16).save(&old).unwrap();
    let (code, report, _) = reproduce(&[]);
    assert_eq!((code, &report["identical"], &report["within_tolerance"]), (3, &true.into(), &false.into()));
    assert_eq!(report["old_file"], "changed");

    let honest = std::fs::read(folder.path().join("again.png")).unwrap();
    let same_pixels_other_text = image::load_from_memory(&honest).unwrap().into_rgb8();
    same_pixels_other_text.save(&old).unwrap();
    let (code, report, _) = reproduce(&[]);
    assert_eq!((code, &report["within_tolerance"], &report["old_file"]), (3, &true.into(), &"changed".into()));

    std::fs::write(&old, &honest[..honest.len() / 2]).unwrap();
    let (code, report, stderr) = reproduce(&["--out", "once-more.png"]);
    assert_eq!(
        (code, &report["identical"], &report["deviation"]),
        (3, &true.into(), &serde_json::Value::Null),
        "{stderr}"
    );
    assert!(report["damage"].as_str().unwrap().contains("PNG"), "{report}");
    assert_eq!(std::fs::read(folder.path().join("once-more.png")).unwrap(), honest, "damage is no reason not to write");

    std::fs::remove_file(&old).unwrap();
    assert_eq!((reproduce(&[]).0, &reproduce(&[]).1["old_file"]), (0, &"gone".into()));

    std::fs::write(&old, &honest).unwrap();
    for input in [name.clone(), name.replace(".json", ".png")] {
        let (code, _, stderr) = reproduce(&["--out", &format!("out/{input}")]);
        assert_eq!(code, 2, "{stderr}");
        assert!(stderr.contains("would overwrite"), "{stderr}");
    }
    let (code, _, stderr) = reproduce(&["--out", "."]);
    assert!(code == 4 && stderr.contains("hint: "), "{stderr}");

    let sidecar = folder.path().join("out").join(&name);
    let text = std::fs::read_to_string(&sidecar).unwrap();
    let too_much = text.replace("\"category\": 3.0", "\"category\": 1e38");
    assert_ne!(too_much, text);
    std::fs::write(&sidecar, too_much).unwrap();
    let (code, report, stderr) = reproduce(&["--out", "never.png"]);
    assert_eq!(
        (code, &report["within_tolerance"], &report["written"]),
        (3, &false.into(), &serde_json::Value::Null),
        "{stderr}"
    );
    assert!(report["failure"].as_str().unwrap().contains("not finite"), "{report:#}");
    let digest = text.split("\"sha256:").nth(1).unwrap()[..64].to_owned();
    std::fs::write(&sidecar, text.replace(&digest, &"0".repeat(64))).unwrap();
    let (code, _, stderr) = reproduce(&[]);
    assert_eq!(code, 4, "{stderr}");
    assert!(stderr.contains("has digest") && stderr.contains("000000"), "{stderr}");

    for bad in ["", "{}", "[[[[", &text[..text.len() / 2]] {
        std::fs::write(&sidecar, bad).unwrap();
        let (code, _, stderr) = reproduce(&[]);
        assert_eq!(code, 2, "{stderr}");
        assert!(!stderr.contains("delete"), "advises to delete a file it knows nothing about: {stderr}");
    }
}

#[test]
fn refuses_before_anything_is_made() {
    let folder = folder();
    let refused = |yaml: &str, args: &[&str], code: i32, word: &str| {
        std::fs::write(folder.path().join("c.yaml"), yaml).unwrap();
        let (found, _, stderr) = output(housestyle(folder.path(), args));
        assert_eq!(found, code, "{args:?}: {stderr}");
        assert!(stderr.contains(word), "{args:?}: {stderr}");
        assert!(!folder.path().join("out").exists(), "{args:?} left something behind");
    };
    let poor = format!("{CAMPAIGN}  budget: {{max_cost: 0.0000001, currency: USD}}\n");
    refused(&poor, &["run", "c.yaml"], 2, "spec.budget.max_cost: the estimate, ");
    refused(CAMPAIGN, &["run", "c.yaml", "--out", "ftp://host/x"], 2, "cannot write to ftp://");
    refused(CAMPAIGN, &["run", "c.yaml", "--out", "s3://B/x"], 2, "is not a valid bucket name");
    refused(CAMPAIGN, &["run", "c.yaml", "--provider", "abacus"], 2, "provider");
    refused(CAMPAIGN, &["run", "none.yaml"], 2, "none.yaml");
    refused(&CAMPAIGN.replace("tiny", "giant"), &["run", "c.yaml"], 4, "no bundle named giant");
    refused(&CAMPAIGN.replace("flat,", "flta,"), &["run", "c.yaml"], 2, "flat");
    // The tiny bundle's third style is CC-BY-SA: share-alike is refused by default, by name.
    refused(
        &CAMPAIGN.replace("line]", "glossy]"),
        &["run", "c.yaml"],
        2,
        "spec.styles[1]: the rights of `glossy` (CC-BY-SA-4.0",
    );
}

#[cfg(target_os = "linux")]
#[test]
fn an_output_folder_that_cannot_be_one_is_unavailable_with_a_hint() {
    let folder = folder();
    for out in ["c.yaml", "c.yaml/below", "/proc/nowhere", "/dev/null"] {
        let (code, _, stderr) = output(housestyle(folder.path(), &["run", "c.yaml", "--out", out]));
        assert!(code == 4 && stderr.contains("hint: "), "{out}: {stderr}");
    }
    let (code, _, stderr) = output(housestyle(folder.path(), &["plan", "c.yaml", "--config", "/dev/zero"]));
    assert!(code == 2 && stderr.contains("not a plain file"), "{stderr}");
}

/// Where nothing can be written any more, the exit code still says what happened.
#[cfg(target_os = "linux")]
#[test]
fn a_full_standard_output_or_error_is_no_success_and_no_panic() {
    let full = || std::fs::File::options().write(true).open("/dev/full").unwrap();
    let folder = folder();
    let status = |args: &[&str]| housestyle(folder.path(), args).stdout(full()).stderr(full()).status().unwrap().code();
    assert_eq!(status(&["run", "missing.yaml"]), Some(2));
    for args in [
        &["plan", "c.yaml", "--json"][..],
        &["plan", "c.yaml"],
        &["check", "c.yaml"],
        &["schema"],
        &["completions", "bash"],
        &["doctor"],
        &["--help"],
    ] {
        assert_eq!(status(args), Some(4), "{args:?}");
    }
}

/// A program that reads standard output gets one document, whatever happens.
#[test]
fn a_failure_is_a_json_document_too() {
    let folder = folder();
    std::fs::write(
        folder.path().join("bad.yaml"),
        CAMPAIGN.replace("steps: 12", "steps: -1").replace("seed: 7", "sed: 7"),
    )
    .unwrap();
    let json = |args: &[&str]| {
        let (code, stdout, stderr) = output(housestyle(folder.path(), args));
        let document: serde_json::Value =
            serde_json::from_str(&stdout).unwrap_or_else(|e| panic!("{args:?}: {e}: {stdout}"));
        (code, document, stderr)
    };
    let (code, document, stderr) = json(&["run", "bad.yaml", "--json"]);
    assert_eq!((code, &document["exit"], &document["error"]["kind"]), (2, &2.into(), &"invalid".into()), "{stderr}");
    let problems = document["error"]["problems"].as_array().unwrap();
    assert_eq!(problems.len(), 2, "{document:#}");
    assert!(problems.iter().all(|p| p["line"].as_u64().unwrap() > 0 && stderr.contains(p["reason"].as_str().unwrap())));
    for (args, exit, kind) in [
        (&["run", "c.yaml", "--json", "--bundles", "nowhere"][..], 4, "unavailable"),
        (&["plan", "none.yaml", "--json"], 2, "invalid"),
        (&["plan", "c.yaml", "--json", "--config", "none"], 2, "invalid"),
        (&["frobnicate", "--json"], 2, "invalid"),
        (&["run", "--json", "--surprise"], 2, "invalid"),
    ] {
        let (code, document, stderr) = json(args);
        assert_eq!(
            (code, &document["exit"], &document["error"]["kind"]),
            (exit, &exit.into(), &kind.into()),
            "{args:?} {stderr}"
        );
        assert!(document["error"]["hint"].is_string() || !stderr.contains("hint:"), "{args:?} {document:#}");
    }
    assert_eq!(
        json(&["check", "bad.yaml", "--json"]).1["problems"].as_array().unwrap().len(),
        2,
        "its own document, alone"
    );
    assert!(json(&["completions", "bash", "--json"]).1["script"].as_str().unwrap().contains("housestyle"));
}

/// The name of a file is somebody's text, too.
#[cfg(unix)]
#[test]
fn a_file_name_cannot_forge_a_line() {
    let folder = folder();
    let name = "x\nc.yaml: ok, 99 image(s)\u{1b}[31m\u{202e}.yaml";
    std::fs::write(folder.path().join(name), CAMPAIGN).unwrap();
    let (_, stdout, stderr) = output(housestyle(folder.path(), &["check", name]));
    assert_eq!(stdout.lines().count(), 1, "{stdout}");
    let (_, _, missing) = output(housestyle(folder.path(), &["run", &format!("none{name}")]));
    for text in [stdout, stderr, missing] {
        assert!(!text.contains(['\u{1b}', '\u{202e}']) && !text.contains("\nc.yaml"), "{text}");
    }
}

/// Two folders hold a bundle of the same name: a digest says which one is meant.
#[test]
fn a_digest_finds_its_bundle_in_whichever_folder_it_is() {
    let folder = folder();
    let fixtures = repository().join("tests/fixtures");
    std::fs::create_dir_all(folder.path().join("old/tiny")).unwrap();
    std::fs::write(folder.path().join("old/tiny/bundle.yaml"), "another version").unwrap();
    let plan = |digest: &str| {
        let yaml = CAMPAIGN.replace("bundle: tiny", &format!("bundle: tiny@{digest}"));
        std::fs::write(folder.path().join("d.yaml"), yaml).unwrap();
        let both = ["plan", "d.yaml", "--bundles", "old", "--bundles", fixtures.to_str().unwrap()];
        output(housestyle(folder.path(), &both))
    };
    let own = housestyle::base::digest::Digest::of(std::fs::read(fixtures.join("tiny/bundle.yaml")).unwrap());
    let (code, _, stderr) = plan(&own.to_string());
    assert_eq!(code, 0, "{stderr}");
    let (code, _, stderr) = plan(&housestyle::base::digest::Digest::of("nobody's").to_string());
    assert!(code == 4 && stderr.matches("has digest").count() == 2, "{stderr}");
}

#[test]
fn a_provider_that_is_not_there_is_no_slow_cpu() {
    let folder = folder();
    let (code, _, stderr) = output(housestyle(folder.path(), &["run", "c.yaml", "--provider", "tensorrt"]));
    if code != 0 && code != 3 {
        assert_eq!(code, 4, "{stderr}");
        assert!(sidecars(folder.path()).is_empty());
    }
}

#[test]
fn doctor_finds_what_is_there_and_what_is_not() {
    needs!(Runtime);
    let folder = folder();
    let doctor = |args: &[&str]| {
        let (code, stdout, _) = output(housestyle(folder.path(), args));
        (code, serde_json::from_str::<serde_json::Value>(&stdout).unwrap())
    };
    let (code, checks) = doctor(&["doctor", "--json"]);
    assert_eq!(code, 0, "{checks:#}");
    let models =
        checks.as_array().unwrap().iter().find(|c| c["what"] == "models of tiny on cpu").expect("tiny is tried");
    assert!(models["detail"].as_str().unwrap().contains("one step, and scored it"), "{models:#}");
    let (code, checks) = doctor(&["doctor", "--json", "--bundles", "nowhere"]);
    assert_eq!(code, 4);
    let wrong: Vec<_> = checks.as_array().unwrap().iter().filter(|c| c["ok"] == false).collect();
    assert!(!wrong.is_empty() && wrong.iter().all(|c| c["fix"].is_string()), "{checks:#}");
}
